"""Which functions a body calls by name."""

from __future__ import annotations

from wasmwright.binary.cursor import read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.isa import slot
from wasmwright.model.module import Module

_CALL = slot("call")
_RETURN_CALL = slot("return_call")


def callees(module: Module, number: int) -> list[int]:
    """Indices of the functions that a defined function of a valid module calls directly.

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
