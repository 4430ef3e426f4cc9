"""Structures and arrays (spec: Validation > Instructions > Aggregate Reference Instructions)."""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright import limits
from wasmwright.binary.reader import too_many
from wasmwright.errors import InvalidError
from wasmwright.model.types import (
    ARRAY,
    I32,
    NULL,
    REF,
    ArrayType,
    FieldType,
    defaultable,
)
from wasmwright.validate import rules
from wasmwright.validate.body import Body
from wasmwright.validate.context import unpacked
from wasmwright.validate.memory import data
from wasmwright.validate.subtyping import matches


def check_aggregate(body: Body, rule: i64) -> None:
    """Check an instruction on structures or arrays, whose opcode is read."""
    if rule == rules.ARRAY_LEN:
        body.stack.pop(REF | NULL | ARRAY)
        body.stack.push(I32)
    elif rule <= rules.STRUCT_SET:
        check_struct(body, rule)
    else:
        check_array(body, rule)


def check_struct(body: Body, rule: i64) -> None:
    """Check an instruction on structures."""
    stack = body.stack
    index = body.reader.u32()
    fields = body.context.struct_type(index).fields
    if rule == rules.STRUCT_NEW:
        stack.pop_all(body.context.struct_fields(index))
        stack.push(body.type_ref(index, False))
    elif rule == rules.STRUCT_NEW_DEFAULT:
        if not body.context.struct_defaultable(index):
            raise InvalidError(f"type mismatch: field type is not defaultable in type {index}")
        stack.push(body.type_ref(index, False))
    else:
        number = body.reader.u32()
        if number >= len(fields):
            raise InvalidError(f"unknown field {number}, type {index} has {len(fields)}")
        field = fields[number]
        if rule == rules.STRUCT_SET:
            if not field.mutable:
                raise InvalidError(f"immutable field {number} of type {index}")
            stack.pop_list([body.type_ref(index, True), unpacked(field)])
        else:
            require_packing(field, rule == rules.STRUCT_GET_PACKED, "field")
            stack.pop(body.type_ref(index, True))
            stack.push(unpacked(field))


def require_packing(field: FieldType, packed: bool, what: str) -> None:
    """Fields of fewer than 32 bits are read with their sign said, others without."""
    if (unpacked(field) != field.storage) != packed:
        raise InvalidError(f"type mismatch: {what} is {'unpacked' if packed else 'packed'}")


def check_array(body: Body, rule: i64) -> None:
    """Check an instruction on arrays, all of which begin with a type index."""
    index = body.reader.u32()
    array = body.context.array_type(index)
    if rule <= rules.ARRAY_NEW_ELEM:
        new_array(body, rule, index, array)
    elif rule <= rules.ARRAY_SET:
        access_element(body, rule, index, array)
    else:
        change_elements(body, rule, index, array)


def new_array(body: Body, rule: i64, index: i64, array: ArrayType) -> None:
    """Check an instruction that makes an array."""
    stack = body.stack
    element = array.element
    value = unpacked(element)
    if rule == rules.ARRAY_NEW:
        stack.pop_list([value, I32])
    elif rule == rules.ARRAY_NEW_DEFAULT:
        if not defaultable(element.storage):
            raise InvalidError(f"type mismatch: array type {index} is not defaultable")
        stack.pop(I32)
    elif rule == rules.ARRAY_NEW_FIXED:
        pos = body.reader.pos
        count = body.reader.u32()
        if count > limits.MAX_ARRAY_NEW_FIXED:
            raise too_many(
                "operands", count, limits.MAX_ARRAY_NEW_FIXED, "MAX_ARRAY_NEW_FIXED", pos
            )
        stack.pop_many(value, count)
    elif rule == rules.ARRAY_NEW_DATA:
        data(body)
        require_bits(array)
        stack.pop_list([I32, I32])
    else:
        assert rule == rules.ARRAY_NEW_ELEM
        require_segment(body, body.elem_type(body.reader.u32()), array)
        stack.pop_list([I32, I32])
    stack.push(body.type_ref(index, False))


def access_element(body: Body, rule: i64, index: i64, array: ArrayType) -> None:
    """Check an instruction that reads or writes one element."""
    stack = body.stack
    value = unpacked(array.element)
    if rule == rules.ARRAY_SET:
        require_mutable(array, index)
        stack.pop_list([body.type_ref(index, True), I32, value])
    else:
        require_packing(array.element, rule == rules.ARRAY_GET_PACKED, "array")
        stack.pop_list([body.type_ref(index, True), I32])
        stack.push(value)


def change_elements(body: Body, rule: i64, index: i64, array: ArrayType) -> None:
    """Check an instruction that writes a range of elements."""
    stack = body.stack
    context = body.context
    target = body.type_ref(index, True)
    require_mutable(array, index)
    if rule == rules.ARRAY_FILL:
        stack.pop_list([target, I32, unpacked(array.element), I32])
    elif rule == rules.ARRAY_COPY:
        other = body.reader.u32()
        source = context.array_type(other)
        if not matches(context.canon, source.element.storage, array.element.storage):
            raise InvalidError(f"array types do not match: {other} copied to {index}")
        stack.pop_list([target, I32, body.type_ref(other, True), I32, I32])
    else:
        if rule == rules.ARRAY_INIT_DATA:
            data(body)
            require_bits(array)
        else:
            assert rule == rules.ARRAY_INIT_ELEM
            require_segment(body, body.elem_type(body.reader.u32()), array)
        stack.pop_list([target, I32, I32, I32])


def require_mutable(array: ArrayType, index: i64) -> None:
    """Elements that are written must be mutable."""
    if not array.element.mutable:
        raise InvalidError(f"immutable array type {index}")


def require_bits(array: ArrayType) -> None:
    """Only numbers and vectors can be made from bytes."""
    if array.element.storage & REF != 0:
        raise InvalidError("array type is not numeric or vector")


def require_segment(body: Body, elem: i64, array: ArrayType) -> None:
    """An element segment's references may be stored in the array."""
    context = body.context
    if not matches(context.canon, elem, array.element.storage):
        raise InvalidError(
            f"type mismatch: element segment's type {context.type_name(elem)} does not match "
            f"array's field type {context.type_name(array.element.storage)}"
        )
