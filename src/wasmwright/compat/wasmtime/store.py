"""Stores: what is limited, interrupted and kept alive together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wasmwright import errors
from wasmwright.api import Func as ApiFunc
from wasmwright.api import Instance as ApiInstance
from wasmwright.api import Limits
from wasmwright.compat.wasmtime.config import Engine
from wasmwright.compat.wasmtime.errors import OURS, Closeable, WasmtimeError, WrongType, translate
from wasmwright.compat.wasmtime.fuel import Supply
from wasmwright.runtime import compile_clock, interrupts
from wasmwright.runtime.block import Block
from wasmwright.runtime.heap import Heap
from wasmwright.runtime.references import block_of
from wasmwright.wasi import Preview1

if TYPE_CHECKING:
    from wasmwright.compat.wasmtime.wasi import WasiConfig

_INTERRUPTED = errors.TRAP_KINDS[errors.TRAP_INTERRUPT]


class Store(Closeable):
    """A group of instances and what was made beside them, which lives as long as the store."""

    def __init__(self, engine: Engine | None = None, data: Any = None) -> None:
        if engine is None:
            engine = Engine()
        elif not isinstance(engine, Engine):
            raise TypeError("expected an Engine")
        self.engine = engine
        self._data = data
        self._kept: list[object] = []
        self._closed = False
        self._limits = Limits()
        self._max_instances: int | None = None
        self._max_memories: int | None = None
        self._max_tables: int | None = None
        self.instances: list[ApiInstance] = []
        self.memories = 0
        self.tables = 0
        self._wasi_config: WasiConfig | None = None
        self._wasi: Preview1 | None = None
        self._deadline = 0
        self._past_since: float | None = None
        self._depth = 0
        self._watched = False
        self._lock = threading.Lock()
        self.fuel = Supply(engine.fuel)
        self._start_clock()
        if engine.epochs:
            engine.add_store(self)

    def close(self) -> None:
        """Let go of everything that was made here; its use raises ValueError from then on."""
        self._closed = True
        self._kept.clear()
        self.instances.clear()
        if self._wasi is not None:
            self._wasi.close()
            self._wasi = None

    def data(self) -> Any:
        """What the store was made with, or None."""
        return self._data

    def gc(self) -> None:
        """Let go of Python objects, and of objects of wasm's, that wasm can no longer reach."""
        self._check()
        cores = [each._core for each in self.instances]
        blocks = [each.block.root for each in cores if each is not None]
        for thing in self._kept:
            block = getattr(thing, "block", None)  # of a table or a global that is no instance's
            if isinstance(block, Block):
                blocks.append(block.root)
        for block in dict.fromkeys(blocks):
            if block.heap_object is not None:
                Heap(block).collect()

    # -- what is kept and limited ----------------------------------------------------------

    def keep(self, thing: object) -> None:
        """Keep ``thing`` alive with the store, where raw pointers into it may lead."""
        self._kept.append(thing)

    def add_instance(self, instance: ApiInstance, memories: int, tables: int) -> None:
        """Keep an instance, which has so many memories and tables of its own."""
        self.instances.append(instance)
        self.memories += memories
        self.tables += tables

    @property
    def limits(self) -> Limits:
        """The limits for the next instance. WasmtimeError where no more may be made."""
        if self._max_instances is not None and len(self.instances) >= self._max_instances:
            raise WasmtimeError(
                f"resource limit exceeded: instance count too high at {len(self.instances) + 1}"
            )
        return self._limits

    def count(self, what: str, more: int, have: int) -> None:
        """WasmtimeError if ``more`` memories or tables beside ``have`` are too many."""
        most = self._max_memories if what == "memory" else self._max_tables
        if most is not None and more and have + more > most:
            raise WasmtimeError(f"resource limit exceeded: {what} count too high at {have + more}")

    def set_limits(
        self,
        memory_size: int = -1,
        table_elements: int = -1,
        instances: int = -1,
        tables: int = -1,
        memories: int = -1,
    ) -> None:
        """Limit what is made from now on; a negative number is no limit.

        ``memory_size`` is the bytes of each memory, ``table_elements`` the entries of each table;
        the others count what exists in the store.
        """
        self._limits = Limits(
            memory=None if memory_size < 0 else memory_size,
            table=None if table_elements < 0 else table_elements,
        )
        self._check()
        self._max_instances = None if instances < 0 else instances
        self._max_tables = None if tables < 0 else tables
        self._max_memories = None if memories < 0 else memories

    # -- stopping ----------------------------------------------------------------------------

    def set_epoch_deadline(self, ticks_after_current: int) -> None:
        """Stop code here once the engine's epoch is so many ticks later than now.

        Ticks are somebody's clock, and functions are compiled on their first call. So that a cold
        start does not use up the guest's time, code is stopped as much later as this thread has
        been compiling since.
        """
        self._check()
        self._start_clock()
        self._past_since = None
        self._deadline = self.engine.epoch + ticks_after_current

    def _start_clock(self) -> None:
        self._thread = threading.get_ident()
        self._compiled_before = compile_clock.seconds(self._thread)

    def _is_past(self) -> bool:
        """Whether the deadline is over, and what is granted for compilation too."""
        if self.engine.epoch < self._deadline:
            return False
        if self._past_since is None:
            return True
        granted = compile_clock.seconds(self._thread) - self._compiled_before
        return time.monotonic() >= self._past_since + granted

    def epoch_changed(self) -> None:
        """Called by the engine, from any thread."""
        with self._lock:
            if self._past_since is None and self.engine.epoch >= self._deadline:
                self._past_since = time.monotonic()
        self._watch()

    def _watch(self) -> None:
        with self._lock:
            if self._overdue() and not self._watched:
                self._watched = True
                interrupts.watch(self.stop_if_overdue)

    def _overdue(self) -> bool:
        return self._depth > 0 and self.engine.epoch >= self._deadline

    def stop_if_overdue(self) -> bool:
        """Stop what runs past its deadline; gives whether anything still does."""
        with self._lock:
            if not self._overdue():
                self._watched = False
                return False
            if not self._is_past():
                return True
        for instance in list(self.instances):
            instance.interrupt()
        return True

    # -- fuel --------------------------------------------------------------------------------

    def set_fuel(self, fuel: int) -> None:
        """Have so much fuel be left; WasmtimeError if the engine does not consume any."""
        self.fuel.set(fuel)

    def get_fuel(self) -> int:
        """How much fuel is left; WasmtimeError if the engine does not consume any."""
        return self.fuel.get()

    # Names of versions before 15.

    def add_fuel(self, fuel: int) -> None:
        """Have more fuel be left."""
        self.fuel.set(self.fuel.get() + fuel)

    def fuel_consumed(self) -> int:
        """How much fuel is used up."""
        return self.fuel.consumed()

    def consume_fuel(self, fuel: int) -> int:
        """Use up some fuel; gives what is left. WasmtimeError where there is less."""
        left = self.fuel.get() - fuel
        if left < 0:
            raise WasmtimeError("not enough fuel remaining in store")
        self.fuel.set(left)
        return left

    # -- WASI ----------------------------------------------------------------------------------

    def set_wasi(self, wasi: WasiConfig) -> None:
        """Configure WASI for what a `Linker` with ``define_wasi`` instantiates here."""
        self._check()
        self._wasi_config = wasi
        self._wasi = None

    def set_wasi_http(self) -> None:
        """Not supported."""
        raise WasmtimeError("wasi:http belongs to the component model, which is not supported")

    def wasi_system(self) -> Preview1:
        """The WASI host for one more instance; all of a store share their descriptors."""
        if self._wasi is not None:
            return self._wasi.share()
        if self._wasi_config is None:
            raise WasmtimeError("WASI is not configured in this store: call set_wasi first")
        self._wasi = self._wasi_config.system()
        self._wasi.interruptible(interrupts.check)
        return self._wasi

    # -- running ---------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._closed:
            raise ValueError("already closed")

    def call(self, function: ApiFunc, args: list[Any]) -> Any:
        """``function(*args)``, with the store's fuel."""
        if not self.fuel.configured:
            return self.run(function, args)
        self._check()
        self.fuel.begin(block_of(function))
        try:
            return self.run(function, args)
        finally:
            self.fuel.end()

    def run(self, function: Callable[..., Any], args: list[Any], wasm: bool = True) -> Any:
        """``function(*args)``, its exceptions as the package's; ``wasm``: it may run code."""
        self._check()
        epochs = self.engine.epochs and wasm
        if epochs:
            if not self._depth and self._thread != threading.get_ident():
                self._start_clock()
            self._depth += 1
        try:
            # The depth first: a change of epoch from now on sees that something runs.
            if epochs and self.engine.epoch >= self._deadline:
                if self._is_past():
                    raise errors.InterruptError(_INTERRUPTED)
                self._watch()
            return function(*args)
        except OURS as error:
            raise translate(error) from error
        finally:
            if epochs:
                self._depth -= 1


class StoreContext:
    """A store as a callback sees it, valid while that runs."""

    def __init__(self, store: Store) -> None:
        self._store: Store | None = store

    def store(self) -> Store:
        """The store; ValueError once the call is over."""
        if self._store is None:
            raise ValueError("caller is no longer valid")
        return self._store

    def invalidate(self) -> None:
        """Ends the validity."""
        self._store = None


# What stands for a store in calls (`Caller` is a StoreContext).
Storelike = Store | StoreContext


def store_of(storelike: Storelike) -> Store:
    """The open store that an argument stands for: WrongType, ValueError."""
    if isinstance(storelike, Store):
        storelike._check()
        return storelike
    if isinstance(storelike, StoreContext):
        return storelike.store()
    raise WrongType(f"expected a Store, not {type(storelike).__name__}")
