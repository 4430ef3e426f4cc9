"""Baseline code in this process: the shared places that it refers to, and its placing in memory."""

from __future__ import annotations

import bisect
import ctypes
import functools
from collections.abc import Sequence
from typing import Final

from wasmwright import errors, tuning
from wasmwright.codegen import arch, cpu, vm
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.baseline.compiler import Compiled, compile_functions
from wasmwright.codegen.baseline.library import Library, open_library
from wasmwright.codegen.baseline.relocate import relocated, relocated_words
from wasmwright.codegen.baseline.sites import CELL_SIZE, Counting
from wasmwright.codegen.baseline.view import View
from wasmwright.codegen.options import Options
from wasmwright.codegen.unwind import CallSite
from wasmwright.model.module import Module
from wasmwright.runtime import native
from wasmwright.runtime.symbols import Symbols

_PLACE: Final = 16
_CELL_CODE: Final = 8  # where a cell has what code to go on in


class Shared:
    """What all baseline code refers to; it stays for the life of the process.

    Where jumps do not reach far, each unit has the jumps there with it: ``beside``, and the
    ``targets`` are offsets in that; otherwise they are addresses.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        around = library.around
        parts = {"ww_trap": around.trap, "ww_throw": around.throw}
        if not around.words:
            parts["pool"] = library.pool
        for name in ("memset", "memmove", "write"):
            parts[name] = around.far_jump + _c_function(name).to_bytes(8, "little")
        block = bytearray()
        offsets = {}
        for name, data in parts.items():
            block += bytes(-len(block) % _PLACE)
            offsets[name] = len(block)
            block += data
        self.beside = bytes(block) if around.words else b""
        address = 0
        if not around.words:
            address = native.get().code_arena.allocate(len(block))
            vm.write(address, bytes(block))
            vm.make_executable(address, len(block))
        self.targets = [address + offsets.get(name, 0) for name in library.targets]

    def placed(self, compiled: Compiled, address: int, cells: int) -> bytes:
        """The code of a unit, to stand at an address, with what has to be beside it."""
        origins = self.targets.copy()
        code = compiled.code
        if not self.library.around.words:
            origins[self.library.cell_target] = cells
            return relocated(code, address, compiled.shared, origins)
        beside = address + len(code) + -len(code) % _PLACE
        origins = [beside + each for each in origins]
        origins[self.library.cell_target] = cells
        made = relocated_words(code, address, compiled.shared, origins)
        return made + bytes(-len(code) % _PLACE) + self.beside


def _c_function(name: str) -> int:
    return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0


@functools.cache
def fits() -> bool:
    """Whether there are stencils for this machine."""
    name = cpu.machine()
    return name in arch.names() and not cpu.missing(cpu.DEFAULT[name])


@functools.cache
def shared() -> Shared:
    """The shared places, made on first use; OSError if there are no stencils for this machine."""
    return Shared(open_library(cpu.machine()))


class BaselineUnit:
    """Baseline code of several functions, in memory.

    Implements ``backtraces.CodeMap`` and ``unwind.Frames``.
    """

    def __init__(self, symbols: Symbols, compiled: Compiled) -> None:
        size = len(compiled.code)
        beside = len(shared().beside)
        # Behind the code, on pages that stay writable, the cells of what it counts.
        self._code_size = vm.round_up(size + _PLACE + beside if beside else size)
        self._end = size
        self.sites = compiled.sites
        self.size = self._code_size + len(compiled.cells)
        arena = native.get().code_arena
        self.address = arena.allocate(self.size)
        cells = self.address + self._code_size
        vm.write(self.address, shared().placed(compiled, self.address, cells))
        vm.write(cells, compiled.cells)
        vm.make_executable(self.address, self._code_size)
        self._arena = arena
        self._symbols = symbols
        self._starts = compiled.starts
        self._steps = compiled.steps
        self.funcs = compiled.funcs
        numbers = memoryview(compiled.map).cast("i")
        self._from = numbers[0::2]
        self._offsets = numbers[1::2]
        pads = compiled.pads
        self._guarded = pads[0::4]
        self._pads = list(zip(pads[1::4], pads[2::4], pads[3::4], strict=True))

    def entries(self) -> list[tuple[int, int, int]]:
        """Each function's index, and its code's address and size in bytes."""
        ends = [*self._starts[1:], self._end]
        return [
            (func, self.address + start, end - start)
            for func, start, end in zip(self.funcs, self._starts, ends, strict=True)
        ]

    def enter_at(self, number: int, address: int) -> None:
        """Has the code go on in other code at the site ``number`` when that is next looked at."""
        native.write64(self.address + self._code_size + CELL_SIZE * number + _CELL_CODE, address)

    def entered(self, number: int) -> bool:
        """Whether what ran at the site ``number`` last went on in the code that `enter_at` set."""
        # Who tells of a site, in place of that, has it count on from zero or more.
        rounds = native.read32(self.address + self._code_size + CELL_SIZE * number)
        return bool(rounds >> 31)

    def step(self, func: int) -> int:
        """The bytes of a local in the frame of a function."""
        return self._steps[self.funcs.index(func)]

    def close(self) -> None:
        """Gives the memory back; nothing may run in it any more."""
        self._arena.release(self.address, self.size)

    def frames(self) -> BaselineUnit:
        """What knows the unit's frames."""
        return self

    def call_site(self, return_address: int) -> CallSite:
        """Implements Frames."""
        place = return_address - self.address - 1
        at = bisect.bisect_right(self._guarded, place) - 1
        pad = slots = 0
        if at >= 0:
            end, target, size = self._pads[at]
            if place < end:
                pad, slots = self.address + target, size
        around = shared().library.around
        return CallSite(around.frame_address, around.saved, pad, around.first_slot - slots)

    def frames_at(self, address: int, stopped: bool) -> list[errors.Frame]:
        """Implements CodeMap."""
        at = address - self.address
        func = self.funcs[bisect.bisect_right(self._starts, at) - 1]
        offset = self._offsets[bisect.bisect_right(self._from, at) - 1]
        # Code that goes on in optimised code has a frame, but is not a call of the function.
        return [] if offset < 0 else [self._symbols.frame(func, offset)]

    def unframed(self, address: int) -> int | None:
        """Implements CodeMap; needs the code to be there."""
        place = address - self.address
        inside = place - self._starts[bisect.bisect_right(self._starts, place) - 1]
        around = shared().library.around
        if inside < around.framed:
            return 0 if inside < around.pushed else 8
        if _is_at(address, around.returning):
            return 0
        return 0 if _is_at(address + around.leaving_at, around.leaving) else None


def _is_at(address: int, code: bytes) -> bool:
    return ctypes.string_at(address, len(code)) == code


def view(module: Module, layout: Layout, guard: bool, options: Options) -> View:
    """What `compile_unit` needs of a module; ``guard`` is `View`'s."""
    exact, fuel = options.deterministic, options.fuel
    return View(shared().library, module, layout, guard, exact, fuel)


def compile_unit(
    view: View,
    funcs: Sequence[int],
    symbols: Symbols,
    told: int | None = None,
    first: int = 0,
) -> BaselineUnit:
    """The functions' code, placed.

    With ``told`` it counts how often its functions and loops are entered, and tells the file with
    this descriptor of those that are hot, by their numbers from ``first`` on.
    """
    counting = None
    if told is not None:
        calls, rounds, more = tuning.HOT_CALLS, tuning.HOT_ROUNDS, tuning.HOT_AGAIN
        counting = Counting(told, first, calls, rounds, more)
    return BaselineUnit(symbols, compile_functions(view, list(funcs), counting))
