"""The parts of a module other than its functions, each as one line or more.

Reads :class:`~wasmwright.model.module.Module` and writes to
:class:`~wasmwright.text.printer_lines.Lines` (spec: Text Format > Modules).
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.cursor import read_opcode
from wasmwright.binary.reader import Reader
from wasmwright.binary.sections import DATA_INDEX, ELEM_EXPRS, ELEM_INDEX
from wasmwright.model.module import (
    DECLARATIVE,
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_NAMES,
    KIND_TABLE,
    Custom,
    Elem,
    Export,
    Global,
    Import,
    Module,
    Table,
)
from wasmwright.model.parts import Data, Expr
from wasmwright.model.types import GlobalType, MemoryType, TableType, TagType
from wasmwright.text.printer_atoms import byte_string, quoted, string_end
from wasmwright.text.printer_flat import END, PLAIN, ROLES
from wasmwright.text.printer_instructions import Instructions
from wasmwright.text.printer_lines import NOWHERE, Lines
from wasmwright.text.printer_names import Ids, IdSpace
from wasmwright.text.printer_types import Types

# The place of a custom section, by the id of the section before it. After the data count is
# before the code: not every parser knows the former.
_PLACES: Final[tuple[bytes, ...]] = (
    b"(before first)",
    b"(after type)",
    b"(after import)",
    b"(after func)",
    b"(after table)",
    b"(after memory)",
    b"(after global)",
    b"(after export)",
    b"(after start)",
    b"(after elem)",
    b"(after code)",
    b"(after data)",
    b"(before code)",
    b"(after tag)",
)

_DEPTH: Final = 1  # of an item in its module
_WIDTH: Final = 90  # columns of a string in one line
_LIST: Final = 80  # columns after which a list goes on in the next line


class Items:
    """Prints the parts of one module."""

    __slots__ = ("_data", "_ids", "_instructions", "_lines", "_out", "_types")

    def __init__(
        self, module: Module, lines: Lines, types: Types, ids: Ids, instructions: Instructions
    ) -> None:
        """``instructions`` must write to ``lines.out``, and know no function's names."""
        self._data: bytes = module.data
        self._lines = lines
        self._out: BytesWriter = lines.out
        self._types = types
        self._ids = ids
        self._instructions = instructions

    def _item(self, text: bytes, offset: i64 = NOWHERE) -> None:
        """Begin an item: a line, with the first of its text."""
        self._lines.line(_DEPTH, offset)
        self._out.write(text)

    # Types and imports

    def type_group(self, module: Module, first: i64, size: i64) -> None:
        """The types of one recursive group."""
        if size == 1:
            self._item(self._types.definition(first, module.types[first]))
            return
        self._item(b"(rec")
        for index in range(first, first + size):
            self._lines.line(_DEPTH + 1)
            self._out.write(self._types.definition(index, module.types[index]))
        if size != 0:
            self._lines.line(_DEPTH)
        self._out.append(0x29)

    def import_(self, entry: Import, index: i64) -> None:
        """An import, which has ``index`` in the index space of its kind."""
        ids = self._ids
        self._item(b"(import " + quoted(entry.module) + b" " + quoted(entry.name) + b" ")
        desc = entry.desc
        if isinstance(desc, int):
            params = self._types.functype(desc)
            names = ids.locals(index, 0 if params is None else len(params.params))
            text = b"(func" + ids.funcs.definition(index) + self._types.typeuse(desc, names)
        elif isinstance(desc, TableType):
            text = b"(table" + ids.tables.definition(index) + b" " + self._types.tabletype(desc)
        elif isinstance(desc, MemoryType):
            text = b"(memory" + ids.memories.definition(index)
            text += b" " + self._types.limits(desc.limits)
        elif isinstance(desc, GlobalType):
            text = b"(global" + ids.globals.definition(index) + b" " + self._types.globaltype(desc)
        else:
            text = self._tag(desc, index)
        self._out.write(text + b"))")

    def _tag(self, tag: TagType, index: i64) -> bytes:
        names = IdSpace({}, 0)
        definition = self._ids.tags.definition(index)
        return b"(tag" + definition + self._types.typeuse(tag.type_index, names)

    # Definitions

    def table(self, table: Table, index: i64) -> None:
        """A table that the module defines."""
        self._item(b"(table" + self._ids.tables.definition(index) + b" ")
        self._out.write(self._types.tabletype(table.type))
        if table.init is not None:
            self.expr(table.init, b"")
        self._out.append(0x29)

    def memory(self, memory: MemoryType, index: i64) -> None:
        """A memory that the module defines."""
        self._item(b"(memory" + self._ids.memories.definition(index) + b" ")
        self._out.write(self._types.limits(memory.limits) + b")")

    def tag(self, tag: TagType, index: i64) -> None:
        """A tag that the module defines."""
        self._item(self._tag(tag, index) + b")")

    def global_(self, definition: Global, index: i64) -> None:
        """A global that the module defines."""
        self._item(b"(global" + self._ids.globals.definition(index) + b" ", definition.init.start)
        self._out.write(self._types.globaltype(definition.type))
        self.expr(definition.init, b"")
        self._out.append(0x29)

    def export(self, export: Export) -> None:
        """An export."""
        kind = KIND_NAMES[export.kind].encode("ascii")
        self._item(b"(export " + quoted(export.name) + b" (" + kind + b" ")
        self._out.write(self._space(export.kind).ref(export.index) + b"))")

    def _space(self, kind: i64) -> IdSpace:
        if kind == KIND_FUNC:
            return self._ids.funcs
        if kind == KIND_TABLE:
            return self._ids.tables
        if kind == KIND_MEMORY:
            return self._ids.memories
        return self._ids.globals if kind == KIND_GLOBAL else self._ids.tags

    def start(self, func: i64) -> None:
        """The start function."""
        self._item(b"(start " + self._ids.funcs.ref(func) + b")")

    # Segments and custom sections

    def elem(self, elem: Elem, index: i64) -> None:
        """An element segment; its text has a table, a kind or a type where its flags do."""
        offset: i64 = NOWHERE if elem.offset is None else elem.offset.start
        self._item(b"(elem" + self._ids.elems.definition(index), offset)
        if elem.mode == DECLARATIVE:
            self._out.write(b" declare")
        if elem.offset is not None:
            if elem.flags & ELEM_INDEX != 0:
                self._out.write(b" (table " + self._ids.tables.ref(elem.table) + b")")
            self.expr(elem.offset, b"offset")
        begin = len(self._out)
        if elem.flags & ELEM_EXPRS != 0:
            self._out.write(b" " + self._types.valtype(elem.type))
            for item in elem.exprs:
                begin = self._wrap(begin)
                self.expr(item, b"item")
        else:
            self._out.write(b" func")
            for func in elem.funcs:
                begin = self._wrap(begin)
                self._out.append(0x20)
                self._out.write(self._ids.funcs.ref(func))
        self._out.append(0x29)

    def _wrap(self, begin: i64) -> i64:
        """A new line of a list where the one that began at ``begin`` is full; where it begins."""
        if len(self._out) - begin < _LIST:
            return begin
        self._lines.line(_DEPTH + 1)
        return len(self._out)

    def data(self, data: Data, index: i64) -> None:
        """A data segment."""
        self._item(b"(data" + self._ids.datas.definition(index), data.start)
        if data.offset is not None:
            if data.flags == DATA_INDEX:
                self._out.write(b" (memory " + self._ids.memories.ref(data.memory) + b")")
            self.expr(data.offset, b"offset")
        self._strings(data.start, data.end)
        self._out.append(0x29)

    def custom(self, custom: Custom) -> None:
        """A custom section, as an annotation."""
        self._item(b"(@custom " + quoted(custom.name) + b" ", custom.start)
        self._out.write(_PLACES[custom.after])
        self._strings(custom.start, custom.end)
        self._out.append(0x29)

    def _strings(self, start: i64, end: i64) -> None:
        """The bytes ``data[start:end]``, in lines of their own if they don't fit in one."""
        stop = string_end(self._data, start, end, _WIDTH // 2)
        if stop == end:
            self._out.append(0x20)
            byte_string(self._out, self._data, start, end)
            return
        while start < end:
            stop = string_end(self._data, start, end, _WIDTH)
            self._lines.line(_DEPTH + 1, start)
            byte_string(self._out, self._data, start, stop)
            start = stop

    def expr(self, expr: Expr, keyword: bytes) -> None:
        """A constant expression, with a blank before it.

        A single instruction is folded; any others are in parentheses with ``keyword``, or in
        none where that is empty.
        """
        out = self._out
        reader = Reader(self._data, expr.start, expr.end)
        mark = len(out)
        opcode = read_opcode(reader)
        if ROLES[opcode] == PLAIN:
            out.write(b" (")
            self._instructions.head(reader, opcode)
            opcode = read_opcode(reader)
            if ROLES[opcode] == END and reader.pos == expr.end:
                out.append(0x29)
                return
            out.truncate(mark)
        if keyword:
            out.write(b" (" + keyword)
        reader.pos = expr.start
        while reader.pos < expr.end:
            opcode = read_opcode(reader)
            if ROLES[opcode] == END and reader.pos == expr.end:
                break
            out.append(0x20)
            self._instructions.head(reader, opcode)
        if keyword:
            out.append(0x29)
