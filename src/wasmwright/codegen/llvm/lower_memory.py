"""Memory instructions (spec: Execution > Instructions > Memory Instructions).

An access to a guarded memory is a plain machine access: what it reaches beyond the memory's
end faults, and the fault is the trap. LLVM must then neither drop nor move it, so it is
volatile, except where its address is known to be inside. An access to any other memory is
preceded by a comparison with the memory's length, and LLVM may do with it what it can.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import memarg_flags
from wasmwright.codegen.abi import (
    CTX_RT,
    RT_MEMORY_GROW,
    SEGMENT_LENGTH,
    SEGMENT_POINTER,
)
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_loop_plan import LoopPlan
from wasmwright.codegen.llvm.lower_numeric import is_literal
from wasmwright.codegen.llvm.lower_unit import FIXED, TAG_MEMORY, TAG_RUNTIME, llvm_type
from wasmwright.errors import TRAP_MEMORY
from wasmwright.isa import INSTRUCTIONS, SLOTS, slot
from wasmwright.model.types import F32, F64, I32, I64

_TYPE: Final[dict[str, int]] = {"i32": I32, "i64": I64, "f32": F32, "f64": F64}
_SIZE: Final[dict[int, int]] = {I32: 4, I64: 8, F32: 4, F64: 8}
_ADDRESS32: Final = 1 << 32


class Access:
    """A scalar load or store: its size in bytes, its type in memory, and the conversion."""

    def __init__(self, valtype: int, size: int, stored: str, signed: bool) -> None:
        self.valtype: int = valtype
        self.size: int = size
        self.stored: str = stored
        self.llvm: str = llvm_type(valtype)
        self.extension: str = "sext" if signed else "zext"


def _access(name: str) -> Access:
    prefix, operation = name.split(".")
    valtype = _TYPE[prefix]
    bits = operation.removeprefix("load").removeprefix("store").partition("_")[0]
    stored = f"i{bits}" if bits else llvm_type(valtype)
    size = int(bits) // 8 if bits else _SIZE[valtype]
    return Access(valtype, size, stored, operation.endswith("_s"))


# By slot, for the families "load" and "store".
ACCESSES: Final[list[Access | None]] = [None] * SLOTS
for _row in INSTRUCTIONS:
    if _row.family in ("load", "store"):
        ACCESSES[_row.slot] = _access(_row.name)


def load(e: Emitter, opcode: i64) -> None:
    """Lower a scalar load."""
    access = ACCESSES[opcode]
    assert access is not None
    e.push(converted(e, address(e, access.size), opcode), access.valtype)


def converted(e: Emitter, place: Place, opcode: i64) -> str:
    """Load what a scalar load finds at a place, as the type that it results in."""
    access = ACCESSES[opcode]
    assert access is not None
    value = loaded(e, place, access.stored)
    if access.stored == access.llvm:
        return value
    return e.convert(f"{access.extension} {access.stored} {value} to {access.llvm}", value)


def loaded(e: Emitter, place: Place, llvm: str) -> str:
    """Load a value of an LLVM type from linear memory."""
    name = e.new()
    text = f"{name} = load {place.mode}{llvm}, ptr {place.pointer}, align 1{TAG_MEMORY}"
    if place.mode:
        e.loads(name)
        e.reads[e.offset] = place.name
        text += e.here()
    e.out.append(text + "\n")
    return name


def stored(e: Emitter, place: Place, llvm: str, value: str) -> None:
    """Store a value of an LLVM type to linear memory.

    A machine instruction can load, compute and store, and where it traps, the load does. So a
    store of what was computed from the same place, which does not trap, is made part of the load.
    """
    if e.plan is not None and e.offset in e.plan.dropped:
        return
    text = f"store {place.mode}{llvm} {value}, ptr {place.pointer}, align 1{TAG_MEMORY}"
    if place.mode:
        origin = e.loaded.get(value)
        if origin is not None and e.reads.get(origin) == place.name:
            text += e.place(origin)
        else:
            text += e.here()
    e.out.append(text + "\n")


def store(e: Emitter, opcode: i64) -> None:
    """Lower a scalar store."""
    access = ACCESSES[opcode]
    assert access is not None
    value = e.pop()
    place = address(e, access.size, store=True)
    if access.stored != access.llvm:
        value = e.convert(f"trunc {access.llvm} {value} to {access.stored}", value)
    stored(e, place, access.stored, value)


class Place:
    """Where an access goes: a pointer, and "volatile " where it may trap by itself.

    Accesses whose places have the same name go to the same bytes.
    """

    __slots__ = ("mode", "name", "pointer")

    def __init__(self, pointer: str, mode: str, name: str = "") -> None:
        self.pointer: str = pointer
        self.mode: str = mode
        self.name: str = name or pointer


def address(e: Emitter, size: int, store: bool = False) -> Place:
    """The place that a memarg and the address on the stack name, for ``size`` bytes.

    Reads the memarg, pops the address, and checks it where the hardware does not. A load from
    an address that is known to be inside may be dropped and moved; a store may not, as its
    effect is seen if something else traps before the next one to its place.
    """
    memory: int = memarg_flags(e.reader) >> 6
    offset = e.reader.u64()
    operand = e.pop()
    info = e.unit.memories[memory]
    if e.plan is not None:
        return _planned(e, e.plan, offset)
    if is_literal(operand):
        literal = int(operand)
        if literal < 0:
            literal += 1 << 64 if info.address64 else _ADDRESS32
        if literal + offset + size <= info.min_bytes:
            pointer = e.field(e.memory_base(memory), literal + offset)
            return Place(pointer, info.mode if store or info.shared else "")
    if info.guarded:
        pointer = e.field(indexed(e, memory, operand), offset)
        return Place(pointer, info.mode, f"{memory} {operand} {offset} {size}")
    return Place(checked(e, memory, operand, offset, size), info.mode)


def _planned(e: Emitter, plan: LoopPlan, offset: int) -> Place:
    """The place of an access in a loop that is known to stay inside."""
    number, distance = plan.places[e.offset]
    return Place(e.field(plan.pointers[number], distance + offset), "")


def indexed(e: Emitter, memory: int, operand: str) -> str:
    """The memory's base plus an address."""
    key = f"a{memory}{operand}"
    pointer = e.known.get(key)
    if pointer is None:
        wide = widened(e, operand, e.unit.memories[memory].address64)
        pointer = e.define(f"getelementptr i8, ptr {e.memory_base(memory)}, i64 {wide}")
        e.known[key] = pointer
    return pointer


def widened(e: Emitter, operand: str, address64: bool) -> str:
    """An address, index or count as an i64."""
    if address64:
        return operand
    key = f"w{operand}"
    wide = e.known.get(key)
    if wide is None:
        wide = e.convert(f"zext i32 {operand} to i64", operand)
        e.known[key] = wide
    return wide


def checked(e: Emitter, memory: int, operand: str, offset: int, size: int) -> str:
    """The pointer of an access of ``size`` bytes, after its end was compared with the length."""
    e.unit.gains = True
    address64 = e.unit.memories[memory].address64
    length = e.memory_length(memory)
    pointer = indexed(e, memory, operand)
    wide = widened(e, operand, address64)
    reach = offset + size
    if reach >= 1 << 64:
        e.trap_if("true", TRAP_MEMORY)
    elif address64:
        end = e.define(f"call i64 @llvm.uadd.sat.i64(i64 {wide}, i64 {reach})")
        # An end that wrapped is the greatest number, which no memory is long enough for.
        e.trap_if(e.define(f"icmp ugt i64 {end}, {length}"), TRAP_MEMORY)
    else:
        end = e.define(f"add nuw nsw i64 {wide}, {reach}")
        e.trap_if(e.define(f"icmp ugt i64 {end}, {length}"), TRAP_MEMORY)
    return e.field(pointer, offset)


_SIZE_SLOT: Final = slot("memory.size")
_GROW: Final = slot("memory.grow")
_INIT: Final = slot("memory.init")
_DROP: Final = slot("data.drop")
_COPY: Final = slot("memory.copy")


def memory_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the family "memory"."""
    if opcode == _SIZE_SLOT:
        _size(e)
    elif opcode == _GROW:
        _grow(e)
    elif opcode == _INIT:
        _init(e)
    elif opcode == _DROP:
        drop_segment(e, e.unit.layout.data(e.reader.u32()))
    elif opcode == _COPY:
        _copy(e)
    else:
        _fill(e)


def _size(e: Emitter) -> None:
    memory: int = e.reader.u32()
    info = e.unit.memories[memory]
    pages = e.define(f"lshr i64 {e.memory_length(memory)}, {info.page_log2}")
    push_size(e, pages, info.address64)


def push_size(e: Emitter, size: str, address64: bool) -> None:
    """Push an i64 as an address of 64 or 32 bits."""
    if address64:
        e.push(size, I64)
    else:
        e.result(f"trunc i64 {size} to i32", I32)


def runtime_function(e: Emitter, offset: int) -> str:
    """A function of the runtime block."""
    runtime = e.record(CTX_RT)
    return e.define(f"load ptr, ptr {e.field(runtime, offset)}{FIXED}")


def _grow(e: Emitter) -> None:
    memory: int = e.reader.u32()
    address64 = e.unit.memories[memory].address64
    delta = widened(e, e.pop(), address64)
    function = runtime_function(e, RT_MEMORY_GROW)
    old = e.define(f"call i64 {function}(ptr %ctx, i32 {memory}, i64 {delta}){e.here()}")
    e.called()
    push_size(e, old, address64)


def end_of(e: Emitter, start: str, count: str, exact: bool) -> str:
    """``start + count`` of two i64; the greatest number where it wraps, if it can."""
    if exact:
        return e.define(f"add nuw nsw i64 {start}, {count}")
    return e.define(f"call i64 @llvm.uadd.sat.i64(i64 {start}, i64 {count})")


def segment(e: Emitter, entry: int) -> tuple[str, str]:
    """The pointer and the length of the segment whose entry is in the context at ``entry``."""
    pointer_at = e.context(entry + SEGMENT_POINTER)
    pointer = e.define(f"load ptr, ptr {pointer_at}{TAG_RUNTIME}")
    length_at = e.context(entry + SEGMENT_LENGTH)
    length = e.define(f"load i64, ptr {length_at}{TAG_RUNTIME}")
    return pointer, length


def drop_segment(e: Emitter, entry: int) -> None:
    """Make a segment empty."""
    length_at = e.context(entry + SEGMENT_LENGTH)
    e.out.append(f"store {e.unit.ordered}i64 0, ptr {length_at}{TAG_RUNTIME}\n")


def move_bytes(e: Emitter, target: str, origin: str, size: str) -> None:
    """Copy bytes between two places that may overlap."""
    tail = f"i64 {size}, i1 {e.unit.volatile_bit})"
    e.out.append(
        f"call void @llvm.memmove.p0.p0.i64(ptr {target}, ptr {origin}, {tail}{e.here()}\n"
    )


def _init(e: Emitter) -> None:
    data: int = e.reader.u32()
    memory: int = e.reader.u32()
    address64 = e.unit.memories[memory].address64
    count = widened(e, e.pop(), False)
    source = widened(e, e.pop(), False)
    to = widened(e, e.pop(), address64)
    pointer, available = segment(e, e.unit.layout.data(data))
    out_of_data = e.define(f"icmp ugt i64 {end_of(e, source, count, True)}, {available}")
    end = end_of(e, to, count, not address64)
    outside = e.define(f"icmp ugt i64 {end}, {e.memory_length(memory)}")
    e.trap_if(e.define(f"or i1 {out_of_data}, {outside}"), TRAP_MEMORY)
    target = e.define(f"getelementptr i8, ptr {e.memory_base(memory)}, i64 {to}")
    origin = e.define(f"getelementptr i8, ptr {pointer}, i64 {source}")
    move_bytes(e, target, origin, count)


def _copy(e: Emitter) -> None:
    to_memory: int = e.reader.u32()
    from_memory: int = e.reader.u32()
    to64 = e.unit.memories[to_memory].address64
    from64 = e.unit.memories[from_memory].address64
    count = widened(e, e.pop(), to64 and from64)
    source = widened(e, e.pop(), from64)
    to = widened(e, e.pop(), to64)
    to_end = end_of(e, to, count, not to64)
    from_end = end_of(e, source, count, not from64)
    outside = e.define(f"icmp ugt i64 {to_end}, {e.memory_length(to_memory)}")
    beyond = e.define(f"icmp ugt i64 {from_end}, {e.memory_length(from_memory)}")
    e.trap_if(e.define(f"or i1 {outside}, {beyond}"), TRAP_MEMORY)
    target = e.define(f"getelementptr i8, ptr {e.memory_base(to_memory)}, i64 {to}")
    origin = e.define(f"getelementptr i8, ptr {e.memory_base(from_memory)}, i64 {source}")
    move_bytes(e, target, origin, count)


def _fill(e: Emitter) -> None:
    memory: int = e.reader.u32()
    address64 = e.unit.memories[memory].address64
    count = widened(e, e.pop(), address64)
    value = e.define(f"trunc i32 {e.pop()} to i8")
    to = widened(e, e.pop(), address64)
    end = end_of(e, to, count, not address64)
    e.trap_if(e.define(f"icmp ugt i64 {end}, {e.memory_length(memory)}"), TRAP_MEMORY)
    target = e.define(f"getelementptr i8, ptr {e.memory_base(memory)}, i64 {to}")
    tail = f"i64 {count}, i1 {e.unit.volatile_bit})"
    e.out.append(f"call void @llvm.memset.p0.i64(ptr {target}, i8 {value}, {tail}{e.here()}\n")
