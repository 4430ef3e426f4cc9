"""A module as the binary format lays it out (spec: Structure > Modules).

Function bodies and constant expressions stay the bytes they came as: ``Code`` and ``Expr``
say where in ``Module.data`` they are. Indices are into the spec's index spaces, imports first.
"""

from __future__ import annotations

from wasmwright.model.parts import Code, Data, Expr
from wasmwright.model.types import (
    FuncType,
    GlobalType,
    MemoryType,
    SubType,
    TableType,
    TagType,
)
from wasmwright.records import Record

# External kinds, by their code in the binary format.
KIND_FUNC = 0
KIND_TABLE = 1
KIND_MEMORY = 2
KIND_GLOBAL = 3
KIND_TAG = 4
KIND_NAMES = ("func", "table", "memory", "global", "tag")

# An imported function is described by its type index.
ExternType = int | TableType | MemoryType | GlobalType | TagType


class Import(Record):
    """An import; ``desc`` is a type index for a function, else the type."""

    module: str
    name: str
    kind: int
    desc: ExternType


class Export(Record):
    """An export: what is exported, by kind and index."""

    name: str
    kind: int
    index: int


class Global(Record):
    """A global that the module defines."""

    type: GlobalType
    init: Expr


class Table(Record):
    """A table that the module defines; ``init`` is None for the default null."""

    type: TableType
    init: Expr | None


# Modes of segments.
ACTIVE = 0
PASSIVE = 1
DECLARATIVE = 2


class Elem(Record):
    """An element segment.

    Its items are function indices (``funcs``) or expressions (``exprs``), one of which is
    empty; ``flags`` are the binary format's, so that encoding gives the same bytes.
    """

    flags: int
    mode: int
    type: int
    table: int
    offset: Expr | None
    funcs: tuple[int, ...]
    exprs: tuple[Expr, ...]

    def __len__(self) -> int:
        return len(self.exprs) if self.flags & 4 else len(self.funcs)


class Custom(Record):
    """A custom section: its payload after the name is ``data[start:end]``.

    ``after`` is the id of the last non-custom section before it (0 at the front), so that the
    encoder puts it back where it stood.
    """

    name: str
    start: int
    end: int
    after: int


class Section(Record):
    """A section as it stood in the input: its id, and where its content is."""

    id: int
    start: int
    end: int


class Module(Record):
    """A decoded module; immutable.

    ``types`` is flat over the recursive groups; ``groups`` gives each group's first index and
    size. ``funcs`` holds the type indices of the functions that the module defines.
    """

    data: bytes
    types: tuple[SubType, ...] = ()
    groups: tuple[tuple[int, int], ...] = ()
    imports: tuple[Import, ...] = ()
    funcs: tuple[int, ...] = ()
    tables: tuple[Table, ...] = ()
    memories: tuple[MemoryType, ...] = ()
    globals: tuple[Global, ...] = ()
    tags: tuple[TagType, ...] = ()
    exports: tuple[Export, ...] = ()
    start: int | None = None
    elems: tuple[Elem, ...] = ()
    codes: tuple[Code, ...] = ()
    datas: tuple[Data, ...] = ()
    data_count: int | None = None
    customs: tuple[Custom, ...] = ()
    sections: tuple[Section, ...] = ()

    # Index spaces, imports first; filled by `index_spaces` once the rest is there.
    all_funcs: tuple[int, ...] = ()
    all_tables: tuple[TableType, ...] = ()
    all_memories: tuple[MemoryType, ...] = ()
    all_globals: tuple[GlobalType, ...] = ()
    all_tags: tuple[TagType, ...] = ()

    @property
    def imported_funcs(self) -> int:
        """How many of ``all_funcs`` are imports."""
        return len(self.all_funcs) - len(self.funcs)

    @property
    def imported_globals(self) -> int:
        """How many of ``all_globals`` are imports."""
        return len(self.all_globals) - len(self.globals)

    @property
    def imported_tables(self) -> int:
        """How many of ``all_tables`` are imports."""
        return len(self.all_tables) - len(self.tables)

    @property
    def imported_memories(self) -> int:
        """How many of ``all_memories`` are imports."""
        return len(self.all_memories) - len(self.memories)

    def func_type(self, index: int) -> FuncType:
        """The function type of function ``index``; the module must be validated."""
        comp = self.types[self.all_funcs[index]].comp
        assert isinstance(comp, FuncType)
        return comp

    def custom(self, name: str) -> bytes | None:
        """The payload of the first custom section of this name, or None."""
        for section in self.customs:
            if section.name == name:
                return self.data[section.start : section.end]
        return None


def index_spaces(module: Module) -> Module:
    """The module with its index spaces ``all_*`` filled, from its imports and definitions."""
    funcs: list[int] = []
    tables: list[TableType] = []
    memories: list[MemoryType] = []
    globals: list[GlobalType] = []
    tags: list[TagType] = []
    for entry in module.imports:
        desc = entry.desc
        if isinstance(desc, int):
            funcs.append(desc)
        elif isinstance(desc, TableType):
            tables.append(desc)
        elif isinstance(desc, MemoryType):
            memories.append(desc)
        elif isinstance(desc, GlobalType):
            globals.append(desc)
        else:
            tags.append(desc)
    funcs.extend(module.funcs)
    tables.extend([table.type for table in module.tables])
    memories.extend(module.memories)
    globals.extend([definition.type for definition in module.globals])
    tags.extend(module.tags)
    return module.__replace__(
        all_funcs=tuple(funcs),
        all_tables=tuple(tables),
        all_memories=tuple(memories),
        all_globals=tuple(globals),
        all_tags=tuple(tags),
    )
