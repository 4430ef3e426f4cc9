"""Ids from names: what the printer writes where something is defined, and where it is used.

Reads :class:`~wasmwright.binary.names.Names`. Names may be anything and may be shared, ids may
not; an id that is not the name's own text comes with a ``(@name "…")`` that keeps it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.names import NameMap, Names
from wasmwright.model.module import Module
from wasmwright.model.types import StructType
from wasmwright.text.printer_atoms import decimal, identifier, quoted


class IdSpace:
    """The ids of one index space.

    ``names`` may name indices from ``count`` on, which do not exist: they are in ``strays``.
    """

    __slots__ = ("_marks", "_refs", "strays")

    def __init__(self, names: NameMap, count: int) -> None:
        self._refs: list[bytes] = []
        self._marks: dict[int, bytes] = {}
        self.strays: list[str] = []
        if not names:
            return
        self._refs = [decimal(index) for index in range(count)]
        others = set(names.values())
        used: set[str] = set()
        for index, name in sorted(names.items()):
            if index >= count:
                self.strays.append(name)
                continue
            chosen = name
            if name in used:
                chosen = f"{name}#{index}"
                while chosen in used or chosen in others:
                    chosen += "#"
            if chosen:
                used.add(chosen)
                self._refs[index] = identifier(chosen)
                self._marks[index] = b" " + self._refs[index]
            if chosen != name or not name:
                kept = b" (@name " + quoted(name) + b")"
                self._marks[index] = self._marks.get(index, b"") + kept

    def ref(self, index: i64) -> bytes:
        """How ``index`` is written where it is used: an id, or the number."""
        refs = self._refs
        return refs[index] if index < len(refs) else decimal(index)

    def mark(self, index: i64) -> bytes:
        """What follows the keyword where ``index`` is defined; empty where it has no name."""
        return self._marks.get(index, b"")

    def definition(self, index: i64) -> bytes:
        """`mark`, and the number in a comment."""
        return self.mark(index) + b" (;" + decimal(index) + b";)"


_NO_IDS: Final = IdSpace({}, 0)


class Ids:
    """The ids of a module's parts."""

    __slots__ = (
        "_fields",
        "datas",
        "elems",
        "funcs",
        "globals",
        "memories",
        "module",
        "names",
        "tables",
        "tags",
        "types",
    )

    def __init__(self, module: Module, names: Names) -> None:
        self.names = names
        self.types = IdSpace(names.types, len(module.types))
        self.funcs = IdSpace(names.funcs, len(module.all_funcs))
        self.tables = IdSpace(names.tables, len(module.all_tables))
        self.memories = IdSpace(names.memories, len(module.all_memories))
        self.globals = IdSpace(names.globals, len(module.all_globals))
        self.tags = IdSpace(names.tags, len(module.all_tags))
        self.elems = IdSpace(names.elems, len(module.elems))
        self.datas = IdSpace(names.datas, len(module.datas))
        self._fields: dict[int, IdSpace] = {}
        for index, fields in names.fields.items():
            if index < len(module.types):
                comp = module.types[index].comp
                if isinstance(comp, StructType):
                    self._fields[index] = IdSpace(fields, len(comp.fields))
        self.module = b""
        if names.module is not None:
            space = IdSpace({0: names.module}, 1)
            self.module = space.mark(0)

    def fields(self, type_index: i64) -> IdSpace:
        """The ids of the fields of a struct type."""
        return self._fields.get(type_index, _NO_IDS)

    def locals(self, func: i64, count: i64) -> IdSpace:
        """The ids of the locals of a function, parameters included, of which it has ``count``."""
        names = self.names.locals.get(func)
        return _NO_IDS if names is None else IdSpace(names, count)

    def strays(self) -> list[str]:
        """The names of things that do not exist, of those spaces that belong to the module."""
        found: list[str] = []
        for space in (
            self.types,
            self.funcs,
            self.tables,
            self.memories,
            self.globals,
            self.tags,
            self.elems,
            self.datas,
        ):
            found += space.strays
        return found


class Labels:
    """The labels that are open at one place of a function body.

    They are counted from the outermost, which is the function's own and has no name. Labels may
    shadow each other, so two of them may have one id. A name without a character is none.
    """

    __slots__ = ("_ids", "_innermost", "_names", "_ordinal", "_shadowed", "depth")

    def __init__(self, names: NameMap) -> None:
        self.depth: i64 = 0
        self._names: NameMap = names
        self._ordinal: i64 = 0
        self._ids: list[bytes] = [b""]
        self._innermost: dict[bytes, int] = {}
        self._shadowed: list[int] = [-1]

    def next_mark(self) -> bytes:
        """What follows the keyword of the block that is about to be entered."""
        if not self._names:
            return b""
        name = self._names.get(self._ordinal)
        if name is None:
            return b""
        return b" " + identifier(name) if name else b""

    def enter(self) -> None:
        """Go into the next block."""
        self.depth += 1
        if not self._names:
            return
        name = self._names.get(self._ordinal)
        self._ordinal += 1
        id = identifier(name) if name else b""
        self._ids.append(id)
        self._shadowed.append(self._innermost.get(id, -1))
        self._innermost[id] = self.depth

    def leave(self) -> None:
        """Go out of the innermost block."""
        self.depth -= 1
        if self._names:
            self._innermost[self._ids.pop()] = self._shadowed.pop()

    def ref(self, relative: i64) -> bytes:
        """How a label is written where it is used: its id, or the number and which it is."""
        target = self.depth - relative
        if target < 0:
            return decimal(relative)
        if self._names:
            id = self._ids[target]
            if id and self._innermost[id] == target:
                return id
        return decimal(relative) + b" (;@" + decimal(target) + b";)"
