"""The script language of the official test suite: ``.wast`` files, parsed and run."""

from __future__ import annotations

from wasmwright.script.runner import Failure, Report, run_script
from wasmwright.script.syntax import parse_script

__all__ = ["Failure", "Report", "parse_script", "run_script"]
