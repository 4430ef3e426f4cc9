"""Module fields with their abbreviations (spec: Text Format > Modules).

Each function reads one field, whose identifier was bound before, and appends it to the sections
it belongs to; inline imports and exports, and inline segments, go to theirs.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.types import LIMITS_ADDRESS64, LIMITS_PAGE_SIZE, TABLE_WITH_INIT
from wasmwright.binary.writer import byte_string, leb_u32
from wasmwright.binary.writer import valtype as write_valtype
from wasmwright.isa import slot
from wasmwright.model.module import KIND_FUNC, KIND_GLOBAL, KIND_MEMORY, KIND_TABLE, KIND_TAG
from wasmwright.text import segments
from wasmwright.text.context import Context
from wasmwright.text.immediates import opcode
from wasmwright.text.instructions import expression
from wasmwright.text.scopes import Space, Vector
from wasmwright.text.tokens import (
    DATA,
    ELEM,
    EXPORT,
    FUNC,
    GLOBAL,
    ID,
    IMPORT,
    LOCAL,
    LPAR,
    MEMORY,
    RPAR,
    TABLE,
    TAG,
)
from wasmwright.text.types import (
    DEFAULT_PAGE_SIZE_LOG2,
    addrtype,
    append_limits,
    at_reftype,
    bind_named,
    globaltype,
    memorytype,
    pagesize,
    reftype,
    tabletype,
    typeuse,
    valtype,
)

_END: Final = slot("end")
NO_START: Final = -1


class Sections:
    """The sections of the module that is being assembled, and the next index in each space."""

    __slots__ = (
        "body",
        "codes",
        "datas",
        "elems",
        "exports",
        "func",
        "funcs",
        "global_",
        "globals",
        "imports",
        "memories",
        "memory",
        "start",
        "table",
        "tables",
        "tag",
        "tags",
    )

    def __init__(self) -> None:
        self.imports = Vector()
        self.funcs = Vector()
        self.tables = Vector()
        self.memories = Vector()
        self.tags = Vector()
        self.globals = Vector()
        self.exports = Vector()
        self.start: i64 = NO_START
        self.elems = Vector()
        self.codes = Vector()
        self.datas = Vector()
        self.body = BytesWriter()
        self.func: i64 = 0
        self.table: i64 = 0
        self.memory: i64 = 0
        self.global_: i64 = 0
        self.tag: i64 = 0


def _exports(context: Context, sections: Sections, kind: i64, index: i64) -> None:
    """The inline exports that come next, of what has this index."""
    stream = context.stream
    while stream.take_list(EXPORT):
        _export(sections, stream.name(), kind, index)
        stream.close()


def _export(sections: Sections, name: bytes, kind: i64, index: i64) -> None:
    out = sections.exports.out
    sections.exports.count += 1
    byte_string(out, name)
    out.append(kind)
    leb_u32(out, index)


def _inline_import(context: Context, sections: Sections, kind: i64) -> bool:
    """Begin an import with the inline import that comes next; whether one does."""
    stream = context.stream
    if not stream.take_list(IMPORT):
        return False
    _import_names(context, sections)
    stream.close()
    sections.imports.out.append(kind)
    return True


def _import_names(context: Context, sections: Sections) -> None:
    out = sections.imports.out
    sections.imports.count += 1
    byte_string(out, context.stream.name())
    byte_string(out, context.stream.name())


# Functions


def func(context: Context, sections: Sections) -> None:
    """A function, or the import of one."""
    index = sections.func
    sections.func = index + 1
    _exports(context, sections, KIND_FUNC, index)
    if _inline_import(context, sections, KIND_FUNC):
        _imported_func(context, sections, index)
        return
    stream = context.stream
    context.enter_func()
    sections.funcs.count += 1
    leb_u32(sections.funcs.out, typeuse(context, context.locals, True))
    body = sections.body
    body.truncate(0)
    _locals(context, body)
    expression(context, body, False)
    opcode(body, _END)
    sections.codes.count += 1
    byte_string(sections.codes.out, body.getvalue())
    context.leave_func(index)
    stream.close()


def _imported_func(context: Context, sections: Sections, index: i64) -> None:
    context.enter_func()
    leb_u32(sections.imports.out, typeuse(context, context.locals, True))
    context.leave_func(index)
    context.stream.close()


def _locals(context: Context, out: BytesWriter) -> None:
    """Append the declarations of locals, in runs of one type."""
    stream = context.stream
    runs = Vector()
    length: i64 = 0
    of: i64 = 0
    while stream.take_list(LOCAL):
        named = stream.kind() == ID or context.annotations.has_name(stream.pos)
        if named:
            bind_named(context, context.locals)
        while named or stream.kind() != RPAR:
            declared = valtype(context)
            if declared != of and length != 0:
                _append_run(runs, length, of)
                length = 0
            of = declared
            length += 1
            if named:
                break
            context.locals.count += 1
        stream.close()
    if length != 0:
        _append_run(runs, length, of)
    leb_u32(out, runs.count)
    out.write(runs.out.getvalue())


def _append_run(runs: Vector, length: i64, of: i64) -> None:
    runs.count += 1
    leb_u32(runs.out, length)
    write_valtype(runs.out, of)


# Tables, memories, globals and tags


def table(context: Context, sections: Sections) -> None:
    """A table, or the import of one."""
    stream = context.stream
    index = sections.table
    sections.table = index + 1
    _exports(context, sections, KIND_TABLE, index)
    if _inline_import(context, sections, KIND_TABLE):
        tabletype(context, sections.imports.out)
        stream.close()
        return
    out = sections.tables.out
    sections.tables.count += 1
    start = stream.pos
    address64 = addrtype(context)
    if at_reftype(stream):
        element = reftype(context)
        if not stream.take_list(ELEM):
            raise stream.unexpected('"(elem"')
        count = segments.inline_elem(context, sections.elems, index, address64, element)
        write_valtype(out, element)
        append_limits(out, count, count, LIMITS_ADDRESS64 if address64 else 0)
        stream.close()
        return
    stream.pos = start
    declared = BytesWriter()
    tabletype(context, declared)
    if stream.kind() == RPAR:
        out.write(declared.getvalue())
    else:
        out.append(TABLE_WITH_INIT)
        out.append(0)
        out.write(declared.getvalue())
        segments.constant(context, out)
    stream.close()


def memory(context: Context, sections: Sections) -> None:
    """A memory, or the import of one."""
    stream = context.stream
    index = sections.memory
    sections.memory = index + 1
    _exports(context, sections, KIND_MEMORY, index)
    if _inline_import(context, sections, KIND_MEMORY):
        memorytype(context, sections.imports.out)
        stream.close()
        return
    out = sections.memories.out
    sections.memories.count += 1
    start = stream.pos
    flags: i64 = LIMITS_ADDRESS64 if addrtype(context) else 0
    page_size = pagesize(context)
    if not stream.take_list(DATA):
        stream.pos = start
        memorytype(context, out)
        stream.close()
        return
    size = segments.inline_data(context, sections.datas, index, flags != 0)
    pages = size + (1 << page_size) - 1 >> page_size if page_size < 32 else min(size, 1)
    if page_size != DEFAULT_PAGE_SIZE_LOG2:
        append_limits(out, pages, pages, flags | LIMITS_PAGE_SIZE)
        leb_u32(out, page_size)
    else:
        append_limits(out, pages, pages, flags)
    stream.close()


def global_(context: Context, sections: Sections) -> None:
    """A global, or the import of one."""
    index = sections.global_
    sections.global_ = index + 1
    _exports(context, sections, KIND_GLOBAL, index)
    if _inline_import(context, sections, KIND_GLOBAL):
        globaltype(context, sections.imports.out)
    else:
        sections.globals.count += 1
        globaltype(context, sections.globals.out)
        segments.constant(context, sections.globals.out)
    context.stream.close()


def tag(context: Context, sections: Sections) -> None:
    """A tag, or the import of one."""
    index = sections.tag
    sections.tag = index + 1
    _exports(context, sections, KIND_TAG, index)
    if _inline_import(context, sections, KIND_TAG):
        _tagtype(context, sections.imports.out)
    else:
        sections.tags.count += 1
        _tagtype(context, sections.tags.out)
    context.stream.close()


def _tagtype(context: Context, out: BytesWriter) -> None:
    out.append(0)
    leb_u32(out, typeuse(context, None, True))


# Imports, exports, the start function


def import_(context: Context, sections: Sections) -> None:
    """An import."""
    stream = context.stream
    _import_names(context, sections)
    out = sections.imports.out
    if not stream.take(LPAR):
        raise stream.unexpected("an external type")
    kind = stream.kind()
    stream.pos += 1
    stream.take(ID)
    if kind == FUNC:
        out.append(KIND_FUNC)
        _imported_func(context, sections, sections.func)
        sections.func += 1
    elif kind == TABLE:
        out.append(KIND_TABLE)
        tabletype(context, out)
        sections.table += 1
        stream.close()
    elif kind == MEMORY:
        out.append(KIND_MEMORY)
        memorytype(context, out)
        sections.memory += 1
        stream.close()
    elif kind == GLOBAL:
        out.append(KIND_GLOBAL)
        globaltype(context, out)
        sections.global_ += 1
        stream.close()
    else:
        out.append(KIND_TAG)
        _tagtype(context, out)
        sections.tag += 1
        stream.close()
    stream.close()


def export(context: Context, sections: Sections) -> None:
    """An export."""
    stream = context.stream
    name = stream.name()
    stream.expect(LPAR, "what is exported")
    word = stream.kind()
    stream.pos += 1
    kind: i64 = KIND_FUNC
    space: Space = context.funcs
    if word == TABLE:
        kind = KIND_TABLE
        space = context.tables
    elif word == MEMORY:
        kind = KIND_MEMORY
        space = context.memories
    elif word == GLOBAL:
        kind = KIND_GLOBAL
        space = context.globals
    elif word == TAG:
        kind = KIND_TAG
        space = context.tags
    elif word != FUNC:
        raise stream.unexpected_at(stream.pos - 1, "func, table, memory, global or tag")
    _export(sections, name, kind, space.index(stream))
    stream.close()
    stream.close()


def start(context: Context, sections: Sections) -> None:
    """The start function."""
    stream = context.stream
    if sections.start != NO_START:
        raise stream.error("multiple start sections")
    sections.start = context.funcs.index(stream)
    stream.close()
