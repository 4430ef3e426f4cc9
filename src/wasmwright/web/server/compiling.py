"""C to modules with the clang inside the package ``ziglang``, for the playground."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

_TIMEOUT: Final = 120  # seconds; the first use builds the C library
_MOST_NOTES: Final = 50
_NOTE: Final = re.compile(r"^main\.c:(\d+):(\d+): (?:fatal )?(error|warning): (.*)$", re.MULTILINE)

# One at a time: two would fight for the same processors, and a page can ask often.
_ONE: Final = threading.Lock()


class CompilerError(Exception):
    """The source does not compile, or there is no compiler.

    ``notes`` are the places: dicts with ``line`` and ``column`` (from 1), ``kind`` and ``message``.
    """

    def __init__(self, message: str, notes: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.notes = notes


def compiler_exists() -> bool:
    """Whether ``ziglang`` is installed."""
    return importlib.util.find_spec("ziglang") is not None


def compile_c(source: bytes) -> bytes:
    """A WASI program from C source. Raises CompilerError."""
    if not compiler_exists():
        raise CompilerError("no C compiler: pip install ziglang", [])
    with _ONE, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.c").write_bytes(source)
        command = "-m ziglang cc -std=c11 -O2 -s -Wall -target wasm32-wasi main.c -o main.wasm"
        try:
            done = subprocess.run(
                [sys.executable, *command.split()],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CompilerError(f"the compiler took longer than {_TIMEOUT} seconds", []) from None
        if done.returncode != 0:
            text = done.stderr.strip()[-20_000:] or f"the compiler ended with {done.returncode}"
            notes = [
                {"line": int(line), "column": int(column), "kind": kind, "message": message}
                for line, column, kind, message in _NOTE.findall(text)
            ]
            raise CompilerError(text, notes[:_MOST_NOTES])
        return (folder / "main.wasm").read_bytes()
