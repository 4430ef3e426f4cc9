"""Engines and their configuration.

A setting is a property that can only be set, as in the package. Most say how that engine compiles
or reserves memory, which changes nothing that a program could see: they are checked and ignored.
Those that would change what happens, and that this engine cannot do, raise a WasmtimeError.
An engine takes its configuration, which is closed from then on.
"""

from __future__ import annotations

import os
import platform
import threading
import weakref
from typing import TYPE_CHECKING

from wasmwright import features
from wasmwright.compat.wasmtime.errors import Closeable, WasmtimeError

if TYPE_CHECKING:
    from wasmwright.compat.wasmtime.store import Store


def _bool(value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError("expected a bool")


def _ignored(kind: type, doc: str) -> property:
    """A setting without effect on what programs see."""

    def set_(_config: Config, value: object) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"expected a {kind.__name__}")

    return property(None, set_, None, doc)


def _feature(flag: int, doc: str) -> property:
    """A setting that allows or forbids a proposal."""

    def set_(config: Config, value: bool) -> None:
        _bool(value)
        config.features = config.features | flag if value else config.features & ~flag

    return property(None, set_, None, doc)


def _choice(*words: str, doc: str) -> property:
    """A setting with one of some words, without effect on what programs see."""

    def set_(_config: Config, value: str) -> None:
        if value not in words:
            raise WasmtimeError(f"unknown value {value!r}: one of {', '.join(words)}")

    return property(None, set_, None, doc)


def _stored(name: str, doc: str) -> property:
    def set_(config: Config, value: bool) -> None:
        _bool(value)
        setattr(config, name, value)

    return property(None, set_, None, doc)


class Config(Closeable):
    """Settings for an `Engine`."""

    def __init__(self) -> None:
        self.features = features.DEFAULT
        self.epochs = False
        self.fuel = False
        self.relaxed_deterministic = False
        self.canonical_nans = False
        self._closed = False

    def close(self) -> None:
        """Let go of it; its use raises ValueError from then on."""
        if not self._closed:
            self._closed = True

    def __setattr__(self, name: str, value: object) -> None:
        if self.__dict__.get("_closed"):
            raise ValueError("already closed")
        super().__setattr__(name, value)

    def take(self) -> None:
        """Closes it, as an engine has it; ValueError if it is closed already."""
        self._closed = True

    wasm_threads = _feature(features.THREADS, "The threads proposal.")
    wasm_tail_call = _feature(features.TAIL_CALL, "The tail call proposal.")
    wasm_reference_types = _feature(features.REFERENCE_TYPES, "Reference types.")
    wasm_simd = _feature(features.SIMD, "Vector instructions.")
    wasm_bulk_memory = _feature(features.BULK_MEMORY, "Bulk memory instructions.")
    wasm_multi_value = _feature(features.MULTI_VALUE, "Several results.")
    wasm_multi_memory = _feature(features.MULTI_MEMORY, "Several memories.")
    wasm_memory64 = _feature(features.MEMORY64, "64-bit memories.")
    wasm_relaxed_simd = _feature(features.RELAXED_SIMD, "Relaxed vector instructions.")
    wasm_exceptions = _feature(features.EXCEPTIONS, "Exceptions.")
    wasm_function_references = _feature(features.FUNCTION_REFERENCES, "Typed references.")
    wasm_gc = _feature(features.GC, "Garbage-collected types.")
    wasm_wide_arithmetic = _feature(features.WIDE_ARITHMETIC, "Wide arithmetic.")
    wasm_custom_page_sizes = _feature(features.CUSTOM_PAGE_SIZES, "Pages of other sizes.")
    # Harmless until somebody makes a module or component with it, which says what is missing.
    wasm_stack_switching = _ignored(bool, "The stack switching proposal.")
    wasm_component_model = _ignored(bool, "The component model.")
    wasm_component_model_map = _ignored(bool, "Map types of the component model.")
    wasm_component_model_implements = _ignored(bool, "The component model's implements.")

    epoch_interruption = _stored("epochs", "Whether code stops at its store's epoch deadline.")
    consume_fuel = _stored("fuel", "Whether code consumes fuel.")

    debug_info = _ignored(bool, "Native debug information.")
    wasm_relaxed_simd_deterministic = _stored("relaxed_deterministic", "One result on every CPU.")
    cranelift_debug_verifier = _ignored(bool, "Checks inside that compiler.")
    cranelift_nan_canonicalization = _stored("canonical_nans", "One NaN for all.")
    cranelift_opt_level = _choice("none", "speed", "speed_and_size", doc="How much to optimise.")
    strategy = _choice("auto", "cranelift", doc="Which compiler.")
    profiler = _choice("none", "jitdump", "vtune", "perfmap", doc="Whom to tell of code.")
    parallel_compilation = _ignored(bool, "Whether to compile in threads.")
    shared_memory = _ignored(bool, "Whether shared memories can be made.")
    gc_support = _ignored(bool, "Whether there is a garbage collector.")
    max_wasm_stack = _ignored(int, "Bytes of stack; here it is the thread's, checked at each call.")
    memory_may_move = _ignored(bool, "Whether memories may move; here they never do.")
    memory_reservation = _ignored(int, "Bytes of address space to reserve.")
    memory_guard_size = _ignored(int, "Bytes of inaccessible space behind a memory.")
    memory_reservation_for_growth = _ignored(int, "Bytes of address space to grow into.")
    memory_init_cow = _ignored(bool, "Copy-on-write initialisation.")
    native_unwind_info = _ignored(bool, "Unwind tables for native debuggers.")
    macos_use_mach_ports = _ignored(bool, "How faults are caught on macOS.")
    signals_based_traps = _ignored(bool, "Whether faults become traps.")
    # Settings of versions before 30 or so.
    static_memory_maximum_size = _ignored(int, "See memory_reservation.")
    static_memory_guard_size = _ignored(int, "See memory_guard_size.")
    dynamic_memory_guard_size = _ignored(int, "See memory_guard_size.")
    dynamic_memory_reserved_for_growth = _ignored(int, "See memory_reservation_for_growth.")

    def _set_cache(self, value: bool | str) -> None:
        if isinstance(value, bool):
            if not value:
                raise WasmtimeError("caching cannot be explicitly disabled")
        elif not isinstance(value, str):
            raise TypeError("expected string or bool")
        elif not os.path.isfile(value):
            raise WasmtimeError(f"failed to read config file: {value}")

    cache = property(None, _set_cache, None, "Whether to cache code; here it always is.")

    def _set_target(self, triple: str) -> None:
        if not isinstance(triple, str):
            raise TypeError("expected a str")
        machine, _, system = triple.partition("-")
        if machine != platform.machine() or "linux" not in system:
            raise WasmtimeError(f"compiling for another target ({triple}) is not supported")

    target = property(None, _set_target, None, "The target triple; only the host's.")

    def cranelift_flag_enable(self, flag: str) -> None:
        """A flag of that compiler; ignored."""
        if not isinstance(flag, str):
            raise TypeError("expected a str")

    def cranelift_flag_set(self, key: str, value: str) -> None:
        """A setting of that compiler; ignored."""
        if not all(isinstance(text, str) for text in (key, value)):
            raise TypeError("expected a str")


class Engine(Closeable):
    """A configuration, and the epoch that all its stores see."""

    def __init__(self, config: Config | None = None) -> None:
        if config is None:
            config = Config()
        elif not isinstance(config, Config):
            raise TypeError("expected Config")
        config.take()
        self.features = config.features
        self.epochs = config.epochs
        self.fuel = config.fuel
        # Here one implies the other.
        self.deterministic = config.relaxed_deterministic or config.canonical_nans
        self.epoch = 0
        self._stores: weakref.WeakSet[Store] = weakref.WeakSet()
        self._lock = threading.Lock()

    def add_store(self, store: Store) -> None:
        """Has the epoch reach ``store``."""
        with self._lock:
            self._stores.add(store)

    def increment_epoch(self) -> None:
        """The next epoch: stops code in stores whose deadline it is. From any thread."""
        with self._lock:
            self.epoch += 1
            stores = list(self._stores)
        for store in stores:
            store.epoch_changed()

    def is_pulley(self) -> bool:
        """Whether code is interpreted: never here."""
        return False
