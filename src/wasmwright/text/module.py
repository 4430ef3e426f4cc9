"""Modules in the text format to binaries (spec: Text Format > Modules > Modules).

Reads the fields twice: first the identifiers that they bind, then the fields themselves, types
before all others. Appends bytes to sections; there is no tree in between.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary import names as names_
from wasmwright.binary.preamble import MAGIC, VERSION
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
    SECTION_ORDER,
    START_SECTION,
    TABLE_SECTION,
    TAG_SECTION,
    TYPE_SECTION,
)
from wasmwright.binary.writer import byte_string, leb_u32
from wasmwright.text import fields, segments
from wasmwright.text.annotations import BRANCH_HINT, FIRST, LAST, Annotations, CustomSection
from wasmwright.text.context import Context
from wasmwright.text.fields import NO_START, Sections
from wasmwright.text.lexer import source_bytes, tokenize
from wasmwright.text.scopes import Space, Vector
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import (
    BINARY,
    DATA,
    ELEM,
    END,
    EXPORT,
    FUNC,
    GLOBAL,
    ID,
    IMPORT,
    LPAR,
    MEMORY,
    MODULE,
    QUOTE,
    REC,
    START,
    TABLE,
    TAG,
    TYPE,
)
from wasmwright.text.types import bind_named, rectype


def parse(source: str | bytes, features: int) -> bytes:
    """The binary of the module in ``source``, which is nothing else."""
    data = source_bytes(source)
    stream = Stream(tokenize(data, 0, len(data)))
    if stream.take_list(MODULE):
        binary = assemble(stream, features)
        stream.close()
    else:
        binary = assemble_fields(stream, b"", features)
    if stream.kind() != END:
        raise stream.unexpected("the end of the source")
    return binary


def assemble(stream: Stream, features: i64) -> bytes:
    """The binary of a module from behind its keyword up to its closing parenthesis."""
    id = stream.take_identifier()
    if stream.take(BINARY):
        return stream.strings()
    if stream.take(QUOTE):
        return parse(stream.strings(), features)
    return assemble_fields(stream, id, features)


def assemble_fields(stream: Stream, id: bytes, features: i64) -> bytes:
    """The binary of a module's fields, which go up to a closing parenthesis or the source's end."""
    first = stream.pos
    last = first
    while stream.kinds[last] == LPAR:
        last = stream.list_end(last)
    annotations = Annotations(stream.tokens, first, last)
    context = Context(stream, annotations, features)
    name = annotations.take_name(stream, "module")
    customs: list[CustomSection] = []
    found = _declare(context, customs)
    end = stream.pos
    sections = Sections()
    for field in found:
        word = i64(stream.kinds[field + 1])
        if word == TYPE or word == REC:
            stream.pos = field
            rectype(context)
    for field in found:
        _field(context, sections, field)
    stream.pos = end
    annotations.check_all_taken()
    return _binary(context, sections, customs, id if name is None else name)


# The first reading


_DEFINITIONS: Final[dict[int, str]] = {
    FUNC: "function",
    TABLE: "table",
    MEMORY: "memory",
    GLOBAL: "global",
    TAG: "tag",
}


def _declare(context: Context, customs: list[CustomSection]) -> list[int]:
    """Bind the identifiers of all fields; the tokens that the fields begin at."""
    stream = context.stream
    annotations = context.annotations
    found: list[int] = []
    defined: i64 = 0  # the word of the last field that defined what could have been imported
    while True:
        field = stream.pos
        annotations.take_custom(field, customs)
        if stream.kind() != LPAR:
            break
        found.append(field)
        word = i64(stream.kinds[field + 1])
        stream.pos = field + 2
        if word in _DEFINITIONS:
            bind_named(context, _space(context, word))
            if not _is_import(stream):
                defined = word
                _declare_segment(context, word, field)
            elif defined != 0:
                raise stream.error(f"import after {_DEFINITIONS[defined]} definition")
        elif word == IMPORT:
            if defined != 0:
                raise stream.error_at(field, f"import after {_DEFINITIONS[defined]} definition")
            _declare_import(context)
        elif word == TYPE:
            bind_named(context, context.types)
        elif word == REC:
            while stream.at_list(TYPE):
                typedef = stream.pos
                stream.pos += 2
                bind_named(context, context.types)
                stream.pos = stream.list_end(typedef)
        elif word == ELEM:
            bind_named(context, context.elems)
        elif word == DATA:
            bind_named(context, context.datas)
        elif word != EXPORT and word != START:
            raise stream.unexpected_at(field + 1, "a module field")
        stream.pos = stream.list_end(field)
    return found


def _space(context: Context, word: i64) -> Space:
    if word == FUNC:
        return context.funcs
    if word == TABLE:
        return context.tables
    if word == MEMORY:
        return context.memories
    return context.globals if word == GLOBAL else context.tags


def _is_import(stream: Stream) -> bool:
    """Whether a definition, whose identifier is read, is an inline import."""
    while stream.at_list(EXPORT):
        stream.pos = stream.list_end(stream.pos)
    return stream.at_list(IMPORT)


def _declare_import(context: Context) -> None:
    """Bind the identifier of an import, whose keyword is read."""
    stream = context.stream
    stream.name()
    stream.name()
    stream.expect(LPAR, "an external type")
    word = stream.kind()
    if word not in _DEFINITIONS:
        raise stream.unexpected("func, table, memory, global or tag")
    stream.pos += 1
    bind_named(context, _space(context, word))


def _declare_segment(context: Context, word: i64, field: i64) -> None:
    """Count the segment inside a table's or memory's definition, if there is one."""
    if word != TABLE and word != MEMORY:
        return
    stream = context.stream
    inside = ELEM if word == TABLE else DATA
    end = stream.list_end(field) - 1
    at = stream.pos
    while at < end:
        if stream.kinds[at] != LPAR:
            at += 1
        elif stream.kinds[at + 1] == inside:
            space = context.elems if word == TABLE else context.datas
            space.count += 1
            return
        else:
            at = stream.list_end(at)


# The second reading


def _field(context: Context, sections: Sections, field: i64) -> None:
    stream = context.stream
    word = i64(stream.kinds[field + 1])
    stream.pos = field + 2
    if stream.kinds[stream.pos] == ID and word != START:
        stream.pos += 1
    if word == FUNC:
        fields.func(context, sections)
    elif word == TABLE:
        fields.table(context, sections)
    elif word == MEMORY:
        fields.memory(context, sections)
    elif word == GLOBAL:
        fields.global_(context, sections)
    elif word == TAG:
        fields.tag(context, sections)
    elif word == IMPORT:
        fields.import_(context, sections)
    elif word == EXPORT:
        fields.export(context, sections)
    elif word == START:
        fields.start(context, sections)
    elif word == ELEM:
        segments.elem(context, sections.elems)
    elif word == DATA:
        segments.data(context, sections.datas)


# The binary


def _binary(
    context: Context, sections: Sections, customs: list[CustomSection], name: bytes
) -> bytes:
    out = BytesWriter()
    out.write(MAGIC + VERSION)
    _customs(out, customs, False, FIRST)
    hinted = context.hinted_funcs
    for section in SECTION_ORDER:
        _customs(out, customs, False, section)
        if section == CODE_SECTION and hinted.count != 0:
            _custom(out, BRANCH_HINT, hinted.content())
        content = _content(context, sections, section)
        if content:
            out.append(section)
            byte_string(out, content)
        _customs(out, customs, True, section)
    _customs(out, customs, True, LAST)
    names = _names(context, name)
    if names:
        _custom(out, names_.NAME_SECTION.encode(), names)
    return out.getvalue()


def _customs(out: BytesWriter, customs: list[CustomSection], after: bool, place: i64) -> None:
    for custom in customs:
        if custom.place == place and custom.after == after:
            _custom(out, custom.name, custom.content)


def _custom(out: BytesWriter, name: bytes, content: bytes) -> None:
    whole = BytesWriter()
    byte_string(whole, name)
    whole.write(content)
    out.append(CUSTOM_SECTION)
    byte_string(out, whole.getvalue())


def _content(context: Context, sections: Sections, section: i64) -> bytes:
    """The content of a section; nothing where it is left out."""
    if section == START_SECTION:
        return b"" if sections.start == NO_START else _u32(sections.start)
    if section == DATA_COUNT_SECTION:
        return _u32(sections.datas.count) if context.uses_data_count else b""
    vector = sections.imports
    if section == TYPE_SECTION:
        vector = context.groups
    elif section == FUNCTION_SECTION:
        vector = sections.funcs
    elif section == TABLE_SECTION:
        vector = sections.tables
    elif section == MEMORY_SECTION:
        vector = sections.memories
    elif section == TAG_SECTION:
        vector = sections.tags
    elif section == GLOBAL_SECTION:
        vector = sections.globals
    elif section == EXPORT_SECTION:
        vector = sections.exports
    elif section == ELEMENT_SECTION:
        vector = sections.elems
    elif section == CODE_SECTION:
        vector = sections.codes
    elif section == DATA_SECTION:
        vector = sections.datas
    else:
        assert section == IMPORT_SECTION
    return vector.content() if vector.count != 0 else b""


def _u32(value: i64) -> bytes:
    out = BytesWriter()
    leb_u32(out, value)
    return out.getvalue()


def _names(context: Context, module: bytes) -> bytes:
    """The payload of the name section; nothing where nothing has a name."""
    out = BytesWriter()
    if module:
        content = BytesWriter()
        byte_string(content, module)
        out.append(names_.MODULE_NAME)
        byte_string(out, content.getvalue())
    _name_map(out, names_.FUNC_NAMES, context.funcs.names)
    _name_map(out, names_.LOCAL_NAMES, context.local_names)
    _name_map(out, names_.LABEL_NAMES, context.label_names)
    _name_map(out, names_.TYPE_NAMES, context.types.names)
    _name_map(out, names_.TABLE_NAMES, context.tables.names)
    _name_map(out, names_.MEMORY_NAMES, context.memories.names)
    _name_map(out, names_.GLOBAL_NAMES, context.globals.names)
    _name_map(out, names_.ELEM_NAMES, context.elems.names)
    _name_map(out, names_.DATA_NAMES, context.datas.names)
    _name_map(out, names_.FIELD_NAMES, context.field_names)
    _name_map(out, names_.TAG_NAMES, context.tags.names)
    return out.getvalue()


def _name_map(out: BytesWriter, kind: i64, names: Vector) -> None:
    if names.count != 0:
        out.append(kind)
        byte_string(out, names.content())
