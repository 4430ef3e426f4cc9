"""Backtraces: which frames an exception came through, of wasm and of Python.

Reads the return addresses that native code left in an activation (``codegen.llvm.native`` has its
layout), and finds the code that they are in. That is all that happens when something is raised:
frames get their names and places when somebody asks for them, or when they are shown.

Each call from Python into wasm has an activation, so a backtrace is made of *parts*: the wasm
frames from an activation inwards, up to the host function that they called. The parts of an
exception are kept with it, in its attribute ``__wasm_parts__``.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, SupportsIndex, overload

from wasmwright import errors
from wasmwright.codegen.llvm import native as ir
from wasmwright.runtime import native

if TYPE_CHECKING:
    import traceback


class CodeMap(Protocol):
    """Loaded code that can tell the frames of an address."""

    def frames_at(self, address: int, stopped: bool) -> list[errors.Frame]:
        """The frames of the code at ``address``, innermost first: several where functions were
        inlined. ``stopped`` says that control may be anywhere, not just in a call.
        """

    def unframed(self, address: int) -> int | None:
        """Where code stopped at ``address`` has the address it returns to, as an offset from the
        stack pointer, if it has no frame of its own there.
        """


class _Registry:
    """Loaded units of code by address.

    No lock: finalisers unregister, and may interrupt the very thread that would hold it. Each
    step is atomic under the GIL, and the sorted starts are made anew after a change.
    """

    def __init__(self) -> None:
        self._units: dict[int, tuple[int, CodeMap]] = {}
        self._changes = 0
        self._sorted: tuple[int, list[int]] = (0, [])

    def add(self, start: int, end: int, code: CodeMap) -> None:
        self._units[start] = end, code
        self._changes += 1

    def remove(self, start: int) -> None:
        self._units.pop(start, None)
        self._changes += 1

    def find(self, address: int) -> CodeMap | None:
        changes = self._changes
        known, starts = self._sorted
        if known != changes:
            starts = sorted(self._units)
            self._sorted = changes, starts
        at = bisect.bisect_right(starts, address) - 1
        end, code = self._units.get(starts[at], (0, None)) if at >= 0 else (0, None)
        return code if address < end else None


_registry = _Registry()

# By the kind of an entry: the offset from the stack pointer that it was found at.
_ON_STACK = {ir.TRACE_STACK: 0, ir.TRACE_BELOW: 8}


def register(start: int, end: int, code: CodeMap) -> None:
    """Announces code in ``[start, end)``."""
    _registry.add(start, end, code)


def unregister(start: int) -> None:
    """Takes back what ``register`` announced."""
    _registry.remove(start)


class Trace:
    """Implements ``errors.Trace``: addresses, and the code that they were in."""

    __slots__ = ("_found", "_places", "_stopped")

    def __init__(self, places: list[tuple[CodeMap, int]], stopped: bool) -> None:
        self._places = places
        self._stopped = stopped
        self._found: tuple[errors.Frame, ...] | None = None

    def __bool__(self) -> bool:
        return bool(self._places)

    def __reduce__(self) -> tuple[object, ...]:
        state = {"_found": self.frames()}
        return Trace, ([], self._stopped), (None, state)

    def frames(self) -> tuple[errors.Frame, ...]:
        """The frames, innermost first."""
        if self._found is None:
            found: list[errors.Frame] = []
            for i, (code, address) in enumerate(self._places):
                found += code.frames_at(address, self._stopped and i == 0)
            self._found = tuple(found)
        return self._found


def of_activation(activation: int, stopped: bool = False) -> Trace:
    """The wasm frames that the activation recorded.

    ``stopped`` says that the innermost one may have been stopped anywhere.
    """
    places: list[tuple[CodeMap, int]] = []
    for i in range(native.read64(activation + ir.ACT_COUNT)):
        entry = native.read64(activation + ir.ACT_TRACE + 8 * i)
        kind = entry >> ir.TRACE_KINDS
        if kind:
            if not places or places[0][0].unframed(places[0][1]) != _ON_STACK[kind]:
                continue
            entry &= (1 << ir.TRACE_KINDS) - 1
        # Return addresses: that of a call at the very end is the first byte after its function.
        address = entry - 1
        code = _registry.find(address)
        if code is not None:
            places.append((code, address))
    return Trace(places, stopped)


class _Part:
    """Wasm frames that an exception came through; in a list of notes, the text for them.

    ``python`` has the Python frames between these and the last part, innermost first; ``depth``
    counts the entries of the exception's traceback that are further inside.
    """

    __slots__ = ("depth", "python", "trace")

    def __init__(
        self, trace: errors.Trace, depth: int, python: list[traceback.FrameSummary]
    ) -> None:
        self.trace = trace
        self.depth = depth
        self.python = python

    def __str__(self) -> str:
        calls = [f"{each.name} at {each.filename}:{each.lineno}" for each in self.python]
        text = f"  through Python:{errors.frame_lines(calls)}\n" if calls else ""
        return f"{text}  through wasm:{errors.frame_lines(self.trace.frames())}"


class _Notes(list[Any]):
    """An exception's notes, of which those about wasm frames are written when they are read."""

    def _write(self) -> None:
        for i in range(super().__len__()):
            note = super().__getitem__(i)
            if isinstance(note, _Part):
                super().__setitem__(i, str(note))

    def __iter__(self) -> Iterator[Any]:
        self._write()
        return super().__iter__()

    @overload
    def __getitem__(self, index: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        self._write()
        return super().__getitem__(index)

    def __contains__(self, note: object) -> bool:
        self._write()
        return super().__contains__(note)

    def __eq__(self, other: object) -> bool:
        self._write()
        return super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        self._write()
        return super().__repr__()

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        return list, (list(self),)


def leave(error: errors.WasmException, activation: int) -> None:
    """Keeps with a wasm exception the frames that it is leaving uncaught."""
    if error.__traceback__ is None:
        error._trace = of_activation(activation)
        error.__dict__.pop("__wasm_parts__", None)
    else:  # Python threw it, or is throwing it on
        attach(error, activation)


def attach(error: BaseException, activation: int) -> None:
    """Keeps with ``error``, and in its notes, the wasm frames that it is passing through."""
    trace = of_activation(activation, True)
    if not trace:
        return
    parts = error.__dict__.setdefault("__wasm_parts__", [])
    entries = list(_entries(error.__traceback__))
    depth = len(entries)
    between: list[traceback.FrameSummary] = []
    if parts or getattr(error, "_trace", ()):
        inside = parts[-1].depth if parts else 0
        between = [_summary(each) for each in reversed(entries[: max(0, depth - inside)])]
    part = _Part(trace, depth, between)
    parts.append(part)
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, _Notes):
        notes = _Notes(notes if isinstance(notes, list) else ())
        error.__notes__ = notes
    notes.append(part)


def backtrace(error: BaseException) -> list[errors.Frame | traceback.FrameSummary]:
    """All frames that an exception came through, of wasm and of Python, innermost first.

    Wasm frames are :class:`Frame`, Python's are :class:`traceback.FrameSummary`, as far out as
    where the exception was caught.
    """
    parts: list[_Part] = getattr(error, "__wasm_parts__", [])
    python = [_summary(each) for each in reversed(list(_entries(error.__traceback__)))]
    found: list[errors.Frame | traceback.FrameSummary] = [*_own_frames(error)]
    done = 0
    for part in parts:
        found += python[done : part.depth]
        done = max(done, part.depth)
        found += part.trace.frames()
    return found + python[done:]


def _own_frames(error: BaseException) -> tuple[errors.Frame, ...]:
    return error.frames if isinstance(error, errors.Trap | errors.WasmException) else ()


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _summary(entry: TracebackType) -> traceback.FrameSummary:
    import traceback  # only where somebody looks

    code = entry.tb_frame.f_code
    return traceback.FrameSummary(
        code.co_filename, entry.tb_lineno, code.co_name, lookup_line=False
    )
