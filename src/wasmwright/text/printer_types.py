"""Types as text (spec: Text Format > Types)."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.model.module import Module
from wasmwright.model.types import (
    ABSTRACT,
    BLOCK_INDEX,
    BOT,
    HEAP_MASK,
    HEAP_NAMES,
    NULL,
    NUMBER_NAMES,
    REF,
    SHORTHANDS,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    StructType,
    SubType,
    TableType,
)
from wasmwright.text.printer_names import Ids, IdSpace

# A block's types are not written out beyond so many columns: a body may have a million blocks.
_LONG: Final = 400


class Types:
    """The types of one module as text, with the ids that it gives them."""

    __slots__ = ("_blocks", "_ids", "_valtypes", "module")

    def __init__(self, module: Module, ids: Ids) -> None:
        self.module = module
        self._ids = ids
        self._valtypes: dict[int, bytes] = {}
        self._blocks: dict[int, bytes] = {BOT: b""}

    def heaptype(self, heap: i64) -> bytes:
        """A heap type."""
        if heap & ABSTRACT == 0:
            return self._ids.types.ref(heap)
        return HEAP_NAMES[heap].encode("ascii")

    def valtype(self, valtype: i64) -> bytes:
        """A value or storage type; nullable abstract references in their short form."""
        text = self._valtypes.get(valtype)
        if text is None:
            text = self._valtype(valtype)
            self._valtypes[valtype] = text
        return text

    def _valtype(self, valtype: i64) -> bytes:
        if valtype & REF == 0:
            return NUMBER_NAMES[valtype].encode("ascii")
        heap = valtype & HEAP_MASK
        if valtype & NULL == 0:
            return b"(ref " + self.heaptype(heap) + b")"
        short = SHORTHANDS.get(heap)
        if short is not None:
            return short.encode("ascii")
        return b"(ref null " + self.heaptype(heap) + b")"

    def list(self, keyword: bytes, types: tuple[int, ...]) -> bytes:
        """`` (keyword t*)``, or nothing where there are no types."""
        if not types:
            return b""
        return b" (" + keyword + b" " + b" ".join([self.valtype(t) for t in types]) + b")"

    def declarations(
        self, keyword: bytes, types: tuple[int, ...], first: i64, names: IdSpace
    ) -> bytes:
        """Parameters or locals numbered from ``first``: one group for each that has a name."""
        out: list[bytes] = []
        is_open = False
        index = first
        for valtype in types:
            mark = names.mark(index)
            index += 1
            if mark:
                if is_open:
                    out.append(b")")
                out.append(b" (" + keyword + mark + b" " + self.valtype(valtype) + b")")
                is_open = False
            else:
                out.append((b" " if is_open else b" (" + keyword + b" ") + self.valtype(valtype))
                is_open = True
        if is_open:
            out.append(b")")
        return b"".join(out)

    def functype(self, index: i64) -> FuncType | None:
        """The function type of this index; None where there is none."""
        if index >= len(self.module.types):
            return None
        comp = self.module.types[index].comp
        return comp if isinstance(comp, FuncType) else None

    def typeuse(self, index: i64, names: IdSpace) -> bytes:
        """`` (type x) (param …) (result …)``: the types in full, as far as there are any."""
        text = b" (type " + self._ids.types.ref(index) + b")"
        comp = self.functype(index)
        if comp is None:
            return text
        text += self.declarations(b"param", comp.params, 0, names)
        return text + self.list(b"result", comp.results)

    def blocktype(self, block: i64) -> bytes:
        """What follows a block's keyword and label."""
        text = self._blocks.get(block)
        if text is None:
            if block & BLOCK_INDEX != 0:
                text = self.typeuse(block & ~BLOCK_INDEX, IdSpace({}, 0))
                if len(text) > _LONG:
                    text = b" (type " + self._ids.types.ref(block & ~BLOCK_INDEX) + b")"
            else:
                text = b" (result " + self.valtype(block) + b")"
            self._blocks[block] = text
        return text

    def limits(self, limits: Limits) -> bytes:
        """The limits of a memory or table."""
        return str(limits).encode("ascii")

    def tabletype(self, table: TableType) -> bytes:
        """A table's type."""
        return self.limits(table.limits) + b" " + self.valtype(table.element)

    def globaltype(self, declared: GlobalType) -> bytes:
        """A global's type."""
        text = self.valtype(declared.valtype)
        return b"(mut " + text + b")" if declared.mutable else text

    def _fieldtype(self, field: FieldType) -> bytes:
        text = self.valtype(field.storage)
        return b"(mut " + text + b")" if field.mutable else text

    def definition(self, index: i64, subtype: SubType) -> bytes:
        """A type definition, from ``(type`` on."""
        text = self._comptype(index, subtype)
        if subtype.supers or not subtype.final:
            head = b"(sub final" if subtype.final else b"(sub"
            for supertype in subtype.supers:
                head += b" " + self._ids.types.ref(supertype)
            text = head + b" " + text + b")"
        return b"(type" + self._ids.types.definition(index) + b" " + text + b")"

    def _comptype(self, index: i64, subtype: SubType) -> bytes:
        comp = subtype.comp
        if isinstance(comp, FuncType):
            return (
                b"(func"
                + self.list(b"param", comp.params)
                + self.list(b"result", comp.results)
                + b")"
            )
        if isinstance(comp, StructType):
            names = self._ids.fields(index)
            fields = [
                b" (field" + names.mark(number) + b" " + self._fieldtype(field) + b")"
                for number, field in enumerate(comp.fields)
            ]
            return b"(struct" + b"".join(fields) + b")"
        return b"(array " + self._fieldtype(comp.element) + b")"

    def local_types(self, runs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
        """The types of declared locals, one by one."""
        types: list[int] = []
        for count, valtype in runs:
            types += [valtype] * count
        return tuple(types)
