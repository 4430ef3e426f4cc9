"""A module's binary (spec: Binary Format > Modules): the counterpart of `decode`.

Reads a :class:`~wasmwright.model.module.Module` and writes every section in the shortest
encoding. Instructions and data are copied from ``Module.data`` as they are.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter

from wasmwright.binary import writer
from wasmwright.binary.preamble import MAGIC, VERSION
from wasmwright.binary.sections import (
    CODE_SECTION,
    CUSTOM_SECTION,
    DATA_COUNT_SECTION,
    DATA_INDEX,
    DATA_SECTION,
    ELEM_EXPRS,
    ELEM_INDEX,
    ELEM_PASSIVE,
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
from wasmwright.binary.types import (
    ARRAY_CODE,
    FUNC_CODE,
    LIMITS_ADDRESS64,
    LIMITS_MAX,
    LIMITS_PAGE_SIZE,
    LIMITS_SHARED,
    REC_CODE,
    STRUCT_CODE,
    SUB_CODE,
    SUB_FINAL_CODE,
    TABLE_WITH_INIT,
)
from wasmwright.binary.writer import leb_u32, leb_u64
from wasmwright.model.module import Custom, Elem, Import, Module, Table
from wasmwright.model.parts import Code, Data, Expr
from wasmwright.model.types import (
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    SubType,
    TableType,
)

# Sections that hold one number, not a vector: they cannot be empty.
_SCALAR_SECTIONS: Final = (START_SECTION, DATA_COUNT_SECTION)


def encode(module: Module) -> bytes:
    """The binary of ``module``.

    Custom sections stand where ``Custom.after`` puts them. Where the module was decoded from
    a binary in the shortest encoding, that binary comes back. Sections without content are
    left out, unless ``module.sections`` lists them.
    """
    out = BytesWriter()
    out.write(MAGIC + VERSION)
    stood = {section.id for section in module.sections}
    for section in (CUSTOM_SECTION, *SECTION_ORDER):
        if section != CUSTOM_SECTION:
            content = _section(module, section)
            if content is None and section in stood and section not in _SCALAR_SECTIONS:
                content = b"\0"
            if content is not None:
                out.append(section)
                writer.byte_string(out, content)
        for custom in module.customs:
            if custom.after == section:
                out.append(CUSTOM_SECTION)
                writer.byte_string(out, _custom(module, custom))
    return out.getvalue()


def _section(module: Module, section: int) -> bytes | None:
    """The content of a section that is not a custom one; None where it has none."""
    out = BytesWriter()
    if section == TYPE_SECTION:
        _types(out, module)
    elif section == IMPORT_SECTION:
        leb_u32(out, len(module.imports))
        for entry in module.imports:
            _import(out, entry)
    elif section == FUNCTION_SECTION:
        _indices(out, module.funcs)
    elif section == TABLE_SECTION:
        leb_u32(out, len(module.tables))
        for table in module.tables:
            _table(out, module, table)
    elif section == MEMORY_SECTION:
        leb_u32(out, len(module.memories))
        for memory in module.memories:
            _limits(out, memory.limits)
    elif section == TAG_SECTION:
        leb_u32(out, len(module.tags))
        for tag in module.tags:
            out.append(0)
            leb_u32(out, tag.type_index)
    elif section == GLOBAL_SECTION:
        leb_u32(out, len(module.globals))
        for definition in module.globals:
            _globaltype(out, definition.type)
            _expr(out, module, definition.init)
    elif section == EXPORT_SECTION:
        leb_u32(out, len(module.exports))
        for export in module.exports:
            writer.name(out, export.name)
            out.append(export.kind)
            leb_u32(out, export.index)
    elif section == START_SECTION:
        return None if module.start is None else _u32(module.start)
    elif section == ELEMENT_SECTION:
        leb_u32(out, len(module.elems))
        for elem in module.elems:
            _elem(out, module, elem)
    elif section == DATA_COUNT_SECTION:
        return None if module.data_count is None else _u32(module.data_count)
    elif section == CODE_SECTION:
        leb_u32(out, len(module.codes))
        for code in module.codes:
            writer.byte_string(out, _code(module, code))
    elif section == DATA_SECTION:
        leb_u32(out, len(module.datas))
        for data in module.datas:
            _data(out, module, data)
    content = out.getvalue()
    return None if content == b"\0" else content


def _u32(value: int) -> bytes:
    out = BytesWriter()
    leb_u32(out, value)
    return out.getvalue()


def _custom(module: Module, custom: Custom) -> bytes:
    out = BytesWriter()
    writer.name(out, custom.name)
    out.write(module.data[custom.start : custom.end])
    return out.getvalue()


def _indices(out: BytesWriter, indices: tuple[int, ...]) -> None:
    leb_u32(out, len(indices))
    for index in indices:
        leb_u32(out, index)


def _expr(out: BytesWriter, module: Module, expr: Expr) -> None:
    out.write(module.data[expr.start : expr.end])


def _types(out: BytesWriter, module: Module) -> None:
    leb_u32(out, len(module.groups))
    for first, size in module.groups:
        if size != 1:
            out.append(REC_CODE)
            leb_u32(out, size)
        for subtype in module.types[first : first + size]:
            _subtype(out, subtype)


def _subtype(out: BytesWriter, subtype: SubType) -> None:
    if subtype.supers or not subtype.final:
        out.append(SUB_FINAL_CODE if subtype.final else SUB_CODE)
        _indices(out, subtype.supers)
    comp = subtype.comp
    if isinstance(comp, FuncType):
        out.append(FUNC_CODE)
        _resulttype(out, comp.params)
        _resulttype(out, comp.results)
    elif isinstance(comp, StructType):
        out.append(STRUCT_CODE)
        leb_u32(out, len(comp.fields))
        for field in comp.fields:
            _fieldtype(out, field)
    else:
        out.append(ARRAY_CODE)
        _fieldtype(out, comp.element)


def _resulttype(out: BytesWriter, types: tuple[int, ...]) -> None:
    leb_u32(out, len(types))
    for valtype in types:
        writer.valtype(out, valtype)


def _fieldtype(out: BytesWriter, field: FieldType) -> None:
    writer.valtype(out, field.storage)
    out.append(field.mutable)


def _limits(out: BytesWriter, limits: Limits) -> None:
    flags = LIMITS_MAX if limits.max is not None else 0
    flags |= LIMITS_SHARED if limits.shared else 0
    flags |= LIMITS_ADDRESS64 if limits.address64 else 0
    flags |= LIMITS_PAGE_SIZE if limits.page_size_log2 != 16 else 0
    out.append(flags)
    leb_u64(out, limits.min)
    if limits.max is not None:
        leb_u64(out, limits.max)
    if limits.page_size_log2 != 16:
        leb_u32(out, limits.page_size_log2)


def _tabletype(out: BytesWriter, table: TableType) -> None:
    writer.valtype(out, table.element)
    _limits(out, table.limits)


def _globaltype(out: BytesWriter, declared: GlobalType) -> None:
    writer.valtype(out, declared.valtype)
    out.append(declared.mutable)


def _import(out: BytesWriter, entry: Import) -> None:
    writer.name(out, entry.module)
    writer.name(out, entry.name)
    out.append(entry.kind)
    desc = entry.desc
    if isinstance(desc, int):
        leb_u32(out, desc)
    elif isinstance(desc, TableType):
        _tabletype(out, desc)
    elif isinstance(desc, MemoryType):
        _limits(out, desc.limits)
    elif isinstance(desc, GlobalType):
        _globaltype(out, desc)
    else:
        out.append(0)
        leb_u32(out, desc.type_index)


def _table(out: BytesWriter, module: Module, table: Table) -> None:
    if table.init is None:
        _tabletype(out, table.type)
        return
    out.append(TABLE_WITH_INIT)
    out.append(0)
    _tabletype(out, table.type)
    _expr(out, module, table.init)


def _elem(out: BytesWriter, module: Module, elem: Elem) -> None:
    leb_u32(out, elem.flags)
    if elem.offset is not None:
        if elem.flags & ELEM_INDEX:
            leb_u32(out, elem.table)
        _expr(out, module, elem.offset)
    if elem.flags & (ELEM_PASSIVE | ELEM_INDEX):
        if elem.flags & ELEM_EXPRS:
            writer.valtype(out, elem.type)
        else:
            out.append(0)  # the kind of its items: functions
    if elem.flags & ELEM_EXPRS:
        leb_u32(out, len(elem.exprs))
        for expr in elem.exprs:
            _expr(out, module, expr)
    else:
        _indices(out, elem.funcs)


def _code(module: Module, code: Code) -> bytes:
    out = BytesWriter()
    leb_u32(out, len(code.locals))
    for count, valtype in code.locals:
        leb_u32(out, count)
        writer.valtype(out, valtype)
    out.write(module.data[code.start : code.end])
    return out.getvalue()


def _data(out: BytesWriter, module: Module, data: Data) -> None:
    leb_u32(out, data.flags)
    if data.flags == DATA_INDEX:
        leb_u32(out, data.memory)
    if data.offset is not None:
        _expr(out, module, data.offset)
    writer.byte_string(out, module.data[data.start : data.end])
