"""Runtime blocks: what the instances that can call one another share, used by one thread at a time.

A block is native memory (``codegen.abi`` has the layout) that holds the stack limit of the thread
inside, its innermost activation and the pointers to the native helpers. It has the heap that the
garbage-collected objects of its members are in, if they need one. Instances start with one
of their own; linking functions or tables joins them.
"""

from __future__ import annotations

import signal
import struct
import threading
import weakref
from typing import Final, Protocol

from wasmwright import tuning
from wasmwright.codegen import abi, vm
from wasmwright.runtime import native
from wasmwright.runtime.heap import Heap, create, merge
from wasmwright.runtime.resource import resource


class Member(Protocol):
    """Something with contexts that point to a block: an instance or a host function."""

    def set_block(self, block: Block) -> None:
        """Points every context to ``block``."""


class Block:
    """One runtime block, alive as long as a member refers to it."""

    __slots__ = (
        "__weakref__",
        "_joined",
        "_members",
        "_memory",
        "_residents",
        "address",
        "heap_object",
        "tags",
    )

    def __init__(self) -> None:
        core = native.get()
        self.address = _allocate()
        self._memory = resource(_free, self.address)
        live.add(self)
        self._members: weakref.WeakSet[Member] = weakref.WeakSet()
        self._joined: Block | None = None
        # What owns the heap, if there is one.
        self.heap_object: object | None = None
        # Instances whose functions may be in objects of the heap.
        self._residents: set[object] = set()
        # Tags of exceptions that wasm may hold.
        self.tags: set[object] = set()
        native.write64(self.address + abi.RT_TRAP, core.core_symbol("ww_trap"))
        native.write64(self.address + abi.RT_MEMORY_GROW, core.core_symbol("ww_memory_grow"))
        native.write64(self.address + abi.RT_ATOMIC_WAIT, core.core_symbol("ww_atomic_wait"))
        native.write64(self.address + abi.RT_ATOMIC_NOTIFY, core.core_symbol("ww_atomic_notify"))
        native.write64(self.address + abi.RT_TABLE_GROW, core.core_symbol("ww_table_grow"))
        native.write64(self.address + abi.RT_THROW, core.core_symbol("ww_throw"))
        native.write64(self.address + abi.RT_NEW_EXCEPTION, core.core_symbol("ww_new_exception"))
        native.write64(self.address + abi.RT_ARENA, core.heap_arena.base)
        native.write64(self.address + abi.RT_ARENA_SIZE, core.heap_arena.size)

    def add(self, member: Member) -> None:
        """Makes ``member`` one of this block's."""
        self._members.add(member)
        member.set_block(self)

    @property
    def root(self) -> Block:
        """The block that this one's members are in by now."""
        block = self
        while block._joined is not None:
            block = block._joined
        return block

    def need_heap(self) -> Heap:
        """The heap, made now if there is none."""
        root = self.root
        if root.heap_object is None:
            root.heap_object = create(root)
        return Heap(root)

    def keep(self, instance: object) -> None:
        """Keeps an instance alive as long as the heap may have functions of its."""
        self.root._residents.add(instance)

    @property
    def fuel(self) -> int:
        """What its code has left, if it consumes fuel; negative where it ran out."""
        value = native.read64(self.address + abi.RT_FUEL)
        return value - (1 << 64) if value >> 63 else value

    @fuel.setter
    def fuel(self, value: int) -> None:
        native.write64(self.address + abi.RT_FUEL, value & (1 << 64) - 1)

    @property
    def stack(self) -> int:
        """Bytes of stack that its code may take, from the outermost call on; 0 for no bound."""
        return native.read64(self.address + abi.RT_STACK_SIZE)

    def restrict_stack(self, size: int) -> None:
        """Bounds that to ``size``, if that is less."""
        if size and (not self.stack or size < self.stack):
            native.write64(self.address + abi.RT_STACK_SIZE, size)

    @property
    def running(self) -> bool:
        """Whether a thread is inside."""
        return native.read64(self.address + abi.RT_OWNER) != 0


_SIZE: Final = vm.round_up(abi.RT_SIZE)
_POOLED: Final = 64  # blocks that are reserved at once
# All that there are.
live: weakref.WeakSet[Block] = weakref.WeakSet()

_pool: list[int] = []
# Reentrant: a finaliser may interrupt the thread that holds it, and instantiate something.
_pool_lock = threading.RLock()


def _allocate() -> int:
    """Memory for a block, its header zeroed; the argument area costs nothing until it is used."""
    with _pool_lock:
        if not _pool:
            first = vm.reserve(_SIZE * _POOLED)
            vm.protect(first, _SIZE * _POOLED, vm.READ | vm.WRITE)
            _pool.extend(range(first, first + _SIZE * _POOLED, _SIZE))
        address = _pool.pop()
    vm.write(address, bytes(abi.RT_HEADER))
    return address


def _free(address: int) -> None:
    _pool.append(address)


def join(first: Block, second: Block) -> Block:
    """Makes the members of both blocks members of one, and returns it.

    The block that a thread is in stays, since code that runs holds its address. Raises
    RuntimeError if both are in use.
    """
    first, second = first.root, second.root
    if first is second:
        return first
    if second.running:
        first, second = second, first
        if second.running:
            raise RuntimeError("two sets of instances cannot be linked while both are running")
    merge(first, second)
    first._residents |= second._residents
    first.tags |= second.tags
    second._residents.clear()
    for member in list(second._members):
        first.add(member)
    first.fuel += second.fuel
    first.restrict_stack(second.stack)
    second._joined = first
    return first


def limits(thread_id: int) -> bytes:
    """What a block says of the calling thread while that is inside, from RT_THREAD_ID on."""
    low, size = native.stack_bounds()
    reserve = tuning.STACK_RESERVE if size >= tuning.SMALL_STACK else size // 2
    host = min(tuning.HOST_STACK, max(reserve, size // 2))
    # A request to stop is to arrive.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [native.get().stop_signal])
    return struct.pack("<4Q", thread_id, low + reserve, low + host, threading.get_ident())
