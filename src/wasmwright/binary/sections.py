"""The content of each section but the code section's (spec: Binary Format > Modules).

One function a section: from a :class:`~wasmwright.binary.reader.Reader` at its start to what
:class:`~wasmwright.model.module.Module` holds. That the section ends where its content does
is checked by :mod:`wasmwright.binary.decode`.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright import limits as limit
from wasmwright.binary.cursor import skip_expr
from wasmwright.binary.reader import Reader
from wasmwright.binary.types import (
    TABLE_WITH_INIT,
    globaltype,
    memorytype,
    rectype,
    tabletype,
    tagtype,
)
from wasmwright.errors import MalformedError
from wasmwright.model.module import (
    ACTIVE,
    DECLARATIVE,
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_TABLE,
    KIND_TAG,
    PASSIVE,
    Custom,
    Elem,
    Export,
    ExternType,
    Global,
    Import,
    Table,
)
from wasmwright.model.parts import Data, Expr
from wasmwright.model.types import FUNC, FUNCREF, REF, MemoryType, SubType, TagType

# The codes of section ids.
CUSTOM_SECTION: Final = 0
TYPE_SECTION: Final = 1
IMPORT_SECTION: Final = 2
FUNCTION_SECTION: Final = 3
TABLE_SECTION: Final = 4
MEMORY_SECTION: Final = 5
GLOBAL_SECTION: Final = 6
EXPORT_SECTION: Final = 7
START_SECTION: Final = 8
ELEMENT_SECTION: Final = 9
CODE_SECTION: Final = 10
DATA_SECTION: Final = 11
DATA_COUNT_SECTION: Final = 12
TAG_SECTION: Final = 13

SECTION_NAMES: Final = (
    "custom",
    "type",
    "import",
    "function",
    "table",
    "memory",
    "global",
    "export",
    "start",
    "element",
    "code",
    "data",
    "data count",
    "tag",
)
# The order in which sections stand, customs aside, and each one's place in it by its id.
SECTION_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
SECTION_PLACE: Final[list[int]] = [0] * len(SECTION_NAMES)
for _place, _id in enumerate(SECTION_ORDER):
    SECTION_PLACE[_id] = _place + 1

# Bits of an element segment's flags.
ELEM_PASSIVE: Final = 1
ELEM_INDEX: Final = 2  # a table's index; with ELEM_PASSIVE, declarative
ELEM_EXPRS: Final = 4
_ELEM_FLAGS: Final = 7
# Data segments with an index are those with flags 2.
DATA_ACTIVE: Final = 0
DATA_PASSIVE: Final = 1
DATA_INDEX: Final = 2

# What a segment of function indices holds, and what one of expressions does that says no type.
_FUNCS_TYPE: Final = REF | FUNC


def expr(reader: Reader) -> Expr:
    """A constant expression."""
    start = reader.pos
    skip_expr(reader)
    return Expr(start, reader.pos)


def need_tags(reader: Reader, message: str, pos: i64) -> None:
    """Raise unless one of the proposals that have tags is on."""
    if reader.features & feature.LEGACY_EXCEPTIONS == 0:
        reader.need(feature.EXCEPTIONS, message, "a tag", pos)


def type_section(reader: Reader) -> tuple[list[SubType], list[tuple[int, int]]]:
    """The types, and the first index and size of each recursive group."""
    types: list[SubType] = []
    groups: list[tuple[int, int]] = []
    for _ in range(reader.count("types", limit.MAX_TYPES, "MAX_TYPES")):
        first = len(types)
        rectype(reader, types)
        groups.append((first, len(types) - first))
    return types, groups


def import_section(reader: Reader) -> list[Import]:
    """The imports."""
    imports: list[Import] = []
    for _ in range(reader.count("imports", limit.MAX_IMPORTS, "MAX_IMPORTS")):
        module = reader.name()
        name = reader.name()
        pos = reader.pos
        kind = reader.byte()
        desc: ExternType
        if kind == KIND_FUNC:
            desc = reader.u32()
        elif kind == KIND_TABLE:
            desc = tabletype(reader)
        elif kind == KIND_MEMORY:
            desc = memorytype(reader)
        elif kind == KIND_GLOBAL:
            desc = globaltype(reader)
        elif kind == KIND_TAG:
            need_tags(reader, "malformed import kind", pos)
            desc = tagtype(reader)
        else:
            raise MalformedError(f"malformed import kind: 0x{kind:02x}", pos)
        imports.append(Import(module, name, kind, desc))
    return imports


def function_section(reader: Reader) -> list[int]:
    """The type index of each function."""
    funcs: list[int] = []
    for _ in range(reader.count("functions", limit.MAX_FUNCTIONS, "MAX_FUNCTIONS")):
        funcs.append(reader.u32())
    return funcs


def table_section(reader: Reader) -> list[Table]:
    """The tables."""
    tables: list[Table] = []
    for _ in range(reader.count("tables", limit.MAX_TABLES, "MAX_TABLES")):
        pos = reader.pos
        if reader.byte() != TABLE_WITH_INIT:
            reader.pos = pos
            tables.append(Table(tabletype(reader), None))
            continue
        message = "malformed reference type"
        reader.need(feature.FUNCTION_REFERENCES, message, "a table with an initializer", pos)
        if reader.byte() != 0:
            raise MalformedError(f"{message}: zero byte expected", reader.pos - 1)
        declared = tabletype(reader)
        tables.append(Table(declared, expr(reader)))
    return tables


def memory_section(reader: Reader) -> list[MemoryType]:
    """The memories."""
    memories: list[MemoryType] = []
    for _ in range(reader.count("memories", limit.MAX_MEMORIES, "MAX_MEMORIES")):
        memories.append(memorytype(reader))
    return memories


def tag_section(reader: Reader) -> list[TagType]:
    """The tags."""
    tags: list[TagType] = []
    for _ in range(reader.count("tags", limit.MAX_TAGS, "MAX_TAGS")):
        tags.append(tagtype(reader))
    return tags


def global_section(reader: Reader) -> list[Global]:
    """The globals."""
    definitions: list[Global] = []
    for _ in range(reader.count("globals", limit.MAX_GLOBALS, "MAX_GLOBALS")):
        declared = globaltype(reader)
        definitions.append(Global(declared, expr(reader)))
    return definitions


def export_section(reader: Reader) -> list[Export]:
    """The exports."""
    exports: list[Export] = []
    for _ in range(reader.count("exports", limit.MAX_EXPORTS, "MAX_EXPORTS")):
        name = reader.name()
        pos = reader.pos
        kind = reader.byte()
        if kind > KIND_TAG:
            raise MalformedError(f"malformed export kind: 0x{kind:02x}", pos)
        if kind == KIND_TAG:
            need_tags(reader, "malformed export kind", pos)
        exports.append(Export(name, kind, reader.u32()))
    return exports


def element_section(reader: Reader) -> list[Elem]:
    """The element segments."""
    elems: list[Elem] = []
    most = limit.MAX_ELEM_SEGMENTS
    for _ in range(reader.count("element segments", most, "MAX_ELEM_SEGMENTS")):
        elems.append(_elem(reader))
    return elems


def _elem(reader: Reader) -> Elem:
    pos = reader.pos
    flags = reader.u32()
    if flags > _ELEM_FLAGS:
        raise MalformedError(f"malformed elements segment kind: {flags}", pos)
    if flags != 0:
        reader.need(feature.BULK_MEMORY, "malformed elements segment kind", f"{flags}", pos)
    mode = ACTIVE
    table: i64 = 0
    offset: Expr | None = None
    if flags & ELEM_PASSIVE != 0:
        mode = DECLARATIVE if flags & ELEM_INDEX != 0 else PASSIVE
    else:
        if flags & ELEM_INDEX != 0:
            table = reader.u32()
        offset = expr(reader)
    element: i64 = FUNCREF if flags & ELEM_EXPRS != 0 else _FUNCS_TYPE
    if flags & (ELEM_PASSIVE | ELEM_INDEX) != 0:
        if flags & ELEM_EXPRS != 0:
            element = reader.reftype()
        elif reader.byte() != 0:
            raise MalformedError("malformed element kind", reader.pos - 1)
    count = reader.count("elements in a segment", limit.MAX_ELEM_SIZE, "MAX_ELEM_SIZE")
    funcs: list[int] = []
    exprs: list[Expr] = []
    if flags & ELEM_EXPRS != 0:
        for _ in range(count):
            exprs.append(expr(reader))
    else:
        for _ in range(count):
            funcs.append(reader.u32())
    return Elem(flags, mode, element, table, offset, tuple(funcs), tuple(exprs))


def data_section(reader: Reader) -> list[Data]:
    """The data segments."""
    datas: list[Data] = []
    most = limit.MAX_DATA_SEGMENTS
    for _ in range(reader.count("data segments", most, "MAX_DATA_SEGMENTS")):
        pos = reader.pos
        flags = reader.u32()
        if flags > DATA_INDEX:
            raise MalformedError(f"malformed data segment kind: {flags}", pos)
        if flags != DATA_ACTIVE:
            reader.need(feature.BULK_MEMORY, "malformed data segment kind", f"{flags}", pos)
        memory: i64 = reader.u32() if flags == DATA_INDEX else 0
        offset = None if flags == DATA_PASSIVE else expr(reader)
        mode = PASSIVE if flags == DATA_PASSIVE else ACTIVE
        size = reader.length()
        start = reader.pos
        reader.skip(size)
        datas.append(Data(flags, mode, memory, offset, start, reader.pos))
    return datas


def custom_section(reader: Reader, end: i64, after: i64) -> Custom:
    """A custom section that ends at ``end``, where its name must too."""
    name = reader.name()
    if reader.pos > end:
        raise MalformedError("unexpected end of section or function: the section's name", end)
    start = reader.pos
    reader.pos = end
    return Custom(name, start, end, after)
