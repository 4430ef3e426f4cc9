"""From an object to stencils, on x86-64: holes are immediates of instructions."""

from __future__ import annotations

from typing import Any

from elftools.elf.elffile import ELFFile
from holes import HOLES, Code, Hole, Pool

from wasmwright.codegen.baseline.places import HOLE_NEXT, HOLE_TAKEN

TRIPLE = "x86_64-unknown-linux-gnu"
CPU = "x86-64-v2"
# The cell's address is part of the instructions that access it.
CELL = "external dso_local global"
# What is added to the distance of a jump's target, which counts from the jump's end.
JUMP_ADDEND = -4

_PC32, _PLT32, _32, _32S = 2, 4, 10, 11


def shaped(
    elf: ELFFile, pool: Pool, code: bytes, relocations: list[tuple[int, int, Any, int]]
) -> Code:
    """A stencil of the code that LLVM made, and of its relocations."""
    holes = [_hole(elf, pool, *each) for each in relocations]
    return _trimmed(bytearray(code), holes)


def _hole(elf: ELFFile, pool: Pool, offset: int, kind: int, symbol: Any, addend: int) -> Hole:
    if symbol.name in HOLES:
        what = HOLES[symbol.name]
        if what in (HOLE_NEXT, HOLE_TAKEN):
            assert kind == _PLT32
            assert addend == -4
            return Hole(offset, what, addend, True)
        assert kind in (_32, _32S), (symbol.name, kind)
        return Hole(offset, what, addend, False)
    assert kind in (_PC32, _PLT32), (symbol.name, kind)
    if symbol.name and symbol["st_shndx"] == "SHN_UNDEF":
        return Hole(offset, symbol.name, addend, True)
    section = elf.get_section(symbol["st_shndx"])
    assert section.name.startswith(".rodata.cst"), section.name
    size = int(section.name.removeprefix(".rodata.cst"))
    # The addend has the distance from the end of the instruction, a multiple apart.
    place = symbol["st_value"] + addend + 4
    first = place - place % size
    value = section.data()[first : first + size]
    at = pool.place(value) + place - first
    return Hole(offset, "pool", at - 4, True)


_JUMP, _CONDITIONAL = 0xE9, 0x0F


def _trimmed(code: bytearray, holes: list[Hole]) -> Code:
    """Without the jump at the end, where that goes to what follows."""
    last = holes[-1]
    ends = last.offset == len(code) - 4 and code[last.offset - 1] == _JUMP
    if ends and last.kind == HOLE_TAKEN and len(holes) > 1:
        # jcc next; jmp taken: the condition is turned round.
        before = holes[-2]
        follows = before.offset + 5 == last.offset and before.kind == HOLE_NEXT
        if follows and code[before.offset - 2] == _CONDITIONAL:
            code[before.offset - 1] ^= 1
            holes[-2] = Hole(before.offset, HOLE_TAKEN, before.addend, True)
            holes[-1] = last = Hole(last.offset, HOLE_NEXT, last.addend, True)
    if ends and last.kind == HOLE_NEXT:
        del code[-5:]
        holes = holes[:-1]
    return Code(bytes(code), holes)
