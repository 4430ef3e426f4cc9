"""Atomic memory instructions (spec: the threads proposal, Atomic Memory Accesses).

All are sequentially consistent, and trap where the address is not a multiple of the access's
size; so LLVM's atomic instructions get the alignment that they want. ``memory.atomic.wait`` and
``notify`` call the runtime, since they block and wake threads.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import memarg_flags, skip_immediates
from wasmwright.codegen.abi import RT_ATOMIC_NOTIFY, RT_ATOMIC_WAIT
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_memory import address, checked, runtime_function
from wasmwright.codegen.llvm.lower_unit import TAG_MEMORY
from wasmwright.errors import TRAP_NOT_SHARED, TRAP_UNALIGNED_ATOMIC
from wasmwright.isa import INSTRUCTIONS, SLOTS, slot
from wasmwright.model.types import I32, I64

_NOTIFY: Final = slot("memory.atomic.notify")
_WAIT32: Final = slot("memory.atomic.wait32")
_WAIT64: Final = slot("memory.atomic.wait64")
_FENCE: Final = slot("atomic.fence")


class Atomic:
    """An atomic access: its value type, the type in memory, its size in bytes, what it does.

    ``operation`` is "load", "store", "cmpxchg", or an operation of LLVM's ``atomicrmw``.
    """

    def __init__(self, valtype: int, bits: int, operation: str) -> None:
        self.valtype: int = valtype
        self.llvm: str = "i32" if valtype == I32 else "i64"
        self.stored: str = f"i{bits}"
        self.size: int = bits // 8
        self.operation: str = operation


def _atomic(name: str) -> Atomic:
    """From a mnemonic such as ``i64.atomic.load32_u`` or ``i32.atomic.rmw8.add_u``."""
    parts = name.removesuffix("_u").split(".")
    access = parts[2]
    digits = access.removeprefix("load").removeprefix("store").removeprefix("rmw")
    bits = int(digits) if digits else int(parts[0][1:])
    operation = parts[3] if access.startswith("rmw") else access.removesuffix(digits)
    return Atomic(I32 if parts[0] == "i32" else I64, bits, operation)


# By slot, for the families of plain atomic accesses.
_ATOMICS: Final[list[Atomic | None]] = [None] * SLOTS
for _row in INSTRUCTIONS:
    if _row.family in ("atomic.load", "atomic.store", "atomic.rmw", "atomic.cmpxchg"):
        _ATOMICS[_row.slot] = _atomic(_row.name)


def atomic_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the threads proposal."""
    atomic = _ATOMICS[opcode]
    if atomic is not None:
        _access(e, atomic)
    elif opcode == _FENCE:
        skip_immediates(e.reader, opcode)
        e.out.append("fence seq_cst\n")
    elif opcode == _NOTIFY:
        _notify(e)
    else:
        _wait(e, opcode)


def _access(e: Emitter, atomic: Atomic) -> None:
    values: list[str] = []
    if atomic.operation != "load":
        values.append(_narrowed(e, atomic, e.pop()))
    expected = e.pop() if atomic.operation == "cmpxchg" else ""
    place = address(e, atomic.size, store=True)
    _check_alignment(e, place.pointer, atomic.size)
    order = f"seq_cst, align {atomic.size}{TAG_MEMORY}{e.here()}"
    stored, pointer, mode = atomic.stored, place.pointer, place.mode
    if atomic.operation == "load":
        value = e.define(f"load atomic {mode}{stored}, ptr {pointer} {order}")
        e.loads(value)
        _push(e, atomic, value)
    elif atomic.operation == "store":
        e.out.append(f"store atomic {mode}{stored} {values[0]}, ptr {pointer} {order}\n")
    elif atomic.operation == "cmpxchg":
        _compare_exchange(e, atomic, expected, values[0], mode, pointer)
    else:
        operation = f"atomicrmw {mode}{atomic.operation} ptr {pointer}, {stored} {values[0]}"
        _push(e, atomic, e.define(f"{operation} {order}"))


def _compare_exchange(
    e: Emitter, atomic: Atomic, expected: str, value: str, mode: str, pointer: str
) -> None:
    """The value in memory is extended before it is compared, so an expected value that does not
    fit the access matches nothing: memory is then written with what it holds.
    """
    stored = atomic.stored
    narrow = _narrowed(e, atomic, expected)
    if stored != atomic.llvm:
        back = e.define(f"zext {stored} {narrow} to {atomic.llvm}")
        fits = e.define(f"icmp eq {atomic.llvm} {back}, {expected}")
        value = e.define(f"select i1 {fits}, {stored} {value}, {stored} {narrow}")
    pair = e.define(
        f"cmpxchg {mode}ptr {pointer}, {stored} {narrow}, {stored} {value} "
        f"seq_cst seq_cst, align {atomic.size}{TAG_MEMORY}{e.here()}"
    )
    _push(e, atomic, e.define(f"extractvalue {{ {stored}, i1 }} {pair}, 0"))


def _narrowed(e: Emitter, atomic: Atomic, value: str) -> str:
    if atomic.stored == atomic.llvm:
        return value
    return e.define(f"trunc {atomic.llvm} {value} to {atomic.stored}")


def _push(e: Emitter, atomic: Atomic, value: str) -> None:
    if atomic.stored == atomic.llvm:
        e.push(value, atomic.valtype)
    else:
        e.result(f"zext {atomic.stored} {value} to {atomic.llvm}", atomic.valtype)


def _check_alignment(e: Emitter, pointer: str, size: int) -> None:
    if size > 1:
        # A memory's base is aligned, so the pointer is where the address is.
        number = e.define(f"ptrtoint ptr {pointer} to i64")
        rest = e.define(f"and i64 {number}, {size - 1}")
        e.trap_if(e.define(f"icmp ne i64 {rest}, 0"), TRAP_UNALIGNED_ATOMIC)


def _waiting_place(e: Emitter, size: int) -> tuple[int, str]:
    """The memory and the checked pointer of a wait or a notification."""
    memory: int = memarg_flags(e.reader) >> 6
    offset = e.reader.u64()
    pointer = checked(e, memory, e.pop(), offset, size)
    _check_alignment(e, pointer, size)
    return memory, pointer


def _notify(e: Emitter) -> None:
    count = e.pop()
    _, pointer = _waiting_place(e, 4)
    function = runtime_function(e, RT_ATOMIC_NOTIFY)
    wide = e.define(f"zext i32 {count} to i64")
    woken = e.define(f"call i64 {function}(ptr %ctx, ptr {pointer}, i64 {wide}){e.here()}")
    e.called()
    e.result(f"trunc i64 {woken} to i32", I32)


def _wait(e: Emitter, opcode: i64) -> None:
    timeout = e.pop()
    expected = e.pop()
    size = 4 if opcode == _WAIT32 else 8
    memory, pointer = _waiting_place(e, size)
    if not e.unit.module.all_memories[memory].limits.shared:
        e.trap_if("true", TRAP_NOT_SHARED)
    if size == 4:
        expected = e.define(f"zext i32 {expected} to i64")
    function = runtime_function(e, RT_ATOMIC_WAIT)
    outcome = e.define(
        f"call i64 {function}(ptr %ctx, ptr {pointer}, i64 {size}, i64 {expected}, "
        f"i64 {timeout}){e.here()}"
    )
    e.called()
    e.result(f"trunc i64 {outcome} to i32", I32)
