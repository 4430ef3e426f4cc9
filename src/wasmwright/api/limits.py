"""Bounds on what an instance may take of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from wasmwright.errors import LinkError
from wasmwright.model.module import Module
from wasmwright.records import Record
from wasmwright.runtime.instance import Instance


class Limits(Record):
    """Bounds on an instance's own memories and tables (not on those that it imports).

    ``memory`` is the most bytes of each memory, ``table`` the most entries of each table;
    ``memories`` and ``tables`` bound their number. None is no bound but the engine's own. A
    module that begins with more is refused with LinkError; growing further fails as the
    instructions ``memory.grow`` and ``table.grow`` do, with -1.

    ``heap`` is the most bytes that garbage-collected objects take, those of all instances that it
    is linked with together; beyond it, whatever makes objects raises ExhaustionError.

    ``stack`` is the most bytes of the thread's stack, from the call on that Python makes, what
    host functions take of it included. Instances that can call each other have the least of
    theirs. Code that needs more raises ExhaustionError.

    Raises ValueError for a bound that is no number, or negative.

    ``instances`` is how many instances with this very object as their limits may be alive at
    once; one more is refused with LinkError.
    """

    __slots__ = ("_alive",)

    memory: int | None
    table: int | None
    memories: int | None
    tables: int | None
    heap: int | None
    stack: int | None
    instances: int | None
    if TYPE_CHECKING:
        _alive: WeakSet[Instance]

    def __init__(
        self,
        memory: int | None = None,
        table: int | None = None,
        memories: int | None = None,
        tables: int | None = None,
        heap: int | None = None,
        stack: int | None = None,
        instances: int | None = None,
    ) -> None:
        bounds: tuple[object, ...] = (memory, table, memories, tables, heap, stack, instances)
        for bound in bounds:
            if not (bound is None or (isinstance(bound, int) and bound >= 0)):
                raise ValueError(f"a bound is a number, not negative, or None: not {bound!r:.60}")
        super().__init__(*bounds)
        object.__setattr__(self, "_alive", WeakSet())

    @classmethod
    def untrusted(cls) -> Limits:
        """Bounds for code of unknown origin: 256 MiB in each of at most four memories, and in
        garbage-collected objects.

        Time is another matter: see ``ww.deadline``.
        """
        return cls(memory=256 << 20, table=100_000, memories=4, tables=16, heap=256 << 20)

    def check(self, module: Module) -> None:
        """LinkError if an instance of ``module`` would begin beyond the bounds."""
        if self.instances is not None and len(self._alive) >= self.instances:
            raise LinkError(f"out of resources: instance count exceeds limits ({self.instances})")
        for what, most, found in (
            ("memory", self.memories, len(module.memories)),
            ("table", self.tables, len(module.tables)),
        ):
            if most is not None and found > most:
                raise LinkError(f"out of resources: {what} count of {found} exceeds limits")
        for memory in module.memories:
            limits = memory.limits
            if self.memory is not None and limits.min << limits.page_size_log2 > self.memory:
                raise LinkError(
                    f"out of resources: memory minimum size of {limits.min} pages exceeds memory "
                    f"limits ({self.memory} bytes)"
                )
        for table in module.tables:
            least = table.type.limits.min
            if self.table is not None and least > self.table:
                raise LinkError(
                    f"out of resources: table minimum size of {least} elements exceeds table "
                    f"limits ({self.table})"
                )

    def count(self, instance: Instance) -> None:
        """Counts an instance as long as it is alive."""
        if self.instances is not None:
            self._alive.add(instance)
