"""One exception per phase.

::

    WasmError
     ├── CompileError               the module cannot be used at all
     │    ├── MalformedError        decoding or parsing failed
     │    └── InvalidError          validation failed
     ├── LinkError                  imports do not match (every mismatch is listed)
     ├── Trap                       execution stopped by the semantics
     │    ├── ExhaustionError       the call stack or another resource ran out
     │    └── InterruptError        stopped from outside
     └── WasmException              an exception that wasm code threw and nobody caught

Messages of the first four begin with the words the official test suite expects. PlatformError is
not among them: it is not about a module, but says that this installation cannot run any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol


class WasmError(Exception):
    """The base of everything this package raises about a module or its execution."""


class PlatformError(RuntimeError):
    """This machine, or what is installed on it, cannot run wasm code, or not make it."""


class CompileError(WasmError):
    """The module is malformed or invalid.

    ``offset`` is the place in the binary, in bytes from its start, or None where there is
    none; ``func`` the index of the function it is in, or None.
    """

    def __init__(self, message: str, offset: int | None = None, func: int | None = None) -> None:
        self.message = message
        self.offset = offset
        self.func = func
        place = []
        if func is not None:
            place.append(f"func {func}")
        if offset is not None:
            place.append(f"at 0x{offset:x}")
        super().__init__(f"{message} ({', '.join(place)})" if place else message)

    def __reduce__(self) -> tuple[type[CompileError], tuple[str, int | None, int | None]]:
        return type(self), (self.message, self.offset, self.func)


class MalformedError(CompileError):
    """The input is not a module in the binary (or text) format."""


class InvalidError(CompileError):
    """The module is well-formed, but breaks a validation rule."""


class LinkError(WasmError):
    """Instantiation was given imports that are missing or do not match."""


class SourceLine(NamedTuple):
    """A place in the source that a module was compiled from, as its debugging information has it.

    ``file`` is a path as the compiler saw it, ``line`` counts from 1, and ``function`` is the name
    of the function in the source, or None where it is not known.
    """

    file: str
    line: int
    function: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Symbols(Protocol):
    """What a module says of its source (``runtime.symbols``)."""

    @property
    def module(self) -> object:
        """The module, as it was decoded."""

    def source(self, offset: int) -> tuple[SourceLine, ...]:
        """The places in the source of the instruction at ``offset``, innermost first."""

    def own_name(self, index: int) -> str | None:
        """What the name section calls function ``index``, or None."""

    def start(self, func: int) -> int:
        """Where the body of a function begins in the binary."""


class Frame:
    """One wasm frame of a trap's backtrace, innermost first in ``Trap.frames``.

    ``func`` is the function's index in its module, ``name`` what the name section (or an
    export) calls it or None, ``offset`` the byte offset of the instruction in the binary or
    None where it is not known, and ``module`` the module's name or None.

    ``source`` has the places in the source, from the module's DWARF (with ``pyelftools``
    installed): the instruction's own first, then those of the calls that the compiler inlined;
    empty where there are none. ``file`` and ``line`` are those of the first, or None. The DWARF is
    read when one of them is first asked for.
    """

    __slots__ = ("_source", "_symbols", "func", "module", "name", "offset")

    def __init__(
        self,
        func: int,
        name: str | None,
        offset: int | None,
        module: str | None,
        symbols: Symbols | None = None,
    ) -> None:
        self.func = func
        self.name = name
        self.offset = offset
        self.module = module
        self._symbols = symbols
        self._source: tuple[SourceLine, ...] | None = None

    @property
    def own_name(self) -> str | None:
        """``name`` if it is from the name section, and not that of an export."""
        return self.name if self._symbols is None else self._symbols.own_name(self.func)

    @property
    def func_offset(self) -> int | None:
        """``offset`` from the start of the function's body; None where it is not known."""
        if self._symbols is None or self.offset is None:
            return None
        return self.offset - self._symbols.start(self.func)

    @property
    def source(self) -> tuple[SourceLine, ...]:
        """The places in the source, innermost first."""
        if self._source is None:
            if self._symbols is None or self.offset is None:
                self._source = ()
            else:
                self._source = self._symbols.source(self.offset)
        return self._source

    @property
    def file(self) -> str | None:
        """The source file, or None."""
        return self.source[0].file if self.source else None

    @property
    def line(self) -> int | None:
        """The line in the source file, or None."""
        return self.source[0].line if self.source else None

    def is_of(self, module: object) -> bool:
        """Whether it is a frame of this module, a ``model.Module``; not known of a copy."""
        return self._symbols is not None and self._symbols.module is module

    def __reduce__(self) -> tuple[object, ...]:
        state = {"_source": self.source, "_symbols": None}
        return Frame, (self.func, self.name, self.offset, self.module), (None, state)

    def __repr__(self) -> str:
        where = f" at 0x{self.offset:x}" if self.offset is not None else ""
        label = f"${self.name}" if self.name else f"func {self.func}"
        return f"<Frame {label}{where}>"

    def __str__(self) -> str:
        where = f":0x{self.offset:x}" if self.offset is not None else ""
        label = f" ${self.name}" if self.name else ""
        module = f"{self.module}!" if self.module else ""
        source = ", inlined at ".join(map(str, self.source))
        at = f" at {source}" if source else ""
        return f"{module}wasm-function[{self.func}]{where}{label}{at}"


class Trace(Protocol):
    """A backtrace that is worked out when somebody asks for it."""

    def frames(self) -> tuple[Frame, ...]:
        """The frames, innermost first."""


def frame_lines(frames: Sequence[object]) -> str:
    """Entries of a backtrace as they are shown, one a line."""
    return "".join(f"\n    {frame}" for frame in frames)


class Trap(WasmError):
    """Execution trapped.

    ``kind`` is one of ``TRAP_KINDS``' values, the message the spec's suite expects, and ``detail``
    what else there is to say. ``frames`` is the wasm backtrace, innermost first, up to where
    Python called (at most 64 machine frames; ``backtrace`` has the rest of the way).
    """

    def __init__(self, kind: str, frames: tuple[Frame, ...] | Trace = (), detail: str = "") -> None:
        self.kind = kind
        self.detail = detail
        self._trace = frames
        super().__init__(f"{kind}: {detail}" if detail else kind)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The wasm frames, innermost first."""
        if not isinstance(self._trace, tuple):
            self._trace = self._trace.frames()
        return self._trace

    def __str__(self) -> str:
        return str(self.args[0]) + _backtrace(self.frames)

    def __reduce__(self) -> tuple[object, ...]:
        notes = {"__notes__": list(self.__notes__)} if hasattr(self, "__notes__") else None
        return type(self), (self.kind, self.frames, self.detail), notes


class ExhaustionError(Trap):
    """The call stack, the fuel or another bounded resource ran out."""


class InterruptError(Trap):
    """Execution was stopped from outside."""


class HeldException(Protocol):
    """A wasm exception in native memory, kept alive (``runtime.exceptions``)."""

    @property
    def tag(self) -> object:
        """Its tag."""

    def payload(self) -> tuple[object, ...]:
        """Its values."""


class WasmException(WasmError):
    """A wasm exception: raised in Python where one leaves its outermost wasm frame uncaught, and
    by a Python function to throw one into the wasm code that called it.

    ``tag`` is the ``wasmwright.Tag`` and ``payload`` the tuple of its values; ``frames`` the wasm
    backtrace of one that wasm threw, innermost first.
    """

    def __init__(self, tag: object, *payload: object) -> None:
        self.tag = tag
        self._trace: tuple[Frame, ...] | Trace = ()
        self._payload: tuple[object, ...] | None = payload
        # The native exception that this one stands for, once there is one.
        self._held: HeldException | None = None
        super().__init__(tag, *payload)

    @classmethod
    def _of(cls, held: HeldException) -> WasmException:
        self = cls(held.tag)
        self._payload = None
        self._held = held
        return self

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The wasm frames that it left, innermost first."""
        if not isinstance(self._trace, tuple):
            self._trace = self._trace.frames()
        return self._trace

    @property
    def payload(self) -> tuple[object, ...]:
        """The values that it was thrown with."""
        if self._payload is None:
            assert self._held is not None
            self._payload = self._held.payload()
        return self._payload

    def _values(self) -> list[str]:
        # An exception in the payload of another may have others in its own, without end.
        return [
            f"<{type(each).__name__}>" if isinstance(each, WasmException) else repr(each)
            for each in self.payload
        ]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([repr(self.tag), *self._values()])})"

    def __str__(self) -> str:
        return f"{self.tag!r} with ({', '.join(self._values())})" + _backtrace(self.frames)


def _backtrace(frames: Sequence[Frame]) -> str:
    return f"\n  wasm backtrace:{frame_lines(frames)}" if frames else ""


# The numbers that native code passes to the trap handler, and the messages for them.
TRAP_UNREACHABLE: Final = 1
TRAP_MEMORY: Final = 2
TRAP_TABLE: Final = 3
TRAP_DIVIDE_BY_ZERO: Final = 4
TRAP_INTEGER_OVERFLOW: Final = 5
TRAP_INVALID_CONVERSION: Final = 6
TRAP_UNDEFINED_ELEMENT: Final = 7
TRAP_UNINITIALIZED_ELEMENT: Final = 8
TRAP_INDIRECT_CALL_TYPE: Final = 9
TRAP_STACK: Final = 10
TRAP_INTERRUPT: Final = 11
TRAP_NULL_REFERENCE: Final = 12
TRAP_NULL_FUNCTION: Final = 13
TRAP_UNALIGNED_ATOMIC: Final = 14
TRAP_NOT_SHARED: Final = 15
TRAP_UNSUPPORTED: Final = 16
TRAP_NULL_STRUCT: Final = 17
TRAP_NULL_ARRAY: Final = 18
TRAP_NULL_I31: Final = 19
TRAP_CAST: Final = 20
TRAP_ARRAY: Final = 21
TRAP_HEAP: Final = 22
TRAP_NULL_EXCEPTION: Final = 23
TRAP_FUEL: Final = 24

TRAP_KINDS: Final[dict[int, str]] = {
    TRAP_UNREACHABLE: "unreachable",
    TRAP_MEMORY: "out of bounds memory access",
    TRAP_TABLE: "out of bounds table access",
    TRAP_DIVIDE_BY_ZERO: "integer divide by zero",
    TRAP_INTEGER_OVERFLOW: "integer overflow",
    TRAP_INVALID_CONVERSION: "invalid conversion to integer",
    TRAP_UNDEFINED_ELEMENT: "undefined element",
    TRAP_UNINITIALIZED_ELEMENT: "uninitialized element",
    TRAP_INDIRECT_CALL_TYPE: "indirect call type mismatch",
    TRAP_STACK: "call stack exhausted",
    TRAP_INTERRUPT: "interrupted",
    TRAP_NULL_REFERENCE: "null reference",
    TRAP_NULL_FUNCTION: "null function reference",
    TRAP_UNALIGNED_ATOMIC: "unaligned atomic",
    TRAP_NOT_SHARED: "expected shared memory",
    TRAP_UNSUPPORTED: "unsupported instruction",
    TRAP_NULL_STRUCT: "null structure reference",
    TRAP_NULL_ARRAY: "null array reference",
    TRAP_NULL_I31: "null i31 reference",
    TRAP_CAST: "cast failure",
    TRAP_ARRAY: "out of bounds array access",
    TRAP_HEAP: "out of memory for garbage-collected objects",
    TRAP_NULL_EXCEPTION: "null exception reference",
    TRAP_FUEL: "all fuel consumed",
}
