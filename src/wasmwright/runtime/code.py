"""The machine code of one module: compiled function by function on first call, or eagerly.

One :class:`ModuleCode` serves every instance of a module in one memory mode. Each defined
function has a thunk from the start; calling it ends in :meth:`ModuleCode.address`.
"""

from __future__ import annotations

import functools
import struct
import threading
import time
import weakref
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from wasmwright import tuning
from wasmwright.binary.bodies import is_short
from wasmwright.codegen import abi
from wasmwright.codegen.arch import HERE
from wasmwright.codegen.cache import Pack, directory, open_pack
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.heap_layout import HeapNeeds
from wasmwright.codegen.objects import LoadedObject, ObjectError
from wasmwright.codegen.options import AUTO, BASELINE, OPTIMISED, Options
from wasmwright.codegen.unwind import ObjectFrames
from wasmwright.model.module import Module
from wasmwright.runtime import backtraces, compile_log, fallback, llvm, native, perf_map, thunks
from wasmwright.runtime.company import Company
from wasmwright.runtime.compile_clock import Preparing
from wasmwright.runtime.jobs import Progress, job_count, no_progress, run
from wasmwright.runtime.llvm import CompilerError
from wasmwright.runtime.resource import resource
from wasmwright.runtime.symbols import Symbols
from wasmwright.runtime.unit import Unit

_DEFAULT: Final = Options()

# Functions, and an object that has them.
Object = tuple[Sequence[int], bytes]

if TYPE_CHECKING:
    from wasmwright.codegen.baseline.view import View
    from wasmwright.runtime.baseline import BaselineUnit
    from wasmwright.runtime.unwind import Frames


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


def all_by_stencils(options: Options) -> bool:
    """Whether it is the baseline tier that compiles everything, where that is asked for at once."""
    return options.tier == BASELINE or not llvm.available()


def made(
    module: Module,
    layout: abi.Layout,
    wanted: Sequence[int],
    guard: bool,
    options: Options,
    level: int,
    entered: tuple[int, int, int] | None = None,
) -> bytes:
    """The object of functions, compiled now; ``entered`` is `lower.lower`'s.

    Raises PlatformError where there is no LLVM or it fails.
    """
    from wasmwright.codegen.llvm import lower

    core = native.get()
    how = lower.Options(guard=guard, fuel=options.fuel, deterministic=options.deterministic)

    def compiled() -> bytes:
        lowered = lower.lower(module, layout, wanted, how, entered)
        return core.compile_ir(lambda: lowered.text, lowered.level(level), plain=lowered.plain)

    return core.call_compiler(compiled)


class Client(Protocol):
    """An instance that runs the code."""

    def set_code(self, number: int, address: int, short: bool) -> None:
        """Puts the address of a defined function's code into its record, and if it is short."""

    def set_codes(self, numbers: Sequence[int]) -> None:
        """The same for several functions, whose code is asked for."""


class ModuleCode:
    """Compiled code of ``module`` as ``options`` want it (but for ``guard``, which says that its
    memories have guard pages). ``pack`` is what `find_pack` gave for it.
    """

    def __init__(
        self,
        module: Module,
        guard: bool,
        options: Options = _DEFAULT,
        ahead: Mapping[int, Object] | None = None,
        pack: Pack | None = None,
    ) -> None:
        self.module = module
        self.guard = guard
        self.options = options
        self.layout = abi.Layout(module)
        self.needs = HeapNeeds(module)
        self._first = module.imported_funcs
        self._compiled = array("Q", bytes(8 * len(module.funcs)))
        # By number, 1 for functions whose code is LLVM's although they began in baseline code.
        self._optimised = bytearray(len(module.funcs))
        # Reentrant: a finaliser or a signal handler may interrupt a compilation and call.
        self._lock = threading.RLock()
        # By number, 1 for functions that are compiled and over before the GIL could be released.
        self.short = bytearray(len(module.funcs))
        self._units: list[Unit] = []
        self._baseline_units: list[BaselineUnit] = []
        self._view: View | None = None  # for the baseline tier, once it is used
        # What was compiled ahead of time, by function; all of them, or none.
        self._ahead: Mapping[int, Object] = ahead or {}
        self._packs: dict[int, Pack] = {}
        if pack is not None and options.tier != BASELINE:
            self._packs[self._level(tuning.LAZY_LEVEL)] = pack
        self._company_of = Company(module)
        self.symbols = Symbols(module)
        self._instances: weakref.WeakSet[Client] = weakref.WeakSet()
        # The callable that compiled code has in its thunks; it must not keep this alive.
        self._compiler = thunks.compiler(id(self))
        self._thunks, self._thunk_size = thunks.make(len(module.funcs), self._compiler)
        self._code = resource(
            _unload, self._units, self._baseline_units, self._thunks, self._thunk_size
        )

    @functools.cached_property
    def digest(self) -> bytes:
        """A hash of the module's bytes."""
        return _digest(self.module)

    def entry(self, index: int) -> int:
        """The address to call for function ``index``: its code, or its thunk."""
        number = index - self._first
        return self._compiled[number] or self._thunks + HERE.LAZY_THUNK_SIZE * number

    def entry_of(self, number: int) -> int:
        """The address of the code of a defined function, by its number."""
        return self.entry(self._first + number)

    def entries(self) -> array[int]:
        """``entry`` of every defined function, in order."""
        size = HERE.LAZY_THUNK_SIZE
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
                    wanted = [index]
                    if not ready:
                        wanted = self._company(index)
                    if ready or not self._baseline(wanted):
                        if not ready:
                            wanted = self._company_of.neighbours(
                                index, self._compiled, tuning.LAZY_UNIT
                            )
                        self._compile(wanted, tuning.LAZY_LEVEL)
        return self._compiled[number]

    def _company(self, index: int) -> list[int]:
        """What to compile when function ``index`` is first called, that first."""
        if self.options.tier == OPTIMISED:
            return self._company_of.neighbours(index, self._compiled, tuning.LAZY_UNIT)
        codes = self.module.codes
        large = codes[-1].end - codes[0].start > tuning.BASELINE_WHOLE
        if large or len(self._baseline_units) < tuning.BASELINE_UNITS:
            group = self._company_of.neighbours(index, self._compiled, tuning.BASELINE_UNIT)
        else:
            group = [index, *range(self._first, self._first + len(codes))]
        cached = self._cached(self._level(tuning.LAZY_LEVEL))
        return [index] + [
            func
            for func in group
            if func != index and not self._compiled[func - self._first] and not cached.find(func)
        ]

    def attach(self, instance: Client) -> None:
        """Has ``instance`` told where functions are once they are compiled."""
        self._instances.add(instance)

    def enter(self, number: int) -> int:
        """The code of a defined function whose thunk was called."""
        address = self.address(self._first + number)
        native.get().watch_signals()
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
            every = list(eager_groups(self.module, self._compiled))
            done, total = 0, sum(sum(map(self._company_of.size, group)) for group in every)
            report = progress or no_progress
            report(done, total)
            groups: list[list[int]] = []
            stencils = bool(every) and all_by_stencils(self.options)
            for group in every:
                with self._lock:
                    if self._found(group, level) is not None:
                        self._compile(group, level)
                    elif stencils:
                        self._baseline(group)
                left = [func for func in group if not self._compiled[func - self._first]]
                if left:
                    groups.append(left)
                if len(left) < len(group):
                    done += sum(map(self._company_of.size, set(group) - set(left)))
                    report(done, total)
            sizes = [sum(map(self._company_of.size, group)) for group in groups]
            failed: dict[int, CompilerError] = {}

            def attempt(number: int) -> bytes:
                try:
                    return self._made(groups[number], level)
                except CompilerError as error:
                    failed[number] = error
                    return b""

            tasks = [functools.partial(attempt, number) for number in range(len(groups))]
            # Not under the lock: functions may be called, and so compiled, meanwhile.
            for number, data in run(tasks, sizes, job_count(jobs)):
                if number in failed:
                    self._fall_back(groups[number], failed[number])
                else:
                    self.adopt(groups[number], data)
                done += sizes[number]
                report(done, total)

    def _uses_stencils(self) -> bool:
        """Whether the baseline tier compiles: if it is wanted, or there is no LLVM."""
        return self.options.tier != OPTIMISED or not llvm.available()

    def _baseline(self, wanted: list[int]) -> bool:
        """Compiles with the baseline tier, if that is wanted; whether it did."""
        return self._uses_stencils() and self._by_stencils(wanted)

    def _by_stencils(self, wanted: list[int]) -> bool:
        """Compiles with the baseline tier, if there is one for this machine; whether it did."""
        from wasmwright.runtime import baseline, tiering

        if not baseline.fits():
            return False
        began = time.perf_counter()
        tiers = tiering.get()
        if self._view is None:
            self._view = baseline.view(self.module, self.layout, self.guard, self.options)
        told = tiers.start() if self.options.tier == AUTO else None
        first = 0 if told is None else tiers.block()
        unit = baseline.compile_unit(self._view, wanted, self.symbols, told, first)
        if told is not None:
            tiers.add(first, self, unit)
        self._baseline_units.append(unit)
        self._register(unit.address, unit.size, unit, unit.frames)
        for func, address, _ in unit.entries():
            self._take(func, address)
        for instance in list(self._instances):
            instance.set_codes([func - self._first for func in unit.funcs])
        self._log(compile_log.BASELINE, unit.funcs, unit.size, began)
        return True

    def _log(self, source: str, funcs: Sequence[int], size: int, began: float) -> None:
        if not compile_log.enabled():
            return
        body = sum(map(self._company_of.size, funcs))
        seconds = time.perf_counter() - began
        name = self.symbols.name(funcs[0])
        compile_log.add(source, funcs[0], name, len(funcs), body, size, seconds)

    def optimise(self, unit: BaselineUnit, site: int) -> None:
        """Implements ``tiering.Optimiser``; without the lock while LLVM is at work."""
        from wasmwright.runtime import tiering

        found = unit.sites[site]
        func = found.func
        entered = None
        if found.enterable:
            entered = func, int(found.offset), unit.step(func)
        elif self._optimised[func - self._first]:
            return
        if self._company_of.is_heavy(func):
            return
        began = time.perf_counter()
        level = self._level(tuning.LAZY_LEVEL)
        wanted = self._company_of.hot(func, self._optimised)
        data = self._made(wanted, level, entered)
        self._cached(level).add(tuple(wanted), data)
        with tiering.get().publishing, self._lock:
            loaded = self._publish(wanted, data, began, compile_log.HOT)
            for each in wanted:
                number = each - self._first
                self._optimised[number] = 1
            for instance in list(self._instances):
                instance.set_codes([each - self._first for each in wanted])
        if entered is not None:
            unit.enter_at(site, loaded.symbols[f"o{func}"])

    def is_optimised(self, func: int) -> bool:
        """Implements ``tiering.Optimiser``."""
        return bool(self._optimised[func - self._first])

    def name(self, func: int) -> str:
        """Implements ``tiering.Optimiser``."""
        return self.symbols.name(func) or f"wasm-function[{func}]"

    def _fall_back(self, wanted: Sequence[int], error: CompilerError | ObjectError) -> None:
        """Has the baseline tier compile what LLVM failed at, or raises the error."""
        fallback.note(self.name(wanted[0]), error)
        with self._lock:
            left = [func for func in wanted if not self._compiled[func - self._first]]
            if left and not (fallback.allowed() and self._by_stencils(left)):
                raise error

    def _compile(self, wanted: list[int], level: int) -> None:
        try:
            self._compile_or_fail(wanted, self._level(level))
        except (CompilerError, ObjectError) as error:
            if self._ahead:
                raise
            self._fall_back(wanted, error)

    def _compile_or_fail(self, wanted: list[int], level: int) -> None:
        began = time.perf_counter()
        source, (funcs, data) = self._object(wanted, level)
        try:
            self._publish(funcs, data, began, source)
        except ObjectError:
            if self._ahead:
                raise
            self._cached(level).forget(wanted[0])
            source, (funcs, data) = self._object(wanted, level)
            self._publish(funcs, data, began, source)

    def _publish(
        self, funcs: Sequence[int], data: bytes, began: float, source: str
    ) -> LoadedObject:
        """Loads an object, and has its functions called from now on."""
        loaded = native.get().load_code(data)
        unit = Unit(self.symbols, loaded, funcs)
        self._units.append(unit)
        frames = functools.partial(ObjectFrames, loaded)
        self._register(loaded.address, loaded.size, unit, frames)
        for func in funcs:
            self._take(func, loaded.symbols[f"f{func}"])
        self._log(source, funcs, loaded.size, began)
        return loaded

    def _register(
        self, address: int, size: int, unit: Unit | BaselineUnit, frames: Callable[[], Frames]
    ) -> None:
        """Announces code to whoever walks the stack, and to perf."""
        backtraces.register(address, address + size, unit)
        native.get().unwinder.add(address, address + size, frames)
        perf_map.loaded(self.symbols, unit.entries())

    def _take(self, func: int, address: int) -> None:
        """Notes the code of a function."""
        number = func - self._first
        self._compiled[number] = address
        self.short[number] = is_short(self.module, number, tuning.SHORT_BODY)

    def _object(self, wanted: list[int], level: int) -> tuple[str, Object]:
        """An object that has the wanted functions, and where it is from."""
        found = self._found(wanted, level)
        if found is not None:
            return compile_log.AHEAD if self._ahead else compile_log.CACHED, found
        data = self._made(wanted, level)
        self._cached(level).add(tuple(wanted), data)
        return compile_log.OPTIMISED, (wanted, data)

    def _found(self, wanted: list[int], level: int) -> Object | None:
        """An object that has all wanted functions, if they need not be compiled."""
        found = self._ready(wanted[0], level)
        if found is not None and (self._ahead or set(wanted) <= set(found[0])):
            return found
        return None

    def _made(
        self, wanted: Sequence[int], level: int, entered: tuple[int, int, int] | None = None
    ) -> bytes:
        return made(self.module, self.layout, wanted, self.guard, self.options, level, entered)

    def adopt(self, funcs: Sequence[int], data: bytes) -> None:
        """Takes an object of functions that was :func:`made` for this code."""
        began = time.perf_counter()
        with self._lock:
            try:
                self._publish(funcs, data, began, compile_log.OPTIMISED)
            except ObjectError as error:
                self._fall_back(funcs, error)
                return
            self._cached(self._level(tuning.EAGER_LEVEL)).add(tuple(funcs), data)

    def _ready(self, index: int, level: int) -> Object | None:
        """The object that has function ``index``, if it need not be compiled."""
        return self._ahead.get(index) or self._cached(level).find(index)

    def _level(self, default: int) -> int:
        return default if self.options.level is None else self.options.level

    def _cached(self, level: int) -> Pack:
        pack = self._packs.get(level)
        if pack is None:
            pack = Pack(None)  # the baseline tier's code is its own, whatever LLVM has made before
            if self.options.tier != BASELINE:
                pack = _open(lambda: self.digest, self.guard, self.options, level)
            self._packs[level] = pack
        return pack


def find_pack(module: Module, guard: bool, options: Options) -> Pack:
    """The cached code of a module's functions that were compiled on their first calls."""
    level = tuning.LAZY_LEVEL if options.level is None else options.level
    return _open(lambda: _digest(module), guard, options, level)


def _digest(module: Module) -> bytes:
    return blake2b(module.data, digest_size=20).digest()


def _open(digest: Callable[[], bytes], guard: bool, options: Options, level: int) -> Pack:
    if directory() is None:
        return Pack(None)  # hashing yosys would take 60 ms
    made_with = struct.pack(
        "<3?BQ", guard, options.fuel, options.deterministic, level, options.features
    )
    return open_pack(digest() + made_with)


def _unload(units: list[Unit], baseline: list[BaselineUnit], first: int, size: int) -> None:
    unwinder = native.get().unwinder
    for unit in units:
        loaded = unit.loaded
        backtraces.unregister(loaded.address)
        unwinder.remove(loaded.address, loaded.address + loaded.size)
        loaded.close()
    for made in baseline:
        backtraces.unregister(made.address)
        unwinder.remove(made.address, made.address + made.size)
        made.close()
    native.get().code_arena.release(first - HERE.LAZY_BRIDGE_SIZE, size)
