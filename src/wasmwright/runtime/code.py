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
from typing import Final, Protocol

from wasmwright import errors, tuning
from wasmwright.binary.bodies import callees, is_short
from wasmwright.codegen import abi, vm
from wasmwright.codegen.cache import Pack, open_pack
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.heap_layout import HeapNeeds
from wasmwright.codegen.lines import Place
from wasmwright.codegen.llvm import native_calls
from wasmwright.codegen.objects import LoadedObject, ObjectError
from wasmwright.codegen.options import Options
from wasmwright.codegen.unwind import ObjectFrames
from wasmwright.model.module import Module
from wasmwright.runtime import backtraces, native, perf_map
from wasmwright.runtime.compile_clock import Preparing
from wasmwright.runtime.jobs import Progress, job_count, no_progress, run
from wasmwright.runtime.resource import resource
from wasmwright.runtime.symbols import Symbols

# How a function begins that sets up its frame first of all: push rbp; mov rbp, rsp.
_PROLOGUE: Final = b"\x55\x48\x89\xe5"

_DEFAULT: Final = Options()

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


def made(
    module: Module,
    layout: abi.Layout,
    wanted: Sequence[int],
    guard: bool,
    options: Options,
    level: int,
) -> bytes:
    """The object of functions, compiled now."""
    from wasmwright.codegen.llvm import lower

    how = lower.Options(guard=guard, fuel=options.fuel, deterministic=options.deterministic)
    lowered = lower.lower(module, layout, wanted, how)
    return native.get().compile_ir(lambda: lowered.text, level, plain=lowered.plain)


class Unit:
    """A loaded object and which function each part of it is.

    It outlives the code if a backtrace has it, and can still tell frames.
    """

    __slots__ = ("_funcs", "_known", "_starts", "_unframed", "_unwinding", "loaded", "symbols")

    def __init__(self, symbols: Symbols, loaded: LoadedObject, funcs: Sequence[int]) -> None:
        self.symbols = symbols
        self.loaded = loaded
        placed = sorted((loaded.symbols[f"f{func}"], func) for func in funcs)
        self._starts = [start for start, _ in placed]
        self._funcs = [func for _, func in placed]
        self._unwinding: ObjectFrames | None = None
        # By address: the same ones are asked for again and again.
        self._known: dict[tuple[int, bool], list[Place]] = {}
        self._unframed: dict[int, int | None] = {}

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
        if framed and ctypes.string_at(begin, len(_PROLOGUE)) == _PROLOGUE:
            return None
        if self._unwinding is None:
            self._unwinding = ObjectFrames(self.loaded)
        return self._unwinding.unframed(address)

    def frames_at(self, address: int, stopped: bool) -> list[errors.Frame]:
        """Implements CodeMap."""
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._starts[at] + self.loaded.sizes[f"f{self._funcs[at]}"]:
            return []
        places = self._known.get((address, stopped))
        if places is None:
            places = self.loaded.lines().at(address - self.loaded.address, stopped)
            self._known[address, stopped] = places
        return [
            self.symbols.frame(self._funcs[at] if place.func is None else place.func, place.offset)
            for place in places
        ]


class Client(Protocol):
    """An instance that runs the code."""

    def set_code(self, number: int, address: int, short: bool) -> None:
        """Puts the address of a defined function's code into its record, and if it is short."""


class ModuleCode:
    """Compiled code of ``module`` as ``options`` want it (but for ``guard``, which says that its
    memories have guard pages).
    """

    def __init__(
        self,
        module: Module,
        guard: bool,
        options: Options = _DEFAULT,
        ahead: Mapping[int, Object] | None = None,
    ) -> None:
        self.module = module
        self.guard = guard
        self.options = options
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
        self.symbols = Symbols(module)
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
        return self._compiled[number] or self._thunks + native_calls.LAZY_THUNK_SIZE * number

    def entries(self) -> array[int]:
        """``entry`` of every defined function, in order."""
        size = native_calls.LAZY_THUNK_SIZE
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
                    ready = self._ready(index, self._level(tuning.LAZY_LEVEL)) is not None
                    wanted = [index] if ready else self._neighbours(index)
                    self._compile(wanted, tuning.LAZY_LEVEL)
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

    def compile_all(self, jobs: int | None = None, progress: Progress | None = None) -> None:
        """Compiles every function that is not compiled yet, in ``jobs`` threads (one a core)."""
        with Preparing():
            if self._ahead:
                for number in range(len(self._compiled)):
                    self.address(self._first + number)
            level = self._level(tuning.EAGER_LEVEL)
            groups: list[list[int]] = []
            for group in eager_groups(self.module, self._compiled):
                with self._lock:
                    if self._found(group, level) is None:
                        groups.append(group)
                    else:
                        self._compile(group, level)
            sizes = [sum(self._body_size(func) for func in group) for group in groups]
            tasks = [functools.partial(self._made, group, level) for group in groups]
            done, total = 0, sum(sizes)
            report = progress or no_progress
            report(done, total)
            # Not under the lock: functions may be called, and so compiled, meanwhile.
            for number, data in run(tasks, sizes, job_count(jobs)):
                self.adopt(groups[number], data)
                done += sizes[number]
                report(done, total)

    def _compile(self, wanted: list[int], level: int) -> None:
        level = self._level(level)
        funcs, data = self._object(wanted, level)
        try:
            loaded = native.get().load_code(data)
        except ObjectError:
            if self._ahead:
                raise
            self._cached(level).forget(wanted[0])
            funcs, data = self._object(wanted, level)
            loaded = native.get().load_code(data)
        self._take(funcs, loaded)

    def _take(self, funcs: Sequence[int], loaded: LoadedObject) -> None:
        """Have a loaded object's functions be called from now on."""
        unit = Unit(self.symbols, loaded, funcs)
        self._units.append(unit)
        backtraces.register(loaded.address, loaded.address + loaded.size, unit)
        native.get().unwinder.add(loaded)
        perf_map.loaded(unit.symbols, loaded, funcs)
        for func in funcs:
            number = func - self._first
            self._compiled[number] = loaded.symbols[f"f{func}"]
            self.short[number] = is_short(self.module, number, tuning.SHORT_BODY)

    def _object(self, wanted: list[int], level: int) -> Object:
        """An object that has the wanted functions: from the cache, or compiled now."""
        found = self._found(wanted, level)
        if found is not None:
            return found
        data = self._made(wanted, level)
        self._cached(level).add(tuple(wanted), data)
        return wanted, data

    def _found(self, wanted: list[int], level: int) -> Object | None:
        """An object that has all wanted functions, if they need not be compiled."""
        found = self._ready(wanted[0], level)
        if found is not None and (self._ahead or set(wanted) <= set(found[0])):
            return found
        return None

    def _made(self, wanted: Sequence[int], level: int) -> bytes:
        return made(self.module, self.layout, wanted, self.guard, self.options, level)

    def adopt(self, funcs: Sequence[int], data: bytes) -> None:
        """Takes an object of functions that was :func:`made` for this code."""
        with self._lock:
            self._cached(self._level(tuning.EAGER_LEVEL)).add(tuple(funcs), data)
            self._take(funcs, native.get().load_code(data))

    def _ready(self, index: int, level: int) -> Object | None:
        """The object that has function ``index``, if it need not be compiled."""
        return self._ahead.get(index) or self._cached(level).find(index)

    def _level(self, default: int) -> int:
        return default if self.options.level is None else self.options.level

    def _cached(self, level: int) -> Pack:
        pack = self._packs.get(level)
        if pack is None:
            options = self.options
            made_with = bytes((self.guard, level, options.fuel, options.deterministic))
            pack = open_pack(self.digest + made_with)
            self._packs[level] = pack
        return pack


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
    size = native_calls.LAZY_THUNK_SIZE
    total = native_calls.LAZY_BRIDGE_SIZE + size * count
    base = core.code_arena.allocate(total)
    # The arenas may be further apart than a relative jump reaches, so the thunks share one
    # absolute jump at the front.
    bridge = native_calls.lazy_bridge(id(compiler), core.core_symbol("ww_lazy_entry"))
    parts = [bridge.ljust(native_calls.LAZY_BRIDGE_SIZE, b"\xcc")]
    first = base + native_calls.LAZY_BRIDGE_SIZE
    for number in range(count):
        parts.append(
            native_calls.lazy_thunk(number, first + size * number, base).ljust(size, b"\xcc")
        )
    vm.write(base, b"".join(parts))
    vm.protect(base, vm.round_up(total), vm.READ | vm.EXECUTE)
    return first, total


def _unload(units: list[Unit], thunks: int, size: int) -> None:
    for unit in units:
        backtraces.unregister(unit.loaded.address)
        native.get().unwinder.remove(unit.loaded)
        unit.loaded.close()
    native.get().code_arena.release(thunks - native_calls.LAZY_BRIDGE_SIZE, size)
