"""Structures and arrays (spec: Execution > Instructions > Aggregate Reference Instructions).

Where fields and elements are is in :mod:`wasmwright.codegen.heap_layout`. Allocating is moving a
pointer of the runtime block; new memory is all zeros, so what has its default value needs no
store. The collector may run in the cold call that follows where there is no room. It moves
nothing and looks at every word of the stack, so values stay in registers across it; but what it
finds an object by, the header, must be written by then (hence its own tag).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.abi import CTX_RT, RT_ALLOC, RT_ALLOC_LIMIT
from wasmwright.codegen.heap_layout import (
    ARRAY_ELEMENTS,
    ARRAY_LENGTH,
    GRANULE,
    StructLayout,
    element_shift,
    storage_size,
)
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_memory import end_of, move_bytes, segment, widened
from wasmwright.codegen.llvm.lower_numeric import instruction_name, is_literal
from wasmwright.codegen.llvm.lower_unit import (
    TAG_HEADER,
    TAG_RUNTIME,
    UNLIKELY,
    Unsupported,
    heap_tag,
    llvm_type,
    zero,
)
from wasmwright.errors import (
    TRAP_ARRAY,
    TRAP_HEAP,
    TRAP_MEMORY,
    TRAP_NULL_ARRAY,
    TRAP_NULL_STRUCT,
    TRAP_TABLE,
)
from wasmwright.isa import slot
from wasmwright.model.types import I8, I16, I32, NULL, REF, ArrayType, FieldType, StructType

_STRUCT_NEW: Final = slot("struct.new")
_STRUCT_NEW_DEFAULT: Final = slot("struct.new_default")
_STRUCT_GET: Final = slot("struct.get")
_STRUCT_GET_S: Final = slot("struct.get_s")
_STRUCT_GET_U: Final = slot("struct.get_u")
_STRUCT_SET: Final = slot("struct.set")
_ARRAY_NEW: Final = slot("array.new")
_ARRAY_NEW_DEFAULT: Final = slot("array.new_default")
_ARRAY_NEW_FIXED: Final = slot("array.new_fixed")
_ARRAY_NEW_DATA: Final = slot("array.new_data")
_ARRAY_NEW_ELEM: Final = slot("array.new_elem")
_ARRAY_GET: Final = slot("array.get")
_ARRAY_GET_S: Final = slot("array.get_s")
_ARRAY_GET_U: Final = slot("array.get_u")
_ARRAY_SET: Final = slot("array.set")
_ARRAY_LEN: Final = slot("array.len")
_ARRAY_FILL: Final = slot("array.fill")
_ARRAY_COPY: Final = slot("array.copy")
_ARRAY_INIT_DATA: Final = slot("array.init_data")
_ARRAY_INIT_ELEM: Final = slot("array.init_elem")

_PACKED: Final[dict[int, str]] = {I8: "i8", I16: "i16"}
_POINTER_SHIFT: Final = 3


def aggregate_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the family "aggregate"."""
    if opcode == _ARRAY_LEN:
        e.result(f"load i32, ptr {_length_place(e, _pop_array(e))}{TAG_HEADER}", I32)
        return
    index: int = e.reader.u32()
    if opcode <= _STRUCT_SET:
        _struct(e, opcode, index)
    elif opcode == _ARRAY_GET or opcode == _ARRAY_GET_S or opcode == _ARRAY_GET_U:
        field = _element(e, index)
        position = e.pop()
        _load(e, field, _place(e, _pop_array(e), position, field), opcode == _ARRAY_GET_S)
    elif opcode == _ARRAY_SET:
        field = _element(e, index)
        value = e.pop()
        position = e.pop()
        _store(e, field, _place(e, _pop_array(e), position, field), value, e.unit.ordered)
    elif opcode <= _ARRAY_NEW_ELEM:
        _new_array(e, opcode, index)
    else:
        _bulk(e, opcode, index)


# Structures


def _struct(e: Emitter, opcode: i64, index: int) -> None:
    comp = e.unit.module.types[index].comp
    assert isinstance(comp, StructType)
    layout = e.unit.struct_layout(index)
    if opcode == _STRUCT_NEW or opcode == _STRUCT_NEW_DEFAULT:
        _new_struct(e, index, comp, layout, opcode == _STRUCT_NEW)
        return
    number: int = e.reader.u32()
    field = comp.fields[number]
    if opcode == _STRUCT_SET:
        value = e.pop()
        place = e.field(_pop_struct(e), layout.offsets[number])
        _store(e, field, place, value, e.unit.ordered)
    else:
        place = e.field(_pop_struct(e), layout.offsets[number])
        _load(e, field, place, opcode == _STRUCT_GET_S)


def _new_struct(
    e: Emitter, index: int, comp: StructType, layout: StructLayout, given: bool
) -> None:
    count = len(comp.fields)
    values: list[str] = []
    if given:
        for _ in range(count):
            values.append(e.pop())
        values.reverse()
    made = _allocate(e, index, str(layout.size), "0")
    for i in range(len(values)):
        field = comp.fields[i]
        if values[i] != zero(_unpacked(field)):
            _store(e, field, e.field(made, layout.offsets[i]), values[i], e.unit.ordered)
    e.push(made, REF | index)


def _pop_struct(e: Emitter) -> str:
    return _pop_object(e, TRAP_NULL_STRUCT)


def _pop_array(e: Emitter) -> str:
    return _pop_object(e, TRAP_NULL_ARRAY)


def _pop_object(e: Emitter, trap: int) -> str:
    nullable = e.types[-1] & NULL != 0
    value = e.pop()
    if nullable:
        e.trap_if(e.define(f"icmp eq ptr {value}, null"), trap)
    return value


# Fields and elements


def _element(e: Emitter, index: int) -> FieldType:
    comp = e.unit.module.types[index].comp
    assert isinstance(comp, ArrayType)
    return comp.element


def _unpacked(field: FieldType) -> int:
    return I32 if field.storage == I8 or field.storage == I16 else field.storage


def _access(field: FieldType) -> str:
    """What follows the pointer in a load or store: alignment and tag."""
    return f", align {min(storage_size(field.storage), GRANULE)}{heap_tag(field)}"


def _load(e: Emitter, field: FieldType, place: str, signed: bool) -> None:
    packed = _PACKED.get(field.storage)
    if packed is None:
        valtype = field.storage
        e.result(f"load {llvm_type(valtype)}, ptr {place}{_access(field)}", valtype)
    else:
        narrow = e.define(f"load {packed}, ptr {place}{_access(field)}")
        e.result(f"{'sext' if signed else 'zext'} {packed} {narrow} to i32", I32)


def _stored(e: Emitter, field: FieldType, value: str) -> tuple[str, str]:
    """A value as it is stored: its LLVM type and text."""
    packed = _PACKED.get(field.storage)
    if packed is None:
        return llvm_type(field.storage), e.settled(value, field.storage)
    return packed, e.define(f"trunc i32 {value} to {packed}")


def _store(e: Emitter, field: FieldType, place: str, value: str, mode: str) -> None:
    kind, text = _stored(e, field, value)
    e.out.append(f"store {mode}{kind} {text}, ptr {place}{_access(field)}\n")


def _length_place(e: Emitter, array: str) -> str:
    return e.field(array, ARRAY_LENGTH)


def _length(e: Emitter, array: str) -> str:
    """The length of an array, an i64."""
    length = e.define(f"load i32, ptr {_length_place(e, array)}{TAG_HEADER}")
    return e.define(f"zext i32 {length} to i64")


def _place(e: Emitter, array: str, position: str, field: FieldType) -> str:
    """The address of an element, once its index is found to be inside."""
    length = e.define(f"load i32, ptr {_length_place(e, array)}{TAG_HEADER}")
    e.trap_if(e.define(f"icmp uge i32 {position}, {length}"), TRAP_ARRAY)
    return _element_place(e, array, widened(e, position, False), field)


def _element_place(e: Emitter, array: str, position: str, field: FieldType) -> str:
    first = e.field(array, ARRAY_ELEMENTS)
    size = storage_size(field.storage)
    return e.define(f"getelementptr [{size} x i8], ptr {first}, i64 {position}")


# Allocation


def _allocate(e: Emitter, index: int, size: str, length: str) -> str:
    """A new object of a type of the module; ``size`` is an i64, in bytes, and ``length`` an i32
    that is written for arrays only.
    """
    unit = e.unit
    unit.allocates = True
    runtime = e.record(CTX_RT)
    rtt = e.record(unit.layout.rtt(index))
    array = isinstance(unit.module.types[index].comp, ArrayType)
    pointer_at = e.field(runtime, RT_ALLOC)
    at = e.define(f"load ptr, ptr {pointer_at}{TAG_RUNTIME}")
    limit = e.define(f"load ptr, ptr {e.field(runtime, RT_ALLOC_LIMIT)}{TAG_RUNTIME}")
    end = e.define(f"getelementptr i8, ptr {at}, i64 {size}")
    full = e.define(f"icmp ugt ptr {end}, {limit}")
    # Size and length are wanted in either block.
    wide = e.define(f"zext i32 {length} to i64")
    fast, slow, done = e.label(), e.label(), e.label()
    e.out.append(f"br i1 {full}, label %{slow}, label %{fast}{UNLIKELY}\n")
    # (Names, not numbers: cold code stands behind what follows.)
    found, failed, none = f"%{slow}p", f"%{slow}f", e.label()
    e.cold.append(
        f"{slow}:\n"
        f"{found} = call preserve_mostcc ptr @allocate(ptr {runtime}, ptr {rtt}, i64 {size}, "
        f"i64 {wide}) nounwind{TAG_RUNTIME}{e.here()}\n"
        f"{failed} = icmp eq ptr {found}, null\n"
        f"br i1 {failed}, label %{none}, label %{done}{UNLIKELY}\n"
        f"{none}:\n{e.trap_call(str(TRAP_HEAP))}"
    )
    e.begin(fast)
    e.out.append(f"store ptr {end}, ptr {pointer_at}{TAG_RUNTIME}\n")
    e.out.append(f"store ptr {rtt}, ptr {at}{TAG_HEADER}\n")
    if array:
        e.out.append(f"store i32 {length}, ptr {e.field(at, ARRAY_LENGTH)}{TAG_HEADER}\n")
    e.out.append(f"br label %{done}\n")
    e.begin(done)
    return e.define(f"phi ptr [ {at}, %{fast} ], [ {found}, %{slow} ]")


def _allocate_array(e: Emitter, index: int, length: str, shift: int) -> str:
    if is_literal(length):
        bytes_ = ARRAY_ELEMENTS + ((int(length) & 0xFFFFFFFF) << shift)
        return _allocate(e, index, str((bytes_ + GRANULE - 1) & -GRANULE), length)
    bytes_text = widened(e, length, False)
    if shift:
        bytes_text = e.define(f"shl nuw nsw i64 {bytes_text}, {shift}")
    if 1 << shift >= GRANULE:
        size = e.define(f"add nuw nsw i64 {bytes_text}, {ARRAY_ELEMENTS}")
    else:
        size = e.define(f"add nuw nsw i64 {bytes_text}, {ARRAY_ELEMENTS + GRANULE - 1}")
        size = e.define(f"and i64 {size}, {-GRANULE}")
    return _allocate(e, index, size, length)


# Arrays


def _new_array(e: Emitter, opcode: i64, index: int) -> None:
    field = _element(e, index)
    shift = element_shift(field)
    if opcode == _ARRAY_NEW_FIXED:
        count: int = e.reader.u32()
        values: list[str] = []
        for _ in range(count):
            values.append(e.pop())
        values.reverse()
        made = _allocate_array(e, index, str(count), shift)
        for i in range(count):
            if values[i] != zero(_unpacked(field)):
                place = e.field(made, ARRAY_ELEMENTS + (i << shift))
                _store(e, field, place, values[i], e.unit.ordered)
    elif opcode == _ARRAY_NEW_DATA or opcode == _ARRAY_NEW_ELEM:
        made = _new_from_segment(e, opcode, index, shift)
    else:
        length = e.pop()
        value = e.pop() if opcode == _ARRAY_NEW else zero(_unpacked(field))
        made = _allocate_array(e, index, length, shift)
        if value != zero(_unpacked(field)):
            first = e.field(made, ARRAY_ELEMENTS)
            _fill(e, field, first, widened(e, length, False), value, "")
    e.push(made, REF | index)


def _new_from_segment(e: Emitter, opcode: i64, index: int, shift: int) -> str:
    number: int = e.reader.u32()
    length = e.pop()
    count = widened(e, length, False)
    source = widened(e, e.pop(), False)
    origin, size = _segment_part(e, opcode == _ARRAY_NEW_DATA, number, source, count, shift)
    made = _allocate_array(e, index, length, shift)
    move_bytes(e, e.field(made, ARRAY_ELEMENTS), origin, size)
    return made


def _segment_part(
    e: Emitter, data: bool, number: int, source: str, count: str, shift: int
) -> tuple[str, str]:
    """The address in a segment and the bytes of ``count`` elements, once they are found inside."""
    layout = e.unit.layout
    size = e.define(f"shl nuw nsw i64 {count}, {shift}")
    if data:
        pointer, available = segment(e, layout.data(number))
        end = end_of(e, source, size, True)
        e.trap_if(e.define(f"icmp ugt i64 {end}, {available}"), TRAP_MEMORY)
        return e.define(f"getelementptr i8, ptr {pointer}, i64 {source}"), size
    pointer, available = segment(e, layout.elem(number))
    end = end_of(e, source, count, True)
    e.trap_if(e.define(f"icmp ugt i64 {end}, {available}"), TRAP_TABLE)
    return e.define(f"getelementptr ptr, ptr {pointer}, i64 {source}"), size


def _bulk(e: Emitter, opcode: i64, index: int) -> None:
    """Lower an instruction that writes a range of elements."""
    field = _element(e, index)
    shift = element_shift(field)
    if opcode == _ARRAY_FILL:
        count = widened(e, e.pop(), False)
        value = e.pop()
        first = _range(e, count, field)
        _fill(e, field, first, count, value, e.unit.ordered)
    elif opcode == _ARRAY_COPY:
        from_field = _element(e, e.reader.u32())
        count = widened(e, e.pop(), False)
        position = e.pop()
        source = _pop_array(e)
        # The target's checks come first, but the order of two traps of one instruction shows
        # only in their message: both references are looked at before any index.
        to_position = e.pop()
        target = _pop_array(e)
        to = _checked_range(e, target, to_position, count, field)
        origin = _checked_range(e, source, position, count, from_field)
        move_bytes(e, to, origin, e.define(f"shl nuw nsw i64 {count}, {shift}"))
    elif opcode == _ARRAY_INIT_DATA or opcode == _ARRAY_INIT_ELEM:
        number: int = e.reader.u32()
        count = widened(e, e.pop(), False)
        source = widened(e, e.pop(), False)
        to = _range(e, count, field)
        data = opcode == _ARRAY_INIT_DATA
        origin, size = _segment_part(e, data, number, source, count, shift)
        move_bytes(e, to, origin, size)
    else:
        raise Unsupported(instruction_name(opcode))


def _range(e: Emitter, count: str, field: FieldType) -> str:
    """The address of the first of ``count`` elements, from an array and index on the stack."""
    position = e.pop()
    return _checked_range(e, _pop_array(e), position, count, field)


def _checked_range(e: Emitter, array: str, position: str, count: str, field: FieldType) -> str:
    wide = widened(e, position, False)
    end = end_of(e, wide, count, True)
    e.trap_if(e.define(f"icmp ugt i64 {end}, {_length(e, array)}"), TRAP_ARRAY)
    return _element_place(e, array, wide, field)


def _fill(e: Emitter, field: FieldType, first: str, count: str, value: str, mode: str) -> None:
    """Write ``count`` copies of a value. (LLVM makes vector code or a call of the loop.)"""
    size = storage_size(field.storage)
    kind, text = _stored(e, field, value)
    last = e.define(f"getelementptr [{size} x i8], ptr {first}, i64 {count}")
    before = e.block
    head, body, done = e.label(), e.label(), e.label()
    e.out.append(f"br label %{head}\n")
    e.begin(head)
    at = e.new()
    after = f"%{body}n"
    e.out.append(f"{at} = phi ptr [ {first}, %{before} ], [ {after}, %{body} ]\n")
    more = e.define(f"icmp ne ptr {at}, {last}")
    e.out.append(f"br i1 {more}, label %{body}, label %{done}\n")
    e.begin(body)
    e.out.append(f"store {mode}{kind} {text}, ptr {at}{_access(field)}\n")
    e.out.append(f"{after} = getelementptr i8, ptr {at}, i64 {size}\n")
    e.out.append(f"br label %{head}\n")
    e.begin(done)
