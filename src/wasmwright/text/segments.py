"""Element and data segments (spec: Text Format > Modules > Element Segments, Data Segments)."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.sections import (
    DATA_ACTIVE,
    DATA_INDEX,
    DATA_PASSIVE,
    ELEM_EXPRS,
    ELEM_INDEX,
    ELEM_PASSIVE,
)
from wasmwright.binary.writer import byte_string, leb_u32
from wasmwright.binary.writer import valtype as write_valtype
from wasmwright.isa import slot
from wasmwright.model.types import FUNC as FUNC_HEAP
from wasmwright.model.types import FUNCREF, REF
from wasmwright.text.context import Context
from wasmwright.text.immediates import opcode
from wasmwright.text.instructions import expression
from wasmwright.text.scopes import Vector
from wasmwright.text.tokens import (
    DECLARE,
    FUNC,
    ITEM,
    LPAR,
    MEMORY,
    NAT,
    OFFSET,
    REF_WORD,
    RPAR,
    STRING,
    TABLE,
)
from wasmwright.text.types import reftype

_END: Final = slot("end")
_REF_FUNC: Final = slot("ref.func")
_I32_CONST: Final = slot("i32.const")
_I64_CONST: Final = slot("i64.const")
# The type of a segment that is written as function indices.
_FUNCS: Final = REF | FUNC_HEAP


def constant(context: Context, out: BytesWriter) -> None:
    """Append a constant expression: the instructions up to the next closing parenthesis."""
    context.labels.clear()
    expression(context, out, False)
    opcode(out, _END)


def _folded(context: Context, out: BytesWriter) -> None:
    """Append a constant expression: one folded instruction."""
    context.labels.clear()
    expression(context, out, True)
    opcode(out, _END)


def _offset(context: Context, out: BytesWriter) -> None:
    stream = context.stream
    if stream.take_list(OFFSET):
        constant(context, out)
        stream.close()
    elif stream.kind() == LPAR:
        _folded(context, out)
    else:
        raise stream.unexpected("an offset")


def zero_offset(out: BytesWriter, address64: bool) -> None:
    """Append the offset of a segment inside the definition of its memory or table."""
    opcode(out, _I64_CONST if address64 else _I32_CONST)
    out.append(0)
    opcode(out, _END)


# Elements


def elem(context: Context, segments: Vector) -> None:
    """An element segment, after its identifier."""
    stream = context.stream
    flags: i64 = 0
    table: i64 = 0
    offset = BytesWriter()
    by_index = False  # whether items may be indices without the keyword `func`
    if stream.take(DECLARE):
        flags = ELEM_PASSIVE | ELEM_INDEX
    elif stream.take_list(TABLE):
        flags = ELEM_INDEX
        table = context.tables.index(stream)
        stream.close()
        _offset(context, offset)
    elif stream.kind() == NAT:  # as version 1.0 wrote it
        flags = ELEM_INDEX
        table = context.tables.index(stream)
        _offset(context, offset)
        by_index = True
    elif stream.kind() == LPAR and not stream.at_list(REF_WORD):
        _offset(context, offset)
        by_index = True
    else:
        flags = ELEM_PASSIVE
    items = Vector()
    element: i64 = _FUNCS
    if stream.take(FUNC) or (by_index and _at_indices(context)):
        _indices(context, items)
    else:
        element = reftype(context)
        flags |= ELEM_EXPRS
        while stream.kind() == LPAR:
            _item(context, items)
    append_elem(segments, flags, table, offset.getvalue(), element, items)
    stream.close()


def _at_indices(context: Context) -> bool:
    kind = context.stream.kind()
    return kind == RPAR or context.stream.at_index()


def _indices(context: Context, items: Vector) -> None:
    stream = context.stream
    while stream.at_index():
        leb_u32(items.out, context.funcs.index(stream))
        items.count += 1


def _item(context: Context, items: Vector) -> None:
    stream = context.stream
    if stream.take_list(ITEM):
        constant(context, items.out)
        stream.close()
    else:
        _folded(context, items.out)
    items.count += 1


def append_elem(
    segments: Vector, flags: i64, table: i64, offset: bytes, element: i64, items: Vector
) -> None:
    """Append a segment of these parts; ``flags`` are the binary format's, so far as is known."""
    if flags == ELEM_EXPRS and element != FUNCREF:
        flags |= ELEM_INDEX
    out = segments.out
    segments.count += 1
    leb_u32(out, flags)
    if flags & ELEM_PASSIVE == 0:
        if flags & ELEM_INDEX != 0:
            leb_u32(out, table)
        out.write(offset)
    if flags & (ELEM_PASSIVE | ELEM_INDEX) != 0:
        if flags & ELEM_EXPRS != 0:
            write_valtype(out, element)
        else:
            out.append(0)
    out.write(items.content())


def inline_elem(
    context: Context, segments: Vector, table: i64, address64: bool, element: i64
) -> i64:
    """The items of a segment inside its table, up to its end; how many there are."""
    stream = context.stream
    items = Vector()
    offset = BytesWriter()
    zero_offset(offset, address64)
    flags: i64 = ELEM_INDEX
    if stream.kind() == LPAR:
        flags |= ELEM_EXPRS
        while stream.kind() == LPAR:
            _item(context, items)
    elif element == FUNCREF or element == _FUNCS:
        _indices(context, items)
    else:
        # The segment has the table's type, which indices alone do not have.
        flags |= ELEM_EXPRS
        while stream.at_index():
            opcode(items.out, _REF_FUNC)
            leb_u32(items.out, context.funcs.index(stream))
            opcode(items.out, _END)
            items.count += 1
    append_elem(segments, flags, table, offset.getvalue(), element, items)
    stream.close()
    return items.count


# Data


def data(context: Context, segments: Vector) -> None:
    """A data segment, after its identifier."""
    stream = context.stream
    out = segments.out
    segments.count += 1
    if stream.kind() == STRING or stream.kind() == RPAR:
        leb_u32(out, DATA_PASSIVE)
    else:
        memory: i64 = 0
        if stream.take_list(MEMORY):
            memory = context.memories.index(stream)
            stream.close()
        elif stream.kind() == NAT:  # as version 1.0 wrote it
            memory = context.memories.index(stream)
        if memory == 0:
            leb_u32(out, DATA_ACTIVE)
        else:
            leb_u32(out, DATA_INDEX)
            leb_u32(out, memory)
        _offset(context, out)
    byte_string(out, stream.strings())
    stream.close()


def inline_data(context: Context, segments: Vector, memory: i64, address64: bool) -> i64:
    """The content of a segment inside its memory, up to its end; how many bytes it has."""
    stream = context.stream
    out = segments.out
    segments.count += 1
    if memory == 0:
        leb_u32(out, DATA_ACTIVE)
    else:
        leb_u32(out, DATA_INDEX)
        leb_u32(out, memory)
    zero_offset(out, address64)
    content = stream.strings()
    byte_string(out, content)
    stream.close()
    return len(content)
