"""The machine code of one module: compiled function by function on first call, or eagerly.

One :class:`ModuleCode` serves every instance of a module in one memory mode. Each defined
function has a thunk from the start; calling it ends in :meth:`ModuleCode.address`.
"""

from __future__ import annotations

import bisect
import ctypes
import functools
import threading
import weakref
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from wasmwright import errors, tuning
from wasmwright.binary import names
from wasmwright.binary.bodies import callees, is_short
from wasmwright.codegen import abi, vm
from wasmwright.codegen.cache import Pack, open_pack
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.heap_layout import HeapNeeds
from wasmwright.codegen.llvm import native as ir
from wasmwright.codegen.objects import LoadedObject, ObjectError
from wasmwright.model.module import KIND_FUNC, Module
from wasmwright.runtime import native, traps
from wasmwright.runtime.compile_clock import Preparing
from wasmwright.runtime.resource import resource

# Functions, and an object that has them.
Object = tuple[Sequence[int], bytes]


def eager_groups(module: Module, compiled: Sequence[int]) -> Iterable[list[int]]:
    """The functions to compile together; those whose number has something in ``compiled`` are done.

    Reads ``compiled`` while it goes.
    """
    group: list[int] = []
    size = 0
    for number, code in enumerate(module.codes):
        if compiled[number]:
            continue
        group.append(module.imported_funcs + number)
        size += code.end - code.start
        if size >= tuning.EAGER_UNIT:
            yield group
            group, size = [], 0
    if group:
        yield group


class Unit:
    """A loaded object and which function each part of it is."""

    __slots__ = ("_code", "_funcs", "_starts", "loaded")

    def __init__(self, code: ModuleCode, loaded: LoadedObject, funcs: Sequence[int]) -> None:
        self._code = weakref.ref(code)
        self.loaded = loaded
        placed = sorted((loaded.symbols[f"f{func}"], func) for func in funcs)
        self._starts = [start for start, _ in placed]
        self._funcs = [func for _, func in placed]

    def frame_at(self, address: int) -> errors.Frame | None:
        """Implements CodeMap."""
        at = bisect.bisect_right(self._starts, address) - 1
        code = self._code()
        return code.frame(self._funcs[at]) if code is not None and at >= 0 else None


class Client(Protocol):
    """An instance that runs the code."""

    def set_code(self, number: int, address: int, short: bool) -> None:
        """Puts the address of a defined function's code into its record, and if it is short."""


class ModuleCode:
    """Compiled code of ``module``; ``guard`` says that its memories have guard pages, ``fuel``
    that it consumes fuel.
    """

    def __init__(
        self,
        module: Module,
        guard: bool,
        level: int | None = None,
        fuel: bool = False,
        ahead: Mapping[int, Object] | None = None,
    ) -> None:
        self.module = module
        self.guard = guard
        self.fuel = fuel
        self.level = level
        self.layout = abi.Layout(module)
        self.needs = HeapNeeds(module)
        self._first = module.imported_funcs
        self._compiled = array("Q", bytes(8 * len(module.funcs)))
        # Reentrant: a finaliser or a signal handler may interrupt a compilation and call.
        self._lock = threading.RLock()
        # By number, 1 for functions that are compiled and over before the GIL could be released.
        self.short = bytearray(len(module.funcs))
        self._units: list[Unit] = []
        # What was compiled ahead of time, by function; all of them, or none.
        self._ahead: Mapping[int, Object] = ahead or {}
        self._packs: dict[int, Pack] = {}
        self._names: names.Names | None = None
        self._exported: dict[int, str] | None = None
        self._instances: weakref.WeakSet[Client] = weakref.WeakSet()
        # The callable that compiled code has in its thunks; it must not keep this alive.
        self._compiler = _compiler(id(self))
        self._thunks, self._thunk_size = _make_thunks(len(module.funcs), self._compiler)
        self._code = resource(_unload, self._units, self._thunks, self._thunk_size)

    @functools.cached_property
    def digest(self) -> bytes:
        """A hash of the module's bytes."""
        return blake2b(self.module.data, digest_size=20).digest()

    def entry(self, index: int) -> int:
        """The address to call for function ``index``: its code, or its thunk."""
        number = index - self._first
        return self._compiled[number] or self._thunks + ir.LAZY_THUNK_SIZE * number

    def entries(self) -> array[int]:
        """``entry`` of every defined function, in order."""
        size = ir.LAZY_THUNK_SIZE
        count = len(self._compiled)
        thunks = array("Q", range(self._thunks, self._thunks + size * count, size))
        for number, address in enumerate(self._compiled):
            if address:
                thunks[number] = address
        return thunks

    def address(self, index: int) -> int:
        """The address of the code of function ``index``, compiled now if it is not yet."""
        number = index - self._first
        if not self._compiled[number]:
            with Preparing(), self._lock:
                if not self._compiled[number]:
                    self._compile(self._neighbours(index), tuning.LAZY_LEVEL, False)
        return self._compiled[number]

    def _neighbours(self, index: int) -> list[int]:
        """The function ``index``, and nearest first those that it calls, which may follow soon."""
        group = [index]
        members = {index}
        room = tuning.LAZY_UNIT - self._body_size(index)
        for caller in group:
            for callee in callees(self.module, caller - self._first):
                if callee < self._first or callee in members:
                    continue
                members.add(callee)
                room -= self._body_size(callee)
                if room < 0:
                    return group
                if not self._compiled[callee - self._first]:
                    group.append(callee)
        return group

    def _body_size(self, index: int) -> int:
        code = self.module.codes[index - self._first]
        return code.end - code.start

    def attach(self, instance: Client) -> None:
        """Has ``instance`` told where functions are once they are compiled."""
        self._instances.add(instance)

    def enter(self, number: int) -> int:
        """The code of a defined function whose thunk was called."""
        address = self.address(self._first + number)
        short = bool(self.short[number])
        for instance in list(self._instances):
            instance.set_code(number, address, short)
        return address

    def compile_all(self) -> None:
        """Compiles every function that is not compiled yet."""
        with Preparing(), self._lock:
            if self._ahead:
                for number in range(len(self._compiled)):
                    self.address(self._first + number)
            for group in eager_groups(self.module, self._compiled):
                self._compile(group, tuning.EAGER_LEVEL, True)

    def _compile(self, wanted: list[int], level: int, inline: bool) -> None:
        level = level if self.level is None else self.level
        funcs, data = self._object(wanted, level, inline)
        try:
            loaded = native.get().load_code(data)
        except ObjectError:
            if self._ahead:
                raise
            self._cached(level).forget(wanted[0])
            funcs, data = self._object(wanted, level, inline)
            loaded = native.get().load_code(data)
        unit = Unit(self, loaded, funcs)
        self._units.append(unit)
        traps.register(loaded.address, loaded.address + loaded.size, unit)
        native.get().unwinder.add(loaded)
        for func in funcs:
            number = func - self._first
            self._compiled[number] = loaded.symbols[f"f{func}"]
            self.short[number] = is_short(self.module, number, tuning.SHORT_BODY)

    def _object(self, wanted: list[int], level: int, inline: bool) -> Object:
        """An object that has the wanted functions: from the cache, or compiled now."""
        ready = self._ahead.get(wanted[0])
        if ready is not None:
            return ready
        cached = self._cached(level)
        found = cached.find(wanted[0])
        if found is not None and set(wanted) <= set(found[0]):
            return found
        from wasmwright.codegen.llvm import lower

        options = lower.Options(guard=self.guard, fuel=self.fuel, inline=inline)
        text = lower.lower_unit(self.module, self.layout, wanted, options)
        data = native.get().compile_ir(lambda: text, level)
        cached.add(tuple(wanted), data)
        return wanted, data

    def _cached(self, level: int) -> Pack:
        pack = self._packs.get(level)
        if pack is None:
            pack = open_pack(self.digest + bytes((self.guard, level, self.fuel)))
            self._packs[level] = pack
        return pack

    def frame(self, index: int) -> errors.Frame:
        """A backtrace frame for function ``index``."""
        if self._names is None:
            self._names = names.decode_names(self.module)
        return errors.Frame(index, self.name(index), None, self._names.module)

    def name(self, index: int) -> str | None:
        """What the name section, or else an export, calls function ``index``."""
        if self._names is None:
            self._names = names.decode_names(self.module)
        found = self._names.funcs.get(index)
        if found is None:
            if self._exported is None:
                self._exported = {
                    export.index: export.name
                    for export in reversed(self.module.exports)
                    if export.kind == KIND_FUNC
                }
            found = self._exported.get(index)
        return found


def _compiler(address: int) -> Callable[[int], int]:
    def compile_function(number: int) -> int:
        # A thunk was called, so an instance is alive, which holds its ModuleCode. A weak reference
        # would not do: see `runtime.resource`.
        code: ModuleCode = ctypes.cast(address, ctypes.py_object).value
        return code.enter(number)

    return compile_function


def _make_thunks(count: int, compiler: Callable[[int], int]) -> tuple[int, int]:
    """One thunk for each defined function, by number; (address, size in bytes)."""
    core = native.get()
    size = ir.LAZY_THUNK_SIZE
    total = ir.LAZY_BRIDGE_SIZE + size * count
    base = core.code_arena.allocate(total)
    # The arenas may be further apart than a relative jump reaches, so the thunks share one
    # absolute jump at the front.
    bridge = ir.lazy_bridge(id(compiler), core.core_symbol("ww_lazy_entry"))
    parts = [bridge.ljust(ir.LAZY_BRIDGE_SIZE, b"\xcc")]
    first = base + ir.LAZY_BRIDGE_SIZE
    for number in range(count):
        parts.append(ir.lazy_thunk(number, first + size * number, base).ljust(size, b"\xcc"))
    vm.write(base, b"".join(parts))
    vm.protect(base, vm.round_up(total), vm.READ | vm.EXECUTE)
    return first, total


def _unload(units: list[Unit], thunks: int, size: int) -> None:
    for unit in units:
        traps.unregister(unit.loaded.address)
        native.get().unwinder.remove(unit.loaded)
        unit.loaded.close()
    native.get().code_arena.release(thunks - ir.LAZY_BRIDGE_SIZE, size)
