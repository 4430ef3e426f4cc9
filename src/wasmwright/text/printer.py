"""A module as text (spec: Text Format > Modules): the counterpart of the parser.

Reads a :class:`~wasmwright.model.module.Module`, whose function bodies need not be valid, and
writes its parts in the order of the binary format. The same module gives the same text, and
the text parses to the same module, up to what the text format cannot say: empty sections, how
long a LEB128 integer is, a data count that no instruction needs, how locals of one type are
grouped, and where the name section stands.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.decode import decode
from wasmwright.binary.names import NAME_SECTION, Names, decode_names
from wasmwright.binary.sections import (
    CODE_SECTION,
    CUSTOM_SECTION,
    DATA_SECTION,
    ELEMENT_SECTION,
    EXPORT_SECTION,
    GLOBAL_SECTION,
    IMPORT_SECTION,
    MEMORY_SECTION,
    SECTION_ORDER,
    START_SECTION,
    TABLE_SECTION,
    TAG_SECTION,
    TYPE_SECTION,
)
from wasmwright.model.module import KIND_TAG, Custom, Module
from wasmwright.text.printer_functions import Functions
from wasmwright.text.printer_hints import branch_hints, hints_section
from wasmwright.text.printer_instructions import Instructions
from wasmwright.text.printer_items import Items
from wasmwright.text.printer_lines import Lines, Sink
from wasmwright.text.printer_names import Ids
from wasmwright.text.printer_types import Types

_SHOWN_STRAYS: Final = 5


def print_module(
    module: Module | bytes, *, fold: bool = False, offsets: bool = False, names: bool = True
) -> str:
    """A module, decoded or as its binary, in the text format.

    ``fold`` puts operands in the parentheses of what takes them; ``offsets`` begins lines with
    a comment that says where in the binary what they show is; ``names`` takes ids from the name
    section, which is otherwise printed as any custom section. Raises MalformedError for bytes
    that are not a module. Bodies that are malformed are printed as far as they go, up to a
    comment that begins with ``;; error:``.
    """
    pieces = _Pieces()
    write_module(pieces, module, fold=fold, offsets=offsets, names=names)
    return "".join(pieces.pieces)


def write_module(
    sink: Sink,
    module: Module | bytes,
    *,
    fold: bool = False,
    offsets: bool = False,
    names: bool = True,
) -> None:
    """Write what `print_module` gives to ``sink``, piece by piece, as it comes into being."""
    if isinstance(module, bytes):
        module = decode(module)
    Printer(module, sink, fold, offsets, names).module()


class _Pieces:
    """A sink that keeps what it takes."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, text: str, /) -> None:
        self.pieces.append(text)


class Printer:
    """Prints one module: all of it, or the parts that `Listing` asks for."""

    __slots__ = ("_customs", "_functions", "_ids", "_items", "_lines", "_module", "_names")

    def __init__(self, module: Module, sink: Sink, fold: bool, offsets: bool, names: bool) -> None:
        self._module = module
        self._names = decode_names(module) if names else Names()
        self._ids = Ids(module, self._names)
        self._lines = Lines(sink, offsets)
        types = Types(module, self._ids)
        hints = branch_hints(module)
        instructions = Instructions(types, self._ids, self._lines.out)
        self._items = Items(module, self._lines, types, self._ids, instructions)
        self._functions = Functions(
            module, self._lines, types, self._ids, {} if hints is None else hints, fold
        )
        # Custom sections that are printed as such: not those that became ids or annotations.
        hinted = hints_section(module) if hints is not None else None
        self._customs: list[Custom] = []
        for custom in module.customs:
            if names and custom.name == NAME_SECTION:
                names = False  # a second one gives no ids
            elif custom is not hinted:
                self._customs.append(custom)

    def head(self, defined: i64) -> None:
        """The first line of a function."""
        self._functions.head(defined)

    def function(self, defined: i64) -> None:
        """A function, whole."""
        self._functions.function(defined)

    def items(self, section: i64) -> None:
        """What a section other than the code has, and the custom sections behind it."""
        if section == CUSTOM_SECTION:
            self._warnings()
        elif section != CODE_SECTION:
            self._section(section)
        for custom in self._customs:
            if custom.after == section:
                self._items.custom(custom)

    def flush(self) -> None:
        """Hand everything printed so far to the sink."""
        self._lines.flush(everything=True)

    def module(self) -> None:
        lines = self._lines
        lines.out.write(b"(module" + self._ids.module)
        for section in (CUSTOM_SECTION, *SECTION_ORDER):
            if section == CODE_SECTION:
                for defined in range(len(self._module.codes)):
                    self._functions.function(defined)
                    lines.flush()
            self.items(section)
            lines.flush()
        lines.line(0)
        lines.out.write(b")\n")
        lines.flush(everything=True)

    def _warnings(self) -> None:
        """What is odd about the names, as comments."""
        if self._names.note is not None:
            self._lines.comment(1, f"warning: name section: {self._names.note}")
        strays = self._ids.strays()
        if strays:
            shown = ", ".join([ascii(name) for name in strays[:_SHOWN_STRAYS]])
            more = ", …" if len(strays) > _SHOWN_STRAYS else ""
            self._lines.comment(1, f"warning: names of nothing in the module: {shown}{more}")

    def _section(self, section: i64) -> None:
        """The items of one section."""
        module = self._module
        items = self._items
        if section == TYPE_SECTION:
            for first, size in module.groups:
                items.type_group(module, first, size)
                self._lines.flush()
        elif section == IMPORT_SECTION:
            counts = [0] * (KIND_TAG + 1)
            for entry in module.imports:
                items.import_(entry, counts[entry.kind])
                counts[entry.kind] += 1
        elif section == TABLE_SECTION:
            for number, table in enumerate(module.tables):
                items.table(table, module.imported_tables + number)
        elif section == MEMORY_SECTION:
            for number, memory in enumerate(module.memories):
                items.memory(memory, module.imported_memories + number)
        elif section == TAG_SECTION:
            for number, tag in enumerate(module.tags):
                items.tag(tag, len(module.all_tags) - len(module.tags) + number)
        elif section == GLOBAL_SECTION:
            for number, definition in enumerate(module.globals):
                items.global_(definition, module.imported_globals + number)
        elif section == EXPORT_SECTION:
            for export in module.exports:
                items.export(export)
        elif section == START_SECTION:
            if module.start is not None:
                items.start(module.start)
        elif section == ELEMENT_SECTION:
            for number, elem in enumerate(module.elems):
                items.elem(elem, number)
                self._lines.flush()
        elif section == DATA_SECTION:
            for number, data in enumerate(module.datas):
                items.data(data, number)
                self._lines.flush()
