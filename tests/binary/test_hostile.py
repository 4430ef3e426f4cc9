"""Wrong and hostile input ends in a CompileError, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from conftest import HEADER, sample_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
