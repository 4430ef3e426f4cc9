"""Instances: a module with its imports, ready to be called."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Self

from wasmwright.api import html
from wasmwright.api.exports import Exports
from wasmwright.api.host import CallingInstance
from wasmwright.api.limits import Limits
from wasmwright.api.module import Module
from wasmwright.codegen.options import OPTIMISED
from wasmwright.errors import LinkError
from wasmwright.model.module import KIND_FUNC, KIND_GLOBAL, KIND_MEMORY, KIND_TABLE, Export
from wasmwright.runtime import instance as runtime
from wasmwright.runtime import interrupts, linking, native, snapshot
from wasmwright.runtime.block import Block
from wasmwright.runtime.heap import Heap
from wasmwright.runtime.snapshot import Snapshot


class Instance:
    """An instance of ``module``.

    ``imports`` maps module names to mappings of names to values; the exports of another
    instance, or the instance itself, are such a mapping. Any callable can be a function; it
    gets Python numbers and returns one (or a tuple for several results). One whose first
    parameter is annotated as ``Instance`` is given this instance before the numbers. Raises
    LinkError for imports that are missing or do not match, and Trap if a segment does not fit or
    the start function traps.

    ``limits`` bounds its memories and tables, ``fuel`` is what a module that consumes it begins
    with. ``before_start`` is called with the instance when it has its exports and nothing has run
    yet.
    """

    def __init__(
        self,
        module: Module,
        imports: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        fuel: int = 0,
        before_start: Callable[[Instance], object] | None = None,
    ) -> None:
        self._begin(module, imports, limits, fuel)
        if before_start is not None:
            before_start(self)
        assert self._core is not None
        self._core.initialize()

    def _begin(
        self, module: Module, imports: Mapping[str, Any] | None, limits: Limits | None, fuel: int
    ) -> None:
        """Everything but running it."""
        if limits is not None:
            limits.check(module.model)
        if module.tier == OPTIMISED:
            native.get().stubs.use_compiler()
        caller = CallingInstance(type(self), module)
        externs = linking.resolve(module.model, imports, caller.adapt)
        try:
            memories = externs.memories + module.new_memories()
            heap_limit = None if limits is None else limits.heap
            core = runtime.Instance(module.code_for(memories), externs, memories, heap_limit)
        except MemoryError as error:
            raise LinkError(f"out of resources: {error}") from error
        if limits is not None:
            core.restrict(limits.memory, limits.table, limits.stack)
            limits.count(core)
        caller.core = weakref.ref(core)
        # Set up before the start function runs: that may call a function which gets this.
        self._set_up(core, module)
        if fuel:
            self.fuel = fuel + self.fuel

    @classmethod
    def _restored(
        cls,
        module: Module,
        state: Snapshot,
        imports: Mapping[str, Any] | None,
        limits: Limits | None,
        fuel: int,
    ) -> Instance:
        """See ``Module.restore``."""
        self = cls.__new__(cls)
        self._begin(module, imports, limits, fuel)
        assert self._core is not None
        try:
            snapshot.restore(self._core, state)
        except MemoryError as error:
            raise LinkError(f"out of resources: {error}") from error
        return self

    @classmethod
    def _of(cls, core: runtime.Instance, module: Module) -> Instance:
        """Another handle of an instance whose first one is gone."""
        self = cls.__new__(cls)
        self._set_up(core, module)
        return self

    def _set_up(self, core: runtime.Instance, module: Module) -> None:
        self._module = module
        self._core: runtime.Instance | None = core
        core.handle = weakref.ref(self)
        self._exports: Exports | None = Exports(
            module.model.exports, functools.partial(_export, core)
        )

    @property
    def module(self) -> Module:
        """The module this is an instance of."""
        return self._module

    @property
    def exports(self) -> Exports:
        """What the module exports, by attribute and by name; ValueError after `close`."""
        exports = self._exports
        if exports is None:
            raise ValueError("the instance is closed")
        return exports

    @property
    def heap(self) -> Heap:
        """The heap of garbage-collected objects, which instances that are linked have together."""
        core = self._core
        if core is None:
            raise ValueError("the instance is closed")
        return core.block.need_heap()

    @property
    def fuel(self) -> int:
        """How many instructions may still be executed, in a module with ``fuel=True``.

        About one is consumed for each instruction. Code that has none left traps with
        ExhaustionError; it may then be given more, and called again. Instances that can call one
        another share it: linking puts together what they have. Raises ValueError for a module
        that does not consume fuel, and after `close`.
        """
        return max(0, self._fuel_block().fuel)

    @fuel.setter
    def fuel(self, value: int) -> None:
        if not 0 <= value < 1 << 63:
            raise ValueError(f"fuel is from 0 to 2**63 - 1, not {value}")
        self._fuel_block().fuel = value

    def _fuel_block(self) -> Block:
        if self._core is None:
            raise ValueError("the instance is closed")
        if not self._module.consumes_fuel:
            raise ValueError("the module does not consume fuel: Module(source, fuel=True) does")
        return self._core.block.root

    def snapshot(self) -> Snapshot:
        """Its state now, which ``Module.restore`` makes further instances of.

        That is its own memories, tables, globals and dropped segments; what it imports is given
        anew. Functions in tables and globals must be ones that the module defines or imports:
        ValueError where there is another reference (a host object or function, a structure, an
        exception). RuntimeError while the instance is in a call.
        """
        if self._core is None:
            raise ValueError("the instance is closed")
        return snapshot.capture(self._core)

    def close(self) -> None:
        """Lets go of the instance; its ``exports`` are no more.

        What it has is given back once nothing else refers to it: functions, memories and views of
        them that are still in use stay valid.
        """
        self._exports = None
        self._core = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> bool:
        """Stops the call in progress with InterruptError, from another thread.

        Gives whether there was one; a call that begins later is not meant. Instances that can
        call one another are in one call together, and what a host function has called in others
        ends with it. Host functions are not interrupted: the call ends when they return.
        """
        return self._core is not None and interrupts.interrupt(self._core.block)

    def __reduce__(self) -> Any:
        raise TypeError("an instance cannot be pickled; pickle its module")

    def _repr_html_(self) -> str:
        exports = self._exports
        rows = [] if exports is None else [(name, repr(exports[name])) for name in exports]
        return html.table(repr(self), ("export", "value"), rows)

    def __repr__(self) -> str:
        closed = "closed " if self._core is None else ""
        return f"<wasmwright.Instance {closed}of {self._module!r}>"


def _export(core: runtime.Instance, entry: Export) -> Any:
    if entry.kind == KIND_FUNC:
        return core.func(entry.index)
    if entry.kind == KIND_MEMORY:
        return core.memories[entry.index]
    if entry.kind == KIND_TABLE:
        return core.table(entry.index)
    if entry.kind == KIND_GLOBAL:
        return core.global_(entry.index)
    return core.tags[entry.index]
