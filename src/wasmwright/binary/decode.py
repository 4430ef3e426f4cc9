"""A module from its binary (spec: Binary Format > Modules).

Reads bytes and produces a :class:`~wasmwright.model.module.Module`. Sections, types and
constant expressions are checked to the byte; function bodies are only delimited.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright import limits as limit
from wasmwright.binary.code import check_body, code_section
from wasmwright.binary.preamble import MAGIC, VERSION
from wasmwright.binary.reader import Reader, too_many
from wasmwright.binary.sections import (
    CODE_SECTION,
    CUSTOM_SECTION,
    DATA_COUNT_SECTION,
    DATA_SECTION,
    ELEMENT_SECTION,
    EXPORT_SECTION,
    FUNCTION_SECTION,
    GLOBAL_SECTION,
    IMPORT_SECTION,
    MEMORY_SECTION,
    SECTION_NAMES,
    SECTION_PLACE,
    START_SECTION,
    TABLE_SECTION,
    TAG_SECTION,
    TYPE_SECTION,
    custom_section,
    data_section,
    element_section,
    export_section,
    function_section,
    global_section,
    import_section,
    memory_section,
    need_tags,
    table_section,
    tag_section,
    type_section,
)
from wasmwright.errors import MalformedError
from wasmwright.model.module import (
    KIND_FUNC,
    Custom,
    Elem,
    Export,
    Global,
    Import,
    Module,
    Section,
    Table,
    index_spaces,
)
from wasmwright.model.parts import Code, Data
from wasmwright.model.types import MemoryType, SubType, TagType

_COMPONENT: Final = b"\x0d\0\x01\0"
_HEADER_SIZE: Final = 8


def decode(data: bytes | bytearray | memoryview, features: int = feature.DEFAULT) -> Module:
    """The module in ``data``, which it keeps (a copy, unless it is ``bytes``).

    ``features`` are the proposals it may use. Raises MalformedError with the offset where
    the binary format is broken, and InvalidError where the module is beyond one of
    :mod:`wasmwright.limits`. Function bodies are left to the validator.
    """
    return _module(data if isinstance(data, bytes) else bytes(data), features)


def check_header(data: bytes) -> None:
    """That a module begins as it has to."""
    if data[:4] != MAGIC:
        if len(data) < 4:
            raise MalformedError("unexpected end: a module begins with 8 bytes", len(data))
        raise MalformedError(f"magic header not detected: found {data[:4]!r}", 0)
    version = data[4:8]
    if version != VERSION:
        if len(version) < 4:
            raise MalformedError("unexpected end: a module begins with 8 bytes", len(data))
        what = "a component, not a module" if version == _COMPONENT else version.hex(" ")
        raise MalformedError(f"unknown binary version: {what}", 4)


def _check_section(reader: Reader, section: i64, place: i64, pos: i64) -> None:
    """That a section of this id exists, is enabled, and may stand after ``place``."""
    if section > TAG_SECTION:
        raise MalformedError(f"malformed section id: {section}", pos)
    if section == DATA_COUNT_SECTION:
        reader.need(feature.BULK_MEMORY, "malformed section id", "data count", pos)
    elif section == TAG_SECTION:
        need_tags(reader, "malformed section id", pos)
    own: i64 = SECTION_PLACE[section]
    if own <= place:
        how = "again" if own == place else "out of order"
        raise MalformedError(
            f"unexpected content after last section: {SECTION_NAMES[section]} section {how}", pos
        )


class Contents:
    """What the sections that were read so far hold."""

    __slots__ = (
        "codes",
        "customs",
        "data_count",
        "datas",
        "elems",
        "exports",
        "funcs",
        "globals",
        "groups",
        "imports",
        "last",
        "memories",
        "sections",
        "start",
        "tables",
        "tags",
        "types",
    )

    def __init__(self) -> None:
        self.types: list[SubType] = []
        self.groups: list[tuple[int, int]] = []
        self.imports: list[Import] = []
        self.funcs: list[int] = []
        self.tables: list[Table] = []
        self.memories: list[MemoryType] = []
        self.tags: list[TagType] = []
        self.globals: list[Global] = []
        self.exports: list[Export] = []
        self.start: int | None = None
        self.elems: list[Elem] = []
        self.data_count: int | None = None
        self.codes: list[Code] = []
        self.datas: list[Data] = []
        self.customs: list[Custom] = []
        self.sections: list[Section] = []
        self.last: int = CUSTOM_SECTION  # the id of the last one that is no custom section

    def imported_funcs(self) -> i64:
        count: i64 = 0
        for entry in self.imports:
            if entry.kind == KIND_FUNC:
                count += 1
        return count


def _module(data: bytes, features: i64) -> Module:
    if len(data) > limit.MAX_MODULE_SIZE:
        raise too_many("bytes", len(data), limit.MAX_MODULE_SIZE, "MAX_MODULE_SIZE", 0)
    check_header(data)
    reader = Reader(data, _HEADER_SIZE, len(data), features)
    contents = Contents()
    try:
        _sections(reader, contents)
    except MalformedError:
        _check_last_body(reader, contents)
        raise
    _check_lengths(reader, contents)
    return module_of(data, contents)


def module_of(data: bytes, contents: Contents) -> Module:
    """The module that the sections make."""
    module = index_spaces(
        Module(
            data=data,
            types=tuple(contents.types),
            groups=tuple(contents.groups),
            imports=tuple(contents.imports),
            funcs=tuple(contents.funcs),
            tables=tuple(contents.tables),
            memories=tuple(contents.memories),
            globals=tuple(contents.globals),
            tags=tuple(contents.tags),
            exports=tuple(contents.exports),
            start=contents.start,
            elems=tuple(contents.elems),
            codes=tuple(contents.codes),
            datas=tuple(contents.datas),
            data_count=contents.data_count,
            customs=tuple(contents.customs),
            sections=tuple(contents.sections),
        )
    )
    _check_limit("tables", len(module.all_tables), limit.MAX_TABLES, "MAX_TABLES")
    _check_limit("memories", len(module.all_memories), limit.MAX_MEMORIES, "MAX_MEMORIES")
    return module


def _sections(reader: Reader, contents: Contents) -> None:
    while reader.pos < reader.end:
        next_section(reader, contents)


def next_section(reader: Reader, contents: Contents) -> None:
    """Read the section that the reader stands at."""
    pos = reader.pos
    section = reader.byte()
    if section != CUSTOM_SECTION:
        place: i64 = SECTION_PLACE[contents.last]
        _check_section(reader, section, place, pos)
        contents.last = section
    size = reader.length()
    start = reader.pos
    reader.skip(size)
    end = reader.pos
    reader.pos = start
    contents.sections.append(Section(section, start, end))
    if section == CUSTOM_SECTION:
        contents.customs.append(custom_section(reader, end, contents.last))
    else:
        _section(reader, section, contents)
    # Content is read to the end of the input at most, not to that of the section, and the
    # two are compared here: what is wrong is told as the reference interpreter tells it.
    if reader.pos != end:
        raise MalformedError(
            f"section size mismatch: the {SECTION_NAMES[section]} section "
            f"ends at 0x{end:x}, its content at 0x{reader.pos:x}",
            start,
        )


def _section(reader: Reader, section: i64, contents: Contents) -> None:
    """Read the content of a section that is not a custom one."""
    if section == TYPE_SECTION:
        contents.types, contents.groups = type_section(reader)
    elif section == IMPORT_SECTION:
        contents.imports = import_section(reader)
    elif section == FUNCTION_SECTION:
        contents.funcs = function_section(reader)
    elif section == TABLE_SECTION:
        contents.tables = table_section(reader)
    elif section == MEMORY_SECTION:
        contents.memories = memory_section(reader)
    elif section == TAG_SECTION:
        contents.tags = tag_section(reader)
    elif section == GLOBAL_SECTION:
        contents.globals = global_section(reader)
    elif section == EXPORT_SECTION:
        contents.exports = export_section(reader)
    elif section == START_SECTION:
        contents.start = reader.u32()
    elif section == ELEMENT_SECTION:
        contents.elems = element_section(reader)
    elif section == DATA_COUNT_SECTION:
        contents.data_count = reader.u32()
    elif section == CODE_SECTION:
        code_section(reader, contents.imported_funcs(), contents.codes)
    elif section == DATA_SECTION:
        contents.datas = data_section(reader)


def _check_last_body(reader: Reader, contents: Contents) -> None:
    """Raise what is malformed in the last body read.

    Where what follows a body makes no sense, the body's size is what may be wrong.
    """
    if contents.codes:
        func = contents.imported_funcs() + len(contents.codes) - 1
        check_body(reader.data, contents.codes[-1], reader.features, func)


def _check_lengths(reader: Reader, contents: Contents) -> None:
    """That sections which speak of the same things speak of equally many."""
    if len(contents.funcs) != len(contents.codes):
        raise MalformedError(
            "function and code section have inconsistent lengths: "
            f"{len(contents.funcs)} types, {len(contents.codes)} bodies",
            reader.end,
        )
    if contents.data_count is not None and contents.data_count != len(contents.datas):
        raise MalformedError(
            "data count and data section have inconsistent lengths: "
            f"{contents.data_count} declared, {len(contents.datas)} found",
            reader.end,
        )


def _check_limit(what: str, count: i64, most: i64, limit_name: str) -> None:
    if count > most:
        raise too_many(what, count, most, limit_name, _HEADER_SIZE)
