"""Types in the text format, and type uses (spec: Text Format > Types).

Each function reads from the context's stream and gives a type in the coding of
:mod:`wasmwright.model.types`, or appends its binary form.
"""

from __future__ import annotations

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright.binary import writer
from wasmwright.binary.types import (
    ARRAY_CODE,
    LIMITS_ADDRESS64,
    LIMITS_MAX,
    LIMITS_PAGE_SIZE,
    LIMITS_SHARED,
    REC_CODE,
    STRUCT_CODE,
    SUB_CODE,
    SUB_FINAL_CODE,
)
from wasmwright.binary.writer import leb_u32, leb_u64
from wasmwright.model.types import BOT, HEAP_BOT, I8, I16, I32, I64, NULL, REF
from wasmwright.text.context import Context, TypeInfo
from wasmwright.text.scopes import UNKNOWN_COUNT, Space
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import (
    ARRAY,
    FIELD,
    FINAL,
    FUNC,
    HEAP_OF,
    ID,
    INSTRUCTION,
    LPAR,
    MUT,
    NAT,
    NULL_WORD,
    PAGESIZE,
    PARAM,
    REC,
    REF_WORD,
    RESULT,
    RPAR,
    SHARED,
    STRUCT,
    SUB,
    TYPE,
    TYPE_OF,
)

DEFAULT_PAGE_SIZE_LOG2 = 16


# Value types


def heaptype(context: Context) -> i64:
    """A heap type."""
    stream = context.stream
    kind = stream.kind()
    if kind < INSTRUCTION:
        heap: i64 = HEAP_OF[kind]
        if heap != HEAP_BOT:
            stream.pos += 1
            return heap
    if kind == ID or kind == NAT:
        return context.types.index(stream)
    raise stream.unexpected("a heap type")


def reftype(context: Context) -> i64:
    """A reference type."""
    stream = context.stream
    kind = stream.kind()
    if kind < INSTRUCTION:
        named: i64 = TYPE_OF[kind]
        if named & REF != 0:
            stream.pos += 1
            return named
    if stream.take_list(REF_WORD):
        null: i64 = NULL if stream.take(NULL_WORD) else 0
        heap = heaptype(context)
        stream.close()
        return REF | null | heap
    raise stream.unexpected("a reference type")


def at_reftype(stream: Stream) -> bool:
    """Whether a reference type comes next."""
    kind = stream.kind()
    if kind == LPAR:
        return stream.at_list(REF_WORD)
    if kind >= INSTRUCTION:
        return False
    named: i64 = TYPE_OF[kind]
    return named & REF != 0


def valtype(context: Context) -> i64:
    """A value type."""
    stream = context.stream
    kind = stream.kind()
    if kind < INSTRUCTION:
        named: i64 = TYPE_OF[kind]
        if named != BOT and named != I8 and named != I16:
            stream.pos += 1
            return named
    if kind == LPAR and stream.at_list(REF_WORD):
        return reftype(context)
    raise stream.unexpected("a value type")


def _storagetype(context: Context, out: BytesWriter) -> None:
    stream = context.stream
    kind = stream.kind()
    if kind < INSTRUCTION:
        named: i64 = TYPE_OF[kind]
        if named == I8 or named == I16:
            stream.pos += 1
            out.append(named)
            return
    writer.valtype(out, valtype(context))


def _fieldtype(context: Context, out: BytesWriter) -> None:
    stream = context.stream
    if stream.take_list(MUT):
        _storagetype(context, out)
        stream.close()
        out.append(1)
    else:
        _storagetype(context, out)
        out.append(0)


def globaltype(context: Context, out: BytesWriter) -> None:
    """Append a global's type."""
    stream = context.stream
    mutable = stream.take_list(MUT)
    writer.valtype(out, valtype(context))
    if mutable:
        stream.close()
    out.append(1 if mutable else 0)


# Function types and their uses


def _params(context: Context, bind: Space | None, allow_ids: bool) -> None:
    """Parameter declarations, added to the inline function type and to the locals ``bind``."""
    stream = context.stream
    out = context.params
    while stream.take_list(PARAM):
        if stream.kind() == ID or context.annotations.has_name(stream.pos):
            if not allow_ids:
                raise stream.unexpected("a value type: parameters have no identifiers here")
            if bind is not None:
                bind_named(context, bind)
            else:
                stream.take(ID)
            writer.valtype(out, valtype(context))
            context.params_count += 1
        else:
            while stream.kind() != RPAR:
                writer.valtype(out, valtype(context))
                context.params_count += 1
                if bind is not None:
                    bind.count += 1
        stream.close()


def _results(context: Context) -> None:
    stream = context.stream
    while stream.take_list(RESULT):
        while stream.kind() != RPAR:
            writer.valtype(context.results, valtype(context))
            context.results_count += 1
        stream.close()


def bind_named(context: Context, space: Space) -> None:
    """Bind the next index to the identifier that comes next, and name it in the name section."""
    index = space.count
    name = space.bind(context.stream)
    annotated = context.annotations.take_name(context.stream, space.what)
    if annotated is not None:
        space.names.add_name(index, annotated)
    elif name:
        space.names.add_name(index, name)


def functype(context: Context, bind: Space | None, allow_ids: bool) -> None:
    """Parameters and results, as the context's inline function type."""
    context.clear_functype()
    if context.stream.kind() == LPAR:
        _params(context, bind, allow_ids)
        _results(context)
        if context.stream.at_list(PARAM):
            raise context.stream.unexpected_at(
                context.stream.pos + 1, "no more parameters after the results"
            )


def typeuse(context: Context, bind: Space | None, allow_ids: bool) -> i64:
    """The index of the type that a type use refers to or stands for.

    ``bind`` is the space of locals that its parameters are bound in, if any.
    """
    stream = context.stream
    if not stream.at_list(TYPE):
        functype(context, bind, allow_ids)
        return context.implicit_type()
    return _explicit_typeuse(context, bind, allow_ids)


def _explicit_typeuse(context: Context, bind: Space | None, allow_ids: bool) -> i64:
    stream = context.stream
    use = stream.pos + 2
    stream.pos = use
    index = context.types.index(stream)
    stream.close()
    functype(context, bind, allow_ids)
    info: TypeInfo | None = None
    if index < len(context.type_infos):
        info = context.type_infos[index]
    if context.params_count == 0 and context.results_count == 0:
        if bind is not None:
            bind.count = UNKNOWN_COUNT if info is None else info.params
        return index
    if info is None:
        raise stream.error_at(use, f"unknown type {index}")
    if context.functype() != info.functype:
        raise stream.error_at(use, "inline function type does not match explicit type")
    return index


def blocktype(context: Context, out: BytesWriter) -> None:
    """Append a block type."""
    stream = context.stream
    if stream.kind() == LPAR:
        if stream.at_list(TYPE):
            writer.leb_s33(out, _explicit_typeuse(context, None, False))
            return
        functype(context, None, False)
        if context.params_count != 0 or context.results_count > 1:
            writer.leb_s33(out, context.implicit_type())
            return
        if context.results_count == 1:
            out.write(context.results.getvalue())
            return
    writer.blocktype(out, BOT)


# Type definitions


def rectype(context: Context) -> None:
    """A recursive group or a single type definition, whose parenthesis comes next."""
    stream = context.stream
    stream.pos += 1
    if stream.take(REC):
        group = BytesWriter()
        count: i64 = 0
        while stream.at_list(TYPE):
            stream.pos += 1
            _typedef(context, group, False)
            count += 1
        # A group of one is encoded as the type alone, which is the same type; see `encode`.
        if count != 1:
            context.groups.out.append(REC_CODE)
            leb_u32(context.groups.out, count)
        elif context.type_infos[-1].functype == group.getvalue():
            _know(context)
        context.groups.out.write(group.getvalue())
        stream.close()
    else:
        _typedef(context, context.groups.out, True)
    context.groups.count += 1


def _know(context: Context) -> None:
    """Let abbreviations use the last type, which stands alone and is final."""
    context.known_functypes.setdefault(context.type_infos[-1].functype, len(context.type_infos) - 1)


def _typedef(context: Context, out: BytesWriter, alone: bool) -> None:
    """A type definition, from its keyword on; the identifier is bound already."""
    stream = context.stream
    stream.pos += 1
    stream.take(ID)
    final = True
    plain = True
    if stream.take_list(SUB):
        final = stream.take(FINAL)
        supers: list[int] = []
        while stream.kind() != LPAR:
            supers.append(context.types.index(stream))
        plain = final and not supers
        if not plain:
            out.append(SUB_FINAL_CODE if final else SUB_CODE)
            leb_u32(out, len(supers))
            for above in supers:
                leb_u32(out, above)
        _comptype(context, out)
        stream.close()
    else:
        _comptype(context, out)
    stream.close()
    if alone and plain and context.type_infos[-1].functype:
        _know(context)


def _comptype(context: Context, out: BytesWriter) -> None:
    stream = context.stream
    functype_bytes = b""
    params: i64 = 0
    fields: Space | None = None
    if stream.take_list(FUNC):
        functype(context, None, True)
        functype_bytes = context.functype()
        params = context.params_count
        out.write(functype_bytes)
    elif stream.take_list(STRUCT):
        fields = _structtype(context, out)
    elif stream.take_list(ARRAY):
        out.append(ARRAY_CODE)
        _fieldtype(context, out)
    else:
        raise stream.unexpected("a function, struct or array type")
    stream.close()
    context.type_infos.append(TypeInfo(functype_bytes, params, fields))


def _structtype(context: Context, out: BytesWriter) -> Space:
    stream = context.stream
    fields = Space("field")
    content = BytesWriter()
    while stream.take_list(FIELD):
        if stream.kind() == ID or context.annotations.has_name(stream.pos):
            bind_named(context, fields)
            _fieldtype(context, content)
        else:
            while stream.kind() != RPAR:
                _fieldtype(context, content)
                fields.count += 1
        stream.close()
    out.append(STRUCT_CODE)
    leb_u32(out, fields.count)
    out.write(content.getvalue())
    if fields.names.count != 0:
        context.field_names.add_vector(len(context.type_infos), fields.names)
    return fields


# Limits


def addrtype(context: Context) -> bool:
    """Whether an address type that comes next is i64."""
    stream = context.stream
    kind = stream.kind()
    if kind >= INSTRUCTION:
        return False
    named: i64 = TYPE_OF[kind]
    if named == I32 or named == I64:
        stream.pos += 1
        return named == I64
    return False


def _size(context: Context) -> int:
    # Before memory64, sizes were 32-bit numbers.
    wide = context.features & feature.MEMORY64 != 0
    return context.stream.nat(64 if wide else 32, "a size")


def tabletype(context: Context, out: BytesWriter) -> None:
    """Append a table's type."""
    address64 = addrtype(context)
    minimum = _size(context)
    maximum = _size(context) if context.stream.kind() == NAT else -1
    writer.valtype(out, reftype(context))
    append_limits(out, minimum, maximum, LIMITS_ADDRESS64 if address64 else 0)


def append_limits(out: BytesWriter, minimum: int, maximum: int, flags: i64) -> None:
    """Append limits; ``maximum`` is negative where there is none."""
    if maximum >= 0:
        flags |= LIMITS_MAX
    out.append(flags)
    leb_u64(out, minimum)
    if maximum >= 0:
        leb_u64(out, maximum)


def memorytype(context: Context, out: BytesWriter) -> None:
    """Append a memory's type."""
    stream = context.stream
    flags: i64 = LIMITS_ADDRESS64 if addrtype(context) else 0
    minimum = _size(context)
    maximum = _size(context) if stream.kind() == NAT else -1
    if stream.take(SHARED):
        flags |= LIMITS_SHARED
    page_size = pagesize(context)
    if page_size != DEFAULT_PAGE_SIZE_LOG2:
        flags |= LIMITS_PAGE_SIZE
    append_limits(out, minimum, maximum, flags)
    if page_size != DEFAULT_PAGE_SIZE_LOG2:
        leb_u32(out, page_size)


def pagesize(context: Context) -> i64:
    """The logarithm of the page size that comes next, or that of the default."""
    stream = context.stream
    if not stream.take_list(PAGESIZE):
        return DEFAULT_PAGE_SIZE_LOG2
    size = stream.nat(64, "a page size")
    if size == 0 or size & (size - 1) != 0:
        raise stream.error_at(stream.pos - 1, f"invalid custom page size: {size}")
    stream.close()
    return size.bit_length() - 1
