"""Composite types, limits and external types (spec: Binary Format > Types).

Functions from a :class:`~wasmwright.binary.reader.Reader` to the classes of
:mod:`wasmwright.model.types`.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright import limits as limit
from wasmwright.binary.reader import NO_TYPE, TYPE_FEATURE, Reader, too_many
from wasmwright.errors import MalformedError
from wasmwright.model.types import (
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    SubType,
    TableType,
    TagType,
)

# Codes that begin a composite type, a subtype, a group, and a table that has an initializer.
FUNC_CODE: Final = 0x60
STRUCT_CODE: Final = 0x5F
ARRAY_CODE: Final = 0x5E
SUB_CODE: Final = 0x50
SUB_FINAL_CODE: Final = 0x4F
REC_CODE: Final = 0x4E
TABLE_WITH_INIT: Final = 0x40
_I8: Final = 0x78
_I16: Final = 0x77

# Bits of the flags of limits.
LIMITS_MAX: Final = 0x01
LIMITS_SHARED: Final = 0x02
LIMITS_ADDRESS64: Final = 0x04
LIMITS_PAGE_SIZE: Final = 0x08
MAX_PAGE_SIZE_LOG2: Final = 64  # the last that the format can say


def mutability(reader: Reader) -> bool:
    """Whether a global or field is mutable."""
    byte = reader.byte()
    if byte > 1:
        raise MalformedError(f"malformed mutability: 0x{byte:02x}", reader.pos - 1)
    return byte == 1


def resulttype(reader: Reader, what: str, most: i64, limit_name: str) -> tuple[int, ...]:
    """A vector of value types, at most ``most`` of them."""
    count = reader.count(what, most, limit_name)
    if count == 0:
        return ()
    types: list[int] = []
    for _ in range(count):
        types.append(reader.valtype())
    return tuple(types)


def storagetype(reader: Reader) -> i64:
    """A field's type: a value type, or ``I8`` or ``I16``."""
    pos = reader.pos
    code = reader.byte()
    if code == _I8 or code == _I16:
        return code
    if code < 0x80 and TYPE_FEATURE[code] == NO_TYPE:
        raise MalformedError(f"malformed storage type: 0x{code:02x}", pos)
    reader.pos = pos
    return reader.valtype()


def fieldtype(reader: Reader) -> FieldType:
    """A struct's field or an array's element."""
    storage = storagetype(reader)
    return FieldType(storage, mutability(reader))


def comptype(reader: Reader) -> CompType:
    """A function, struct or array type."""
    pos = reader.pos
    code = reader.byte()
    if code == FUNC_CODE:
        params = resulttype(reader, "parameters", limit.MAX_PARAMS, "MAX_PARAMS")
        results = resulttype(reader, "results", limit.MAX_RESULTS, "MAX_RESULTS")
        return FuncType(params, results)
    if code == STRUCT_CODE:
        reader.need(feature.GC, "malformed definition type", "a struct", pos)
        fields: list[FieldType] = []
        for _ in range(reader.count("fields", limit.MAX_STRUCT_FIELDS, "MAX_STRUCT_FIELDS")):
            fields.append(fieldtype(reader))
        return StructType(tuple(fields))
    if code == ARRAY_CODE:
        reader.need(feature.GC, "malformed definition type", "an array", pos)
        return ArrayType(fieldtype(reader))
    if code >= 0x80:
        raise MalformedError("integer representation too long: types have one byte", pos + 1)
    raise MalformedError(f"malformed definition type: 0x{code:02x}", pos)


def subtype(reader: Reader) -> SubType:
    """A type definition; the short form is final and has no supertypes."""
    pos = reader.pos
    code = reader.byte()
    if code != SUB_CODE and code != SUB_FINAL_CODE:
        reader.pos = pos
        return SubType(comptype(reader))
    reader.need(feature.GC, "malformed definition type", "a subtype", pos)
    supers: list[int] = []
    for _ in range(reader.length()):
        supers.append(reader.u32())
    return SubType(comptype(reader), code == SUB_FINAL_CODE, tuple(supers))


def rectype(reader: Reader, types: list[SubType]) -> None:
    """Add a recursive group's types to ``types``; the short form is a group of one."""
    pos = reader.pos
    if reader.byte() != REC_CODE:
        reader.pos = pos
        types.append(subtype(reader))
        return
    reader.need(feature.GC, "malformed definition type", "a recursive group", pos)
    count = reader.length()
    total = len(types) + count
    if total > limit.MAX_TYPES:
        raise too_many("types", total, limit.MAX_TYPES, "MAX_TYPES", pos)
    for _ in range(count):
        types.append(subtype(reader))


def limits(reader: Reader, allowed: i64) -> Limits:
    """Limits, whose flags must be among ``allowed``."""
    pos = reader.pos
    flags = reader.byte()
    if flags & ~allowed != 0:
        raise MalformedError(f"malformed limits flags: 0x{flags:02x}", pos)
    if flags & LIMITS_ADDRESS64 != 0:
        reader.need(feature.MEMORY64, "malformed limits flags", "an i64 address type", pos)
    if flags & LIMITS_SHARED != 0:
        reader.need(feature.THREADS, "malformed limits flags", "a shared memory", pos)
    if flags & LIMITS_PAGE_SIZE != 0:
        reader.need(feature.CUSTOM_PAGE_SIZES, "malformed limits flags", "a page size", pos)
    # Sizes have 64 bits whatever the address type, since memory64.
    wide = reader.features & feature.MEMORY64 != 0
    minimum: int = reader.u64() if wide else reader.u32()
    maximum: int | None = None
    if flags & LIMITS_MAX != 0:
        maximum = reader.u64() if wide else reader.u32()
    page_size_log2: i64 = 16
    if flags & LIMITS_PAGE_SIZE != 0:
        pos = reader.pos
        page_size_log2 = reader.u32()
        if page_size_log2 > MAX_PAGE_SIZE_LOG2:
            raise MalformedError(f"invalid custom page size: 2 ** {page_size_log2}", pos)
    return Limits(
        minimum, maximum, flags & LIMITS_ADDRESS64 != 0, flags & LIMITS_SHARED != 0, page_size_log2
    )


def memorytype(reader: Reader) -> MemoryType:
    """A memory's type."""
    return MemoryType(
        limits(reader, LIMITS_MAX | LIMITS_SHARED | LIMITS_ADDRESS64 | LIMITS_PAGE_SIZE)
    )


def tabletype(reader: Reader) -> TableType:
    """A table's type: its elements', then its limits."""
    element = reader.reftype()
    return TableType(limits(reader, LIMITS_MAX | LIMITS_ADDRESS64), element)


def globaltype(reader: Reader) -> GlobalType:
    """A global's type."""
    valtype = reader.valtype()
    return GlobalType(valtype, mutability(reader))


def tagtype(reader: Reader) -> TagType:
    """A tag's type: an attribute that is zero, and a type index."""
    if reader.byte() != 0:
        raise MalformedError("zero byte expected: a tag's attribute", reader.pos - 1)
    return TagType(reader.u32())
