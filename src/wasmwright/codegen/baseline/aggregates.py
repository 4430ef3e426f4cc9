"""Structures and arrays (spec: Execution > Instructions > Aggregate Reference Instructions).

There is a stencil for each storage type (of ranges of elements, for each size); where a field is,
and which type an object has, goes into its holes.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_I32, TYPE_I64, TYPE_NAMES, type_code
from wasmwright.codegen.baseline.operations import apply, calling
from wasmwright.codegen.baseline.places import CONSTANT, FRAME
from wasmwright.codegen.heap_layout import (
    ARRAY_ELEMENTS,
    StructLayout,
    element_shift,
    storage_size,
)
from wasmwright.isa import slot
from wasmwright.model.types import I8, I16, REF, ArrayType, FieldType, StructType

_STRUCT_NEW: Final = slot("struct.new")
_STRUCT_NEW_DEFAULT: Final = slot("struct.new_default")
_STRUCT_GET_S: Final = slot("struct.get_s")
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


def aggregate_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of the family "aggregate"."""
    if opcode == _ARRAY_LEN:
        e.mark()
        apply(e, e.library.family("array.len"), 1, TYPE_I32, 0, 0)
        return
    index: int = e.reader.u32()
    if opcode <= _STRUCT_SET:
        _struct(e, opcode, index)
        return
    comp = e.module.types[index].comp
    assert isinstance(comp, ArrayType)
    if opcode <= _ARRAY_NEW_ELEM:
        _new_array(e, opcode, index, comp.element)
    else:
        _array(e, opcode, comp.element)


def storage_name(storage: int) -> str:
    """A storage type in the names of stencils."""
    if storage & REF:
        return "ref"
    if storage == I8:
        return "i8"
    if storage == I16:
        return "i16"
    return TYPE_NAMES[type_code(storage)]


def _unpacked(storage: int) -> i64:
    """The type of an operand that comes from or goes to a field."""
    return TYPE_I32 if storage == I8 or storage == I16 else type_code(storage)


def _sign(storage: int, signed: bool) -> str:
    if storage == I8 or storage == I16:
        return "_s" if signed else "_u"
    return ""


# Structures


def _struct(e: Emitter, opcode: i64, index: int) -> None:
    comp = e.module.types[index].comp
    assert isinstance(comp, StructType)
    layout = e.struct_layouts.get(index)
    if layout is None:
        layout = e.struct_layouts[index] = StructLayout(comp)
    if opcode == _STRUCT_NEW or opcode == _STRUCT_NEW_DEFAULT:
        new = e.library.family("struct.new")
        calling(e, new, 0, TYPE_I64, e.layout.rtt(index), layout.size)
        if opcode == _STRUCT_NEW:
            store_fields(e, [field.storage for field in comp.fields], layout.offsets)
        return
    number: int = e.reader.u32()
    storage = comp.fields[number].storage
    offset = layout.offsets[number]
    name = storage_name(storage)
    e.mark()
    if opcode == _STRUCT_SET:
        apply(e, e.library.family("struct.set." + name), 2, -1, offset, 0)
        return
    sign = _sign(storage, opcode == _STRUCT_GET_S)
    apply(e, e.library.family(f"struct.get{sign}.{name}"), 1, _unpacked(storage), offset, 0)


def store_fields(e: Emitter, storages: list[int], offsets: list[int]) -> None:
    """Writes the operands below a new object, which are in no registers, into it; takes them."""
    count: i64 = len(storages)
    if count == 0:
        return
    at = e.height - 1
    e.put(at)
    place = e.payloads[at]
    for i in range(count):
        e.push(TYPE_I64 << 4 | FRAME, place)
        value = at - count + i
        e.push(e.kinds[value], e.payloads[value])
        family = e.library.family("struct.set." + storage_name(storages[i]))
        apply(e, family, 2, -1, offsets[i], 0)
    for _ in range(count + 1):
        e.drop()
    e.push(TYPE_I64 << 4 | FRAME, place)
    e.to_register(e.height - 1)  # that slot may be another's


# Arrays


def _new_array(e: Emitter, opcode: i64, index: int, element: FieldType) -> None:
    library = e.library
    storage = element.storage
    size = storage_size(storage)
    rtt = e.layout.rtt(index)
    if opcode == _ARRAY_NEW:
        calling(e, library.family("array.new." + storage_name(storage)), 2, TYPE_I64, rtt, 0)
    elif opcode == _ARRAY_NEW_DEFAULT:
        calling(e, library.family(f"array.new_default.{size}"), 1, TYPE_I64, rtt, 0)
    elif opcode == _ARRAY_NEW_FIXED:
        count: int = e.reader.u32()
        shift = element_shift(element)
        e.push(TYPE_I32 << 4 | CONSTANT, count)
        calling(e, library.family(f"array.new_default.{size}"), 1, TYPE_I64, rtt, 0)
        places = [ARRAY_ELEMENTS + (i << shift) for i in range(count)]
        store_fields(e, [storage] * count, places)
    elif opcode == _ARRAY_NEW_DATA:
        data = e.layout.data(e.reader.u32())
        calling(e, library.family(f"array.new_data.{size}"), 2, TYPE_I64, rtt, data)
    else:
        elem = e.layout.elem(e.reader.u32())
        calling(e, library.family("array.new_elem"), 2, TYPE_I64, rtt, elem)


def _array(e: Emitter, opcode: i64, element: FieldType) -> None:
    """An instruction on an array that is there."""
    library = e.library
    storage = element.storage
    name = storage_name(storage)
    if opcode == _ARRAY_GET or opcode == _ARRAY_GET_S or opcode == _ARRAY_GET_U:
        e.mark()
        family = library.family(f"array.get{_sign(storage, opcode == _ARRAY_GET_S)}.{name}")
        apply(e, family, 2, _unpacked(storage), 0, 0)
    elif opcode == _ARRAY_SET:
        e.mark()
        apply(e, library.family("array.set." + name), 3, -1, 0, 0)
    elif opcode == _ARRAY_FILL:
        calling(e, library.family("array.fill." + name), 4, -1, 0, 0)
    elif opcode == _ARRAY_COPY:
        e.reader.u32()  # elements of the source have the same size
        calling(e, library.family(f"array.copy.{storage_size(storage)}"), 5, -1, 0, 0)
    elif opcode == _ARRAY_INIT_DATA:
        data = e.layout.data(e.reader.u32())
        family = library.family(f"array.init_data.{storage_size(storage)}")
        calling(e, family, 4, -1, 0, data)
    else:
        elem = e.layout.elem(e.reader.u32())
        calling(e, library.family("array.init_elem"), 4, -1, 0, elem)
