"""Functions as text: head, locals and body, flat or folded."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.reader import Reader
from wasmwright.model.module import Module
from wasmwright.text.printer_arity import Arity
from wasmwright.text.printer_flat import Flat, Hints
from wasmwright.text.printer_fold import Folded
from wasmwright.text.printer_instructions import Instructions
from wasmwright.text.printer_lines import Lines
from wasmwright.text.printer_names import Ids, IdSpace, Labels
from wasmwright.text.printer_types import Types

_DEPTH: Final = 1  # of a function in its module


class Functions:
    """Prints the functions that one module defines."""

    __slots__ = (
        "_flat",
        "_folded",
        "_hints",
        "_ids",
        "_instructions",
        "_lines",
        "_types",
        "module",
    )

    def __init__(
        self,
        module: Module,
        lines: Lines,
        types: Types,
        ids: Ids,
        hints: dict[int, Hints],
        fold: bool,
    ) -> None:
        self.module = module
        self._lines = lines
        self._types = types
        self._ids = ids
        self._hints = hints
        self._instructions = Instructions(types, ids, BytesWriter() if fold else lines.out)
        self._flat = Flat(lines, self._instructions)
        self._folded: Folded | None = None
        if fold:
            self._folded = Folded(lines, self._instructions, Arity(module))

    def head(self, defined: i64) -> IdSpace:
        """The line that the function of this number begins with; the ids of its locals."""
        code = self.module.codes[defined]
        type_index: i64 = self.module.funcs[defined]
        index = self.module.imported_funcs + defined
        comp = self._types.functype(type_index)
        count: i64 = 0 if comp is None else len(comp.params)
        for run, _ in code.locals:
            count += run
        names = self._ids.locals(index, count)
        out = self._lines.out
        self._lines.line(_DEPTH, code.body_start)
        out.write(b"(func" + self._ids.funcs.definition(index))
        out.write(self._types.typeuse(type_index, names))
        return names

    def function(self, defined: i64) -> None:
        """The function whose body is the one of this number."""
        code = self.module.codes[defined]
        type_index: i64 = self.module.funcs[defined]
        index = self.module.imported_funcs + defined
        declared = self._types.local_types(code.locals)
        comp = self._types.functype(type_index)
        params: i64 = 0 if comp is None else len(comp.params)
        results: i64 = 0 if comp is None else len(comp.results)

        out = self._lines.out
        names = self.head(defined)
        head_end = len(out)
        if declared:
            self._lines.line(_DEPTH + 1)
            # without the blank before the first
            out.write(self._types.declarations(b"local", declared, params, names)[1:])
        self._instructions.locals = names
        self._instructions.labels = Labels(self._ids.names.labels.get(index, {}))
        reader = Reader(self.module.data, code.start, code.end)
        hints = self._hints.get(index)
        if self._folded is None:
            self._flat.body(reader, _DEPTH + 1, hints)
        else:
            self._folded.body(reader, _DEPTH + 1, results, hints)
        if len(out) != head_end:
            self._lines.line(_DEPTH, code.end - 1)
        out.append(0x29)
