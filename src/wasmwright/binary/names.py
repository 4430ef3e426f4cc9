"""The name section (spec: Appendix > Custom Sections > Name Section, and the extended names).

Reads and writes the payload of the custom section ``name``. Names are for people: a broken
name section is read as far as it goes and never makes a module malformed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from librt.strings import BytesWriter

from wasmwright.binary import writer
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError, MalformedError
from wasmwright.model.module import Module

NAME_SECTION: Final = "name"

MODULE_NAME: Final = 0
FUNC_NAMES: Final = 1
LOCAL_NAMES: Final = 2
LABEL_NAMES: Final = 3
TYPE_NAMES: Final = 4
TABLE_NAMES: Final = 5
MEMORY_NAMES: Final = 6
GLOBAL_NAMES: Final = 7
ELEM_NAMES: Final = 8
DATA_NAMES: Final = 9
FIELD_NAMES: Final = 10
TAG_NAMES: Final = 11

NameMap = dict[int, str]
IndirectNameMap = dict[int, NameMap]


@dataclass(slots=True)
class Names:
    """The names of a module's parts, by index.

    ``locals`` and ``labels`` are by function, ``fields`` by type. ``note`` says what is wrong
    with the section that they were read from, and where; None where nothing is.
    """

    module: str | None = None
    funcs: NameMap = field(default_factory=dict)
    locals: IndirectNameMap = field(default_factory=dict)
    labels: IndirectNameMap = field(default_factory=dict)
    types: NameMap = field(default_factory=dict)
    tables: NameMap = field(default_factory=dict)
    memories: NameMap = field(default_factory=dict)
    globals: NameMap = field(default_factory=dict)
    elems: NameMap = field(default_factory=dict)
    datas: NameMap = field(default_factory=dict)
    fields: IndirectNameMap = field(default_factory=dict)
    tags: NameMap = field(default_factory=dict)
    note: str | None = None


def decode_names(module: Module, only: int | None = None) -> Names:
    """The names in the first name section of ``module``, all empty where it has none.

    ``only`` is one of the subsection ids above where a caller needs no others. Names read
    before a break in the section are kept, the rest is ignored with a note.
    """
    names = Names()
    for custom in module.customs:
        if custom.name == NAME_SECTION:
            try:
                _subsections(Reader(module.data, custom.start, custom.end), names, only)
            except CompileError as error:
                names.note = f"{error}; the names from there on are ignored"
            break
    return names


def _subsections(reader: Reader, names: Names, only: int | None) -> None:
    end = reader.end
    while reader.pos < end:
        kind = reader.byte()
        size = reader.length()
        start = reader.pos
        reader.skip(size)
        if only is not None and kind != only:
            continue
        reader.end = reader.pos
        reader.pos = start
        if kind == MODULE_NAME:
            names.module = reader.name()
        elif kind in (LOCAL_NAMES, LABEL_NAMES, FIELD_NAMES):
            _indirect_name_map(reader, _indirect_maps(names)[kind])
        elif FUNC_NAMES <= kind <= TAG_NAMES:
            _name_map(reader, _maps(names)[kind])
        else:
            reader.pos = reader.end  # from a later version of the format
        if reader.pos != reader.end:
            raise MalformedError(f"section size mismatch: name subsection {kind}", start)
        reader.end = end


def _maps(names: Names) -> dict[int, NameMap]:
    return {
        FUNC_NAMES: names.funcs,
        TYPE_NAMES: names.types,
        TABLE_NAMES: names.tables,
        MEMORY_NAMES: names.memories,
        GLOBAL_NAMES: names.globals,
        ELEM_NAMES: names.elems,
        DATA_NAMES: names.datas,
        TAG_NAMES: names.tags,
    }


def _indirect_maps(names: Names) -> dict[int, IndirectNameMap]:
    return {LOCAL_NAMES: names.locals, LABEL_NAMES: names.labels, FIELD_NAMES: names.fields}


def _name_map(reader: Reader, into: NameMap) -> None:
    for _ in range(reader.length()):
        index = reader.u32()
        into[index] = reader.name()


def _indirect_name_map(reader: Reader, into: IndirectNameMap) -> None:
    for _ in range(reader.length()):
        index = reader.u32()
        _name_map(reader, into.setdefault(index, {}))


def encode_names(names: Names) -> bytes:
    """The payload of a name section that holds ``names``, subsections in order of their ids."""
    out = BytesWriter()
    maps, indirect_maps = _maps(names), _indirect_maps(names)
    for kind in range(MODULE_NAME, TAG_NAMES + 1):
        content = BytesWriter()
        if kind == MODULE_NAME:
            if names.module is None:
                continue
            writer.name(content, names.module)
        elif kind in indirect_maps:
            if not indirect_maps[kind]:
                continue
            writer.leb_u32(content, len(indirect_maps[kind]))
            for index, name_map in sorted(indirect_maps[kind].items()):
                writer.leb_u32(content, index)
                _write_name_map(content, name_map)
        elif maps[kind]:
            _write_name_map(content, maps[kind])
        else:
            continue
        out.append(kind)
        writer.byte_string(out, content.getvalue())
    return out.getvalue()


def _write_name_map(out: BytesWriter, name_map: NameMap) -> None:
    writer.leb_u32(out, len(name_map))
    for index, name in sorted(name_map.items()):
        writer.leb_u32(out, index)
        writer.name(out, name)
