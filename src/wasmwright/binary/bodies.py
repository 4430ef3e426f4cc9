"""What the body of a function in a valid module does, read from its bytes."""

from __future__ import annotations

from typing import Final

from wasmwright.binary.cursor import read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.isa import INSTRUCTIONS, SLOTS, slot
from wasmwright.model.module import Module

_CALL: Final = slot("call")
_RETURN_CALL: Final = slot("return_call")

_SHORT_FAMILIES: Final = ("parametric", "variable", "load", "store", "const", "wide")
_SHORT_CONTROL: Final = ("unreachable", "nop", "block", "if", "else", "end")
_SHORT_BRANCHES: Final = ("br", "br_if", "br_table", "return")


def _short() -> list[bool]:
    table = [False] * SLOTS
    for row in INSTRUCTIONS:
        numeric = row.family in ("testop", "relop", "unop", "binop", "cvtop") or (
            row.family[0] == "v"
        )
        table[row.slot] = (
            numeric
            or row.family in _SHORT_FAMILIES
            or row.name in _SHORT_CONTROL
            or row.name in _SHORT_BRANCHES
        )
    return table


_SHORT: Final = _short()


def callees(module: Module, number: int) -> list[int]:
    """Indices of the functions that a defined function calls directly.

    Each once, in the order of their first calls.
    """
    code = module.codes[number]
    reader = Reader(module.data, code.start, code.end)
    found: dict[int, None] = {}
    while reader.pos < code.end:
        opcode = read_opcode(reader)
        if opcode == _CALL or opcode == _RETURN_CALL:
            found[reader.u32()] = None
        else:
            skip_immediates(reader, opcode)
    return list(found)


def is_short(module: Module, number: int, size: int) -> bool:
    """Whether a call of a defined function is over in less time than ``size`` bytes of body take.

    It has no loop, calls nothing, and none of its instructions takes longer for some operands.
    """
    code = module.codes[number]
    if code.end - code.start > size:
        return False
    reader = Reader(module.data, code.start, code.end)
    while reader.pos < code.end:
        opcode = read_opcode(reader)
        if not _SHORT[opcode]:
            return False
        skip_immediates(reader, opcode)
    return True
