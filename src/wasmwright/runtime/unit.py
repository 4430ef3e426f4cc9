"""A loaded object of compiled wasm: which function each part of it is, and what its frames are."""

from __future__ import annotations

import bisect
import ctypes
from collections.abc import Iterable, Sequence
from typing import Final

from wasmwright import errors
from wasmwright.codegen.arch import HERE
from wasmwright.codegen.lines import Place
from wasmwright.codegen.objects import LoadedObject
from wasmwright.codegen.unwind import ObjectFrames
from wasmwright.runtime.symbols import Symbols

_PROLOGUE: Final = HERE.PROLOGUE


class Unit:
    """A loaded object and which function each part of it is.

    It outlives the code if a backtrace has it, and can still tell frames.
    """

    __slots__ = (
        "_funcs",
        "_known",
        "_sizes",
        "_starts",
        "_unframed",
        "_unwinding",
        "loaded",
        "symbols",
    )

    def __init__(self, symbols: Symbols, loaded: LoadedObject, funcs: Sequence[int]) -> None:
        self.symbols = symbols
        self.loaded = loaded
        names = {f"f{func}": func for func in funcs} | {f"o{func}": func for func in funcs}
        placed = sorted(
            (start, names[name], loaded.sizes[name])
            for name, start in loaded.symbols.items()
            if name in names
        )
        self._starts = [start for start, _, _ in placed]
        self._funcs = [func for _, func, _ in placed]
        self._sizes = [size for _, _, size in placed]
        self._unwinding: ObjectFrames | None = None
        # By address: the same ones are asked for again and again.
        self._known: dict[tuple[int, bool], list[Place]] = {}
        self._unframed: dict[int, int | None] = {}

    def entries(self) -> Iterable[tuple[int, int, int]]:
        """Each function's index, and its code's address and size in bytes."""
        return zip(self._funcs, self._starts, self._sizes, strict=True)

    def unframed(self, address: int) -> int | None:
        """Implements CodeMap; needs the code to be loaded."""
        if address not in self._unframed:
            self._unframed[address] = self._find_frame(address)
        return self._unframed[address]

    def _find_frame(self, address: int) -> int | None:
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        begin = self._starts[at]
        framed = address >= begin + len(_PROLOGUE)
        if _PROLOGUE and framed and ctypes.string_at(begin, len(_PROLOGUE)) == _PROLOGUE:
            return None
        if self._unwinding is None:
            self._unwinding = ObjectFrames(self.loaded)
        return self._unwinding.unframed(address)

    def frames_at(self, address: int, stopped: bool) -> list[errors.Frame]:
        """Implements CodeMap."""
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._starts[at] + self._sizes[at]:
            return []
        places = self._known.get((address, stopped))
        if places is None:
            places = self.loaded.lines().at(address - self.loaded.address, stopped)
            self._known[address, stopped] = places
        return [
            self.symbols.frame(self._funcs[at] if place.func is None else place.func, place.offset)
            for place in places
        ]
