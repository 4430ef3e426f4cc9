"""What every test shares: the package under test named in the header, a cache of the run's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a code cache of its own: what an older compiler left must not be tested."""
    if "WASMWRIGHT_CACHE" not in os.environ:
        folder = tempfile.mkdtemp(prefix="wasmwright-cache-")
        os.environ["WASMWRIGHT_CACHE"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_report_header() -> str:
    """Say which wasmwright this run tests: the installed one, and compiled or pure."""
    spec = find_spec("wasmwright")
    if spec is None or spec.origin is None:
        return "wasmwright: not installed"
    from wasmwright import _build_info

    where = Path(spec.origin).parent
    return f"wasmwright {_build_info.VERSION}: {_build_info.describe()}, from {where}"
