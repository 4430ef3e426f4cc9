"""The native parts in this process: loaded once, with the Python helpers that they call.

Produces the fault and interrupt handlers, a registry of reserved memory regions, and the stubs of
each signature (:mod:`runtime.native_stubs`); fills the slots of the Python types in
:mod:`runtime.native_types`.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import functools
import gc
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wasmwright import tuning
from wasmwright.codegen import arch, cpu, vm
from wasmwright.codegen.cache import Pack, open_pack
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.llvm import native as ir
from wasmwright.codegen.llvm import native_throw
from wasmwright.codegen.objects import Arena, LoadedObject, ObjectError, load
from wasmwright.codegen.unwind import ObjectFrames
from wasmwright.errors import PlatformError
from wasmwright.runtime import llvm, native_types
from wasmwright.runtime import native_parts as parts
from wasmwright.runtime.arena import HeapArena
from wasmwright.runtime.compile_clock import Preparing
from wasmwright.runtime.native_stubs import Stubs
from wasmwright.runtime.signal_handlers import SignalHandlers
from wasmwright.runtime.unwind import Unwinder

if TYPE_CHECKING:
    from types import ModuleType

    from wasmwright.codegen.llvm.targets import Target

_PyHandler = Callable[..., Any]
_T = TypeVar("_T")

_libc: Final = ctypes.CDLL(None)


def read64(address: int) -> int:
    """The 64-bit word at an address that the caller knows to be mapped."""
    return ctypes.c_uint64.from_address(address).value


def write64(address: int, value: int) -> None:
    """Stores a 64-bit word at an address that the caller knows to be mapped."""
    ctypes.c_uint64.from_address(address).value = value


def read32(address: int) -> int:
    """The 32-bit word at an address that the caller knows to be mapped."""
    return ctypes.c_uint32.from_address(address).value


def write32(address: int, value: int) -> None:
    """Stores a 32-bit word at an address that the caller knows to be mapped."""
    ctypes.c_uint32.from_address(address).value = value


def symbol(name: str) -> int:
    """The address of a function or variable of the C library or of CPython; KeyError if none."""
    # (What Python has loaded for itself is the C library's, too, but not always all of it.)
    for library in (_python, _libm):
        try:
            return ctypes.addressof(ctypes.c_char.in_dll(library(), name))
        except ValueError:
            continue
    raise KeyError(name)


def _python() -> ctypes.CDLL:
    return ctypes.pythonapi


@functools.cache
def _libm() -> ctypes.CDLL:
    return ctypes.CDLL("libm.so.6")


def check_platform() -> None:
    """Raises PlatformError where this engine's native parts do not run."""
    machine = cpu.machine()
    if sys.platform != "linux" or machine not in arch.names():
        here = f"{sys.platform} on {machine}"
        raise PlatformError(f"wasmwright compiles for Linux on x86-64 and aarch64; this is {here}")
    if sys.implementation.name != "cpython" or "t" in sys.abiflags:
        raise PlatformError("wasmwright needs CPython with its global interpreter lock")
    if object.__basicsize__ != ir.OBJECT_HEAD:
        raise PlatformError("wasmwright needs CPython without Py_TRACE_REFS")


class Native:
    """The process's native parts. There is one, from :func:`get`."""

    def __init__(self) -> None:
        check_platform()
        self._state = vm.reserve(vm.PAGE)
        vm.protect(self._state, vm.PAGE, vm.READ | vm.WRITE)
        self.code_arena = Arena(tuning.CODE_ARENA)
        self._arena = Arena(tuning.NATIVE_ARENA)
        self.heap_arena = HeapArena()
        self._gc: LoadedObject | None = None
        self._keep: list[object] = []
        self._compiling = threading.Lock()
        atexit.register(self._finish_compiling)
        # None before there is code to ask.
        self._stack_pointer: Callable[[], int] | None = None
        # Reentrant: what a finaliser does may interrupt the thread that holds it.
        self._lock = threading.RLock()
        self.unwinder = Unwinder(self._state + ir.STATE_UNWIND)
        prebuilt = parts.prebuilt()
        if prebuilt is not None:
            self._core = self._gc = prebuilt.place(self._arena, self._resolve)
            self._announce_stubs(self._core)
        else:
            self._core = self._load(parts.CORE, parts.core_ir)
        self.stubs = Stubs(self._arena, self._core.symbols, self._load_stubs)
        self._set_up_state()
        self._signals = SignalHandlers(self._core.symbols, self._state)
        self.watch_signals()
        self.stop_signal = self._signals.install_stop()
        self._stack_pointer = ctypes.PYFUNCTYPE(ctypes.c_size_t)(
            self._core.symbols["ww_stack_pointer"]
        )
        self.new_exception = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)(
            self._core.symbols["ww_new_exception"]
        )
        self._new_func = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.py_object
        )(self._core.symbols["ww_new_func"])
        native_types.bind(self._core.symbols)
        self._resource_type = native_types.make_resource_type(
            self._core.symbols["ww_resource_dealloc"]
        )
        self._new_resource = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.py_object, ctypes.py_object
        )(self._core.symbols["ww_new_resource"])

    # -- loading -------------------------------------------------------------------------

    @functools.cached_property
    def _pack(self) -> Pack:
        return open_pack(b"native")

    def _resolve(self, name: str) -> int:
        if name == "ww_state":
            return self._state
        if name == "ww_gc_state":
            return self.heap_arena.record
        if name.startswith("ww_gc_"):
            return self.gc_symbol(name)
        if name.startswith("ww_"):
            return self._core.symbols[name]
        return symbol(name)

    def _load(self, key: str, text: Callable[[], str]) -> LoadedObject:
        """The native parts that ``key`` names, of which ``text`` gives the IR."""
        data = parts.shipped.get(key)
        if data is None:
            # As function numbers are for a module's code.
            digest = blake2b(key.encode(), digest_size=4).digest()
            number = int.from_bytes(digest, "little")
            found = self._pack.find(number)
            if found is not None:
                try:
                    return load(found[1], self._arena, self._resolve)
                except ObjectError:
                    self._pack.forget(number)
            data = self.compile_ir(text)
            self._pack.add((number,), data)
        return load(data, self._arena, self._resolve)

    def compile_ir(
        self,
        text: Callable[[], str],
        level: int = 2,
        target: Target | None = None,
        plain: bool = False,
    ) -> bytes:
        """The object that LLVM makes of IR; PlatformError where it is not installed or fails."""
        compiler = llvm.compiler()
        self._guard_compiler(compiler)
        made: bytes = self.call_compiler(lambda: compiler.compile_ir(text(), level, target, plain))
        return made

    def _guard_compiler(self, compiler: ModuleType) -> None:
        """Has LLVM's aborting be an error like others; again where ours is no longer in front."""
        if self._stack_pointer is None:
            return  # what has the guard is being compiled
        core = self._core.symbols
        self._signals.watch_aborts()
        compiler.set_guard(compiler.Guard(core["ww_guarded"], core["ww_aborted"]))

    def load_code(self, data: bytes) -> LoadedObject:
        """Loads a unit of compiled wasm into the code arena."""
        return load(data, self.code_arena, self._resolve_leaf)

    def _resolve_leaf(self, name: str) -> int:
        if name == native_throw.PERSONALITY:
            return 0  # nobody calls it
        return self._core.symbols[f"ww_{name}"] if name in ir.LEAVES else symbol(name)

    def core_symbol(self, name: str) -> int:
        """The address of one of the core's functions."""
        return self._core.symbols[name]

    def gc_symbol(self, name: str) -> int:
        """The address of one of the collector's functions, which are loaded on first use."""
        with self._lock:
            if self._gc is None:
                # While it is loaded, its own names need no resolving.
                self._gc = self._load(parts.COLLECTOR, parts.gc_ir)
        return self._gc.symbols[name]

    def _load_stubs(self, name: str, keys: list[str]) -> LoadedObject:
        loaded = self._load(name, lambda: parts.stub_ir(keys))
        self._announce_stubs(loaded)
        return loaded

    def _announce_stubs(self, loaded: LoadedObject) -> None:
        frames = functools.partial(ObjectFrames, loaded)
        self.unwinder.add(loaded.address, loaded.address + loaded.size, frames, stubs=True)

    # -- state ---------------------------------------------------------------------------

    def _set_up_state(self) -> None:
        state = self._state
        for field in (ir.STATE_KEY, ir.STATE_GUARD_KEY):
            key = ctypes.c_uint.from_address(state + field)
            if _libc.pthread_key_create(ctypes.byref(key), None):
                raise RuntimeError("no thread-specific storage is left")
        write64(state + ir.STATE_CODE_START, self.code_arena.start)
        write64(state + ir.STATE_CODE_END, self.code_arena.end)
        size = vm.round_up(16 * tuning.MAX_REGIONS)
        self._regions = vm.reserve(size)
        vm.protect(self._regions, size, vm.READ | vm.WRITE)
        self._free_regions: list[int] = []
        self._region_count = 0
        write64(state + ir.STATE_REGIONS, self._regions)

    def set_helper(self, number: int, helper: _PyHandler) -> None:
        """Installs the Python callable behind one of native.py's HELPER numbers."""
        self._keep.append(helper)
        write64(self._state + ir.STATE_HELPERS + 8 * number, id(helper))

    def set_proxy_types(self, struct: type, array: type) -> None:
        """Says which Python types stand for structures and arrays; they must stay."""
        write64(self._state + ir.STATE_STRUCT_TYPE, id(struct))
        write64(self._state + ir.STATE_ARRAY_TYPE, id(array))

    def add_region(self, start: int, end: int) -> int:
        """Registers an address range in which a fault of wasm code is a trap; gives its slot."""
        with self._lock:
            if self._free_regions:
                slot = self._free_regions.pop()
            elif self._region_count < tuning.MAX_REGIONS:
                slot = self._region_count
                self._region_count += 1
            else:
                raise MemoryError(f"more than {tuning.MAX_REGIONS} memories are alive")
            write64(self._regions + 16 * slot + 8, end)
            write64(self._regions + 16 * slot, start)
            write64(self._state + ir.STATE_REGION_COUNT, self._region_count)
        return slot

    def remove_region(self, slot: int) -> None:
        """Forgets what ``add_region`` registered."""
        # No lock: finalisers call this, possibly while this very thread holds it. List and
        # word operations are atomic under the GIL.
        write64(self._regions + 16 * slot + 8, 0)
        write64(self._regions + 16 * slot, 0)
        self._free_regions.append(slot)

    # -- signals -------------------------------------------------------------------------

    def watch_signals(self) -> None:
        """Puts our handlers in front: faults become traps, and Ctrl-C ends wasm code if Python
        handles it (and this is the main thread).

        Takes microseconds, and is repeated where that does not matter (a new instance, a function
        object, a first call, a deadline), since ``faulthandler.enable`` and ``signal.signal``, and
        so ``asyncio.run``, replace our handlers.
        """
        self._signals.watch()

    # -- stacks --------------------------------------------------------------------------

    def _stack_left(self) -> int:
        if self._stack_pointer is None:
            return 0
        low, _ = stack_bounds()
        left: int = self._stack_pointer() - low
        return left

    def call_compiler(self, call: Callable[[], _T]) -> _T:
        """``call()``, in a thread of its own if this one is not fit to run LLVM.

        Its stack may be too small; and the main thread's Ctrl-C would end llvmlite between taking
        something and noting that, or between freeing something and noting that. What it raises
        is made a CompilerError.
        """
        with Preparing():
            return self._call_compiler(lambda: llvm.guarded(call))

    def _call_compiler(self, call: Callable[[], _T]) -> _T:
        main = threading.current_thread() is threading.main_thread()
        if not main and self._stack_left() >= tuning.COMPILER_STACK:
            return call()
        outcome: list[_T] = []
        failure: list[BaseException] = []
        begun, done = threading.Event(), threading.Event()

        def run() -> None:
            begun.set()
            try:
                with self._compiling:
                    outcome.append(_without_collector(call))
            except BaseException as error:
                failure.append(error)
            finally:
                done.set()

        if not self.start_compiler_thread(run) or not begun.wait(tuning.COMPILER_START):
            return call()
        done.wait()
        if failure:
            raise failure[0]
        return outcome[0]

    def start_compiler_thread(self, run: Callable[[], None]) -> bool:
        """Has a thread with a stack for LLVM call ``run``; False if the system refuses one."""
        # Not a threading.Thread: in want of memory its start waits for ever.
        with self._lock:
            usual = threading.stack_size(2 * tuning.COMPILER_STACK)
            try:
                _thread.start_new_thread(run, ())
            except RuntimeError:
                return False
            finally:
                threading.stack_size(usual)
        return True

    def _finish_compiling(self) -> None:
        # LLVM must not be at work in another thread while the process ends.
        with self._compiling:
            pass

    # -- Python types --------------------------------------------------------------------

    def new_func(self, vectorcall: int, record: int, info: object) -> Any:
        """A new exported-function object; ``info`` keeps alive what ``record`` lives in."""
        return self._new_func(native_types.func_type, vectorcall, record, info)

    def new_resource(self, release: Callable[[], None]) -> object:
        """An object that calls ``release`` when it goes: see ``runtime.resource``."""
        made: object = self._new_resource(self._resource_type, release)
        return made


def _without_collector(call: Callable[[], _T]) -> _T:
    # A finaliser may call the instance that waits for this very compilation.
    enabled = gc.isenabled()
    gc.disable()
    try:
        return call()
    finally:
        if enabled:
            gc.enable()


def func_record(func: object) -> int:
    """The address of the funcref record behind an exported-function object."""
    return read64(id(func) + ir.FUNC_RECORD)


def set_buffer_record(buffer: object, record: int) -> None:
    """Points a buffer object at its memory record; once, before anyone else sees it."""
    write64(id(buffer) + ir.BUFFER_RECORD, record)


_local: Final = threading.local()


def stack_bounds() -> tuple[int, int]:
    """Lowest address and size in bytes of the calling thread's stack."""
    # The C library reads /proc/self/maps for the main thread: 400 µs.
    bounds: tuple[int, int] | None = getattr(_local, "stack_bounds", None)
    if bounds is None:
        bounds = _local.stack_bounds = _ask_stack_bounds()
    return bounds


def _ask_stack_bounds() -> tuple[int, int]:
    attributes = ctypes.create_string_buffer(64)
    pthread_self = _libc.pthread_self
    pthread_self.restype = ctypes.c_ulong
    getattr_np = _libc.pthread_getattr_np
    getattr_np.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
    if getattr_np(pthread_self(), attributes):
        raise RuntimeError("the thread's stack bounds are not known")
    low, size = ctypes.c_size_t(), ctypes.c_size_t()
    _libc.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    _libc.pthread_attr_destroy(attributes)
    return low.value, size.value


_instance: Native | None = None
_instance_lock: Final = threading.Lock()


def get() -> Native:
    """The process's native parts, loaded on first use."""
    global _instance
    if _instance is None:
        with _instance_lock:
            if _instance is None:
                from wasmwright.runtime import helpers

                made = Native()
                helpers.install(made)
                _instance = made
    return _instance
