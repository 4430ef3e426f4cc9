"""The exceptions of the ``wasmtime`` package, and ours turned into them.

Messages of traps are composed as that package does it, because clients look for parts of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, Self

from wasmwright import errors
from wasmwright.wasi.process_calls import Exit

UNKNOWN_OFFSET: Final = (1 << 64) - 1


class Closeable:
    """What can be closed, and is closed at the end of a ``with`` block."""

    __slots__ = ()

    def close(self) -> None:
        """Release what this holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class WrongType(TypeError, AttributeError):
    """An argument of a wrong type: the package raises one or the other of these, as it comes."""


class WasmtimeError(Exception, Closeable):
    """Whatever goes wrong that is not a trap."""


class ExitTrap(WasmtimeError):
    """The program called WASI's ``proc_exit``; ``code`` is its exit code, 0 included."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class TrapCode(Enum):
    """Why a trap happened. (The numbers after 16 belong to the component model.)"""

    STACK_OVERFLOW = 0
    MEMORY_OUT_OF_BOUNDS = 1
    HEAP_MISALIGNED = 2
    TABLE_OUT_OF_BOUNDS = 3
    INDIRECT_CALL_TO_NULL = 4
    BAD_SIGNATURE = 5
    INTEGER_OVERFLOW = 6
    INTEGER_DIVISION_BY_ZERO = 7
    BAD_CONVERSION_TO_INTEGER = 8
    UNREACHABLE = 9
    INTERRUPT = 10
    OUT_OF_FUEL = 11
    ATOMIC_WAIT_NON_SHARED_MEMORY = 12
    NULL_REFERENCE = 13
    ARRAY_OUT_OF_BOUNDS = 14
    ALLOCATION_TOO_LARGE = 15
    CAST_FAILURE = 16
    UNCAUGHT_EXCEPTION = 49


# Our trap kinds -> the code, and the words in the message where they differ.
_CODES: Final[dict[str, tuple[TrapCode, str]]] = {
    "unreachable": (TrapCode.UNREACHABLE, "wasm `unreachable` instruction executed"),
    "out of bounds memory access": (TrapCode.MEMORY_OUT_OF_BOUNDS, ""),
    "out of bounds table access": (
        TrapCode.TABLE_OUT_OF_BOUNDS,
        "undefined element: out of bounds table access",
    ),
    "undefined element": (
        TrapCode.TABLE_OUT_OF_BOUNDS,
        "undefined element: out of bounds table access",
    ),
    "uninitialized element": (TrapCode.INDIRECT_CALL_TO_NULL, ""),
    "indirect call type mismatch": (TrapCode.BAD_SIGNATURE, ""),
    "integer divide by zero": (TrapCode.INTEGER_DIVISION_BY_ZERO, ""),
    "integer overflow": (TrapCode.INTEGER_OVERFLOW, ""),
    "invalid conversion to integer": (TrapCode.BAD_CONVERSION_TO_INTEGER, ""),
    "call stack exhausted": (TrapCode.STACK_OVERFLOW, ""),
    "interrupted": (TrapCode.INTERRUPT, "interrupt"),
    "all fuel consumed": (TrapCode.OUT_OF_FUEL, "all fuel consumed by WebAssembly"),
    "null reference": (TrapCode.NULL_REFERENCE, ""),
    "null function reference": (TrapCode.NULL_REFERENCE, "null reference"),
    "null structure reference": (TrapCode.NULL_REFERENCE, "null reference"),
    "null array reference": (TrapCode.NULL_REFERENCE, "null reference"),
    "null i31 reference": (TrapCode.NULL_REFERENCE, "null reference"),
    "null exception reference": (TrapCode.NULL_REFERENCE, "null reference"),
    "unaligned atomic": (TrapCode.HEAP_MISALIGNED, ""),
    "expected shared memory": (
        TrapCode.ATOMIC_WAIT_NON_SHARED_MEMORY,
        "atomic wait on non-shared memory",
    ),
    "out of bounds array access": (TrapCode.ARRAY_OUT_OF_BOUNDS, ""),
    "cast failure": (TrapCode.CAST_FAILURE, ""),
}


class Frame(Closeable):
    """One wasm frame of a trap's backtrace."""

    __slots__ = ("_frame",)

    def __init__(self, frame: errors.Frame) -> None:
        self._frame = frame

    @property
    def func_index(self) -> int:
        """The function's index in its module."""
        return self._frame.func

    @property
    def func_name(self) -> str | None:
        """What the name section calls the function, or None."""
        return self._frame.own_name

    @property
    def module_name(self) -> str | None:
        """The module's name, or None."""
        return self._frame.module

    @property
    def module_offset(self) -> int:
        """Where in the binary the instruction is, in bytes; 2**64 - 1 where it is not known."""
        return UNKNOWN_OFFSET if self._frame.offset is None else self._frame.offset

    @property
    def func_offset(self) -> int:
        """Where in the function the instruction is, in bytes; 2**64 - 1 where it is not known."""
        offset = self._frame.func_offset
        return UNKNOWN_OFFSET if offset is None else offset

    def __str__(self) -> str:
        frame = self._frame
        where = "" if frame.offset is None else f"{f'0x{frame.offset:x}':>8} - "
        name = frame.own_name or f"<wasm function {frame.func}>"
        return f"{where}{frame.module or '<unknown>'}!{name}"


class Trap(Exception, Closeable):
    """Execution trapped, or a host function says that it did: ``raise Trap("message")``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._message = message
        self._frames: Sequence[errors.Frame] = ()
        self._code: TrapCode | None = None

    @classmethod
    def of(cls, trap: errors.Trap) -> Trap:
        """One of our traps as this package's."""
        code, words = _CODES.get(trap.kind, (None, ""))
        cause = "" if code is None else f"wasm trap: {words or trap.kind}"
        # The kind alone says less than what came with it, as for a trap of the host's.
        detail = str(trap).partition("\n  wasm backtrace:")[0]
        self = cls(with_backtrace(cause or detail, trap.frames))
        self._frames = trap.frames
        self._code = code
        return self

    @property
    def message(self) -> str:
        """What happened, with the backtrace."""
        return self._message

    @property
    def frames(self) -> list[Frame]:
        """The wasm frames, innermost first."""
        return [Frame(frame) for frame in self._frames]

    @property
    def trap_code(self) -> TrapCode | None:
        """Why it happened; None for a trap that a host function raised."""
        return self._code

    def __str__(self) -> str:
        return self._message


def with_backtrace(cause: str, frames: Sequence[errors.Frame]) -> str:
    """A message in the form that the package gives it."""
    if not frames:
        return cause
    lines = "".join(f"{i:>5}: {Frame(frame)}\n" for i, frame in enumerate(frames))
    return f"error while executing at wasm backtrace:\n{lines}\nCaused by:\n    {cause}\n"


# What the calls into the engine raise, to be passed to `translate`.
OURS: Final = (errors.WasmError, Exit)


def translate(error: BaseException) -> Exception:
    """The package's exception for one of ours."""
    if isinstance(error, errors.Trap):
        return Trap.of(error)
    if isinstance(error, Exit):
        code = error.code - (1 << 32) if error.code >= 1 << 31 else error.code
        return ExitTrap(f"Exited with i32 exit status {code}", code)
    if isinstance(error, errors.WasmException):
        trap = Trap(f"wasm trap: uncaught exception: {error}")
        trap._code = TrapCode.UNCAUGHT_EXCEPTION
        return trap
    return WasmtimeError(str(error))
