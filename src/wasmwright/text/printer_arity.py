"""How many operands an instruction takes and leaves, as far as folding wants to know.

Folding only moves parentheses: a number that is wrong, in a body that does not validate, makes
text that is less readable, not text that means something else. So unreachable code and types
are not followed, and indices that mean nothing count as nothing.
"""

from __future__ import annotations

import re
from typing import Final

from mypy_extensions import i64

from wasmwright.binary.reader import Reader
from wasmwright.isa import INSTRUCTIONS, SLOTS, slot
from wasmwright.model.module import Module
from wasmwright.model.types import BLOCK_INDEX, BOT, FuncType, StructType

# By slot: how many operands an instruction takes and leaves; -1 where it depends.
VARIES: Final = -1
_TAKES: Final[list[int]] = [0] * SLOTS
_LEAVES: Final[list[int]] = [0] * SLOTS
_OPERAND: Final = re.compile(r"\([^)]*\)|\S+")
for _instruction in INSTRUCTIONS:
    if _instruction.stack:
        _left, _right = [_OPERAND.findall(_side) for _side in _instruction.stack.split("->")]
        _varies = any(_operand.endswith("*") for _operand in _left + _right) or "tn" in _left
        _TAKES[_instruction.slot] = VARIES if _varies else len(_left)
        _LEAVES[_instruction.slot] = len(_right)

_IF: Final = slot("if")
_BR: Final = slot("br")
_BR_IF: Final = slot("br_if")
_BR_TABLE: Final = slot("br_table")
_BR_ON_NULL: Final = slot("br_on_null")
_BR_ON_NON_NULL: Final = slot("br_on_non_null")
_RETURN: Final = slot("return")
_CALL: Final = slot("call")
_RETURN_CALL: Final = slot("return_call")
_CALL_INDIRECT: Final = slot("call_indirect")
_RETURN_CALL_INDIRECT: Final = slot("return_call_indirect")
_CALL_REF: Final = slot("call_ref")
_RETURN_CALL_REF: Final = slot("return_call_ref")
_THROW: Final = slot("throw")
_THROW_REF: Final = slot("throw_ref")
_STRUCT_NEW: Final = slot("struct.new")
_ARRAY_NEW_FIXED: Final = slot("array.new_fixed")
_LOOP: Final = slot("loop")

# The row speaks of both types that the one reference may have.
_LEAVES[slot("br_on_cast")] = 1


class Arity:
    """Operand counts for the code of one module.

    `of` and `block` set ``takes`` and ``leaves`` for an instruction. ``labels`` are how many
    values a branch to each open label takes, the function's own first.
    """

    __slots__ = ("_module", "labels", "leaves", "takes")

    def __init__(self, module: Module) -> None:
        self._module = module
        self.labels: list[int] = [0]
        self.takes: i64 = 0
        self.leaves: i64 = 0

    def of(self, reader: Reader, opcode: i64) -> None:
        """The counts of the instruction ``opcode``, with ``reader`` at its immediates."""
        self.takes = _TAKES[opcode]
        self.leaves = _LEAVES[opcode]
        if self.takes == VARIES:
            self.takes = self.leaves = 0
            pos = reader.pos
            self._varying(reader, opcode)
            reader.pos = pos

    def block(self, reader: Reader, opcode: i64) -> None:
        """The counts of a block's opener; the label's is added to ``labels``."""
        pos = reader.pos
        block = reader.blocktype()
        reader.pos = pos
        params: i64 = 0
        results: i64 = 0
        if block & BLOCK_INDEX != 0:
            comp = self._functype(block & ~BLOCK_INDEX)
            if comp is not None:
                params = len(comp.params)
                results = len(comp.results)
        elif block != BOT:
            results = 1
        self.takes = 1 if opcode == _IF else 0
        self.leaves = results
        self.labels.append(params if opcode == _LOOP else results)

    def _functype(self, index: i64) -> FuncType | None:
        if index >= len(self._module.types):
            return None
        comp = self._module.types[index].comp
        return comp if isinstance(comp, FuncType) else None

    def _label(self, relative: i64) -> i64:
        return self.labels[-1 - relative] if relative < len(self.labels) else 0

    def _call(self, type_index: i64, extra: i64, returns: bool) -> None:
        comp = self._functype(type_index)
        if comp is not None:
            self.takes = len(comp.params) + extra
            self.leaves = 0 if returns else len(comp.results)

    def _varying(self, reader: Reader, opcode: i64) -> None:
        module = self._module
        if opcode == _BR:
            self.takes = self._label(reader.u32())
        elif opcode == _BR_IF:
            self.leaves = self._label(reader.u32())
            self.takes = self.leaves + 1
        elif opcode == _BR_TABLE:
            for _ in range(reader.length()):
                reader.u32()
            self.takes = self._label(reader.u32()) + 1
        elif opcode == _BR_ON_NULL:
            self.takes = self.leaves = self._label(reader.u32()) + 1
        elif opcode == _BR_ON_NON_NULL:
            self.takes = self._label(reader.u32())
            self.leaves = self.takes - 1 if self.takes > 0 else 0
        elif opcode == _RETURN:
            self.takes = self.labels[0]
        elif opcode == _CALL or opcode == _RETURN_CALL:
            func = reader.u32()
            if func < len(module.all_funcs):
                self._call(module.all_funcs[func], 0, opcode == _RETURN_CALL)
        elif opcode == _CALL_INDIRECT or opcode == _RETURN_CALL_INDIRECT:
            self._call(reader.u32(), 1, opcode == _RETURN_CALL_INDIRECT)
        elif opcode == _CALL_REF or opcode == _RETURN_CALL_REF:
            self._call(reader.u32(), 1, opcode == _RETURN_CALL_REF)
        elif opcode == _THROW:
            tag = reader.u32()
            if tag < len(module.all_tags):
                self._call(module.all_tags[tag].type_index, 0, True)
        elif opcode == _THROW_REF:
            self.takes = 1
        elif opcode == _STRUCT_NEW:
            self.leaves = 1
            index = reader.u32()
            if index < len(module.types):
                comp = module.types[index].comp
                if isinstance(comp, StructType):
                    self.takes = len(comp.fields)
        elif opcode == _ARRAY_NEW_FIXED:
            reader.u32()
            self.takes = reader.u32()
            self.leaves = 1
