"""LLVM in this process, if it is there: imported when something is first compiled with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

from wasmwright.errors import PlatformError

_T = TypeVar("_T")


class CompilerError(PlatformError):
    """LLVM failed, or what writes its input did; the cause is the error itself."""


def guarded(call: Callable[[], _T]) -> _T:
    """``call()``, whose errors are the compiler's: to be called in the thread that it works in.

    (What a handler of signals raises comes in the main thread, and is none.)
    """
    try:
        return call()
    except PlatformError:
        raise
    except Exception as error:
        text = str(error) or type(error).__name__
        raise CompilerError(f"LLVM failed: {text}") from error


@functools.cache
def _find() -> ModuleType | Exception:
    try:
        from wasmwright.codegen.llvm import compiler
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "llvmlite":
            raise
        return error
    except Exception as error:  # it does not load, or is another version
        return error
    return compiler


def compiler() -> ModuleType:
    """The module ``codegen.llvm.compiler``; PlatformError where llvmlite is not installed."""
    found = _find()
    if isinstance(found, ModuleNotFoundError):
        raise PlatformError(
            "this needs compiling, and llvmlite is not installed: neither the cache nor a file "
            "of `wasmwright compile` has the code"
        ) from found
    if isinstance(found, Exception):
        raise PlatformError(f"this needs compiling, and LLVM does not load: {found}") from found
    return found


def available() -> bool:
    """Whether there is a compiler. The first answer that there is none is logged."""
    found = _find()
    if isinstance(found, Exception):
        _log_absence(found)
        return False
    return True


@functools.cache
def _log_absence(error: Exception) -> None:
    import logging  # rarely needed, and not cheap

    log = logging.getLogger("wasmwright")
    log.warning("wasmwright has no LLVM (%s): the baseline tier compiles instead", error)
