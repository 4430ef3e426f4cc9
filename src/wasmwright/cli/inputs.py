"""What the commands share: reading modules, writing results, and errors that name the file.

Without click: see `cli.main`.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wasmwright.errors import CompileError
from wasmwright.limits import MAX_MODULE_SIZE


class InputError(Exception):
    """Wrong input: one line, and the exit status."""

    exit_code = 1


class UsageError(InputError):
    """Wrong usage that shows after the options have been parsed."""

    exit_code = 2


@contextmanager
def without_collector() -> Iterator[None]:
    """For commands that make a module and end: Python's collector would look at it again and again.

    Also a decorator.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read(path: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``; at most the limit of a module."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_MODULE_SIZE + 1)
        else:
            if os.path.getsize(path) > MAX_MODULE_SIZE:
                raise InputError(f"{path}: module too large (over {MAX_MODULE_SIZE} bytes)")
            with open(path, "rb") as file:
                data = file.read(MAX_MODULE_SIZE + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if len(data) > MAX_MODULE_SIZE:
        raise InputError(f"{path}: module too large (over {MAX_MODULE_SIZE} bytes)")
    return data


@contextmanager
def errors_in(path: str) -> Iterator[None]:
    """Turns a malformed or invalid module into a one-line error that names the file."""
    try:
        yield
    except CompileError as error:
        raise InputError(f"{path}: {error}") from error


def read_binary(path: str) -> bytes:
    """The module in a file, in the binary format: text is recognised and assembled."""
    from wasmwright.binary.preamble import is_text

    data = read(path)
    if is_text(data):
        from wasmwright.text import parse

        with errors_in(path):
            return parse(data)
    return data


def write(path: str | None, data: bytes | str) -> None:
    """Writes a result to a file or to standard output; no binary goes to a terminal."""
    raw = data.encode() if isinstance(data, str) else data
    if path is not None and path != "-":
        try:
            with open(path, "wb") as file:
                file.write(raw)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        return
    if isinstance(data, bytes) and sys.stdout.isatty():
        raise UsageError("the result is binary: give a file with -o, or redirect it")
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()
