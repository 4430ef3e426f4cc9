"""From an object to stencils, on AArch64: holes are loads of literals.

LLVM takes a hole's number from a table of addresses (``adrp`` and ``ldr``, as the symbols are
weak). Here, that becomes one instruction: a load of a literal, for which the compiler puts a move
where the number is small. A shared constant is such a literal, too.
"""

from __future__ import annotations

from typing import Any

from elftools.elf.elffile import ELFFile
from holes import HOLES, Code, Hole, Pool

from wasmwright.codegen.baseline.places import HOLE_NEXT, HOLE_TAKEN

TRIPLE = "aarch64-unknown-linux-gnu"
CPU = "generic"
# The cell's address is a literal.
CELL = "extern_weak dso_local global"
JUMP_ADDEND = 0

_ADR_PREL_PG_HI21, _ADR_GOT_PAGE, _LD64_GOT_LO12_NC = 275, 311, 312
_JUMP26, _CALL26 = 282, 283
_LOADS = (278, 284, 285, 286, 299)  # R_AARCH64_LDST<n>_ABS_LO12_NC
# By their opcodes: loads at an offset from a register, and those of a literal; the literal's size.
_LITERAL = {
    0xB9400000: (0x18000000, 4),  # ldr w
    0xF9400000: (0x58000000, 8),  # ldr x
    0xBD400000: (0x1C000000, 4),  # ldr s
    0xFD400000: (0x5C000000, 8),  # ldr d
    0x3DC00000: (0x9C000000, 16),  # ldr q
}
_OPCODE = 0xFFC00000
# Branches: mask, opcode, where the distance is and its size, the bit that turns a condition round.
_BRANCHES = (
    (0xFC000000, 0x14000000, 0, 26, 0),  # b
    (0xFF000010, 0x54000000, 5, 19, 1),  # b.cond
    (0x7E000000, 0x34000000, 5, 19, 1 << 24),  # cbz, cbnz
    (0x7E000000, 0x36000000, 5, 14, 1 << 24),  # tbz, tbnz
)


class _Word:
    """An instruction: what it branches to in the stencil, or what is filled in."""

    def __init__(self, word: int) -> None:
        self.word = word
        self.hole: tuple[int | str, int] | None = None
        self.target: _Word | None = None


def shaped(
    elf: ELFFile, pool: Pool, code: bytes, relocations: list[tuple[int, int, Any, int]]
) -> Code:
    """A stencil of the code that LLVM made, and of its relocations."""
    words = [_Word(int.from_bytes(code[i : i + 4], "little")) for i in range(0, len(code), 4)]
    end = _Word(0)
    related = {offset // 4: rest for offset, *rest in relocations}
    for i, each in enumerate(words):
        branch = _branch(each.word)
        if branch and i not in related:
            _, _, at, bits, _ = branch
            distance = each.word >> at & (1 << bits) - 1
            distance -= distance >> bits - 1 << bits
            each.target = words[i + distance]
    for i, (kind, symbol, addend) in related.items():
        _relocate(elf, pool, words[i], kind, symbol, addend)
    gone = {i for i, (kind, *_) in related.items() if kind in (_ADR_GOT_PAGE, _ADR_PREL_PG_HI21)}
    for each in words:
        while each.target is not None and words.index(each.target) in gone:
            each.target = words[words.index(each.target) + 1]
    words = [each for i, each in enumerate(words) if i not in gone]
    return _placed(_trimmed(words, end), end)


def _branch(word: int) -> tuple[int, int, int, int, int] | None:
    return next((each for each in _BRANCHES if word & each[0] == each[1]), None)


def _relocate(elf: ELFFile, pool: Pool, word: _Word, kind: int, symbol: Any, addend: int) -> None:
    if kind in (_ADR_GOT_PAGE, _ADR_PREL_PG_HI21):
        return
    if kind in (_JUMP26, _CALL26):
        assert not addend
        word.hole = HOLES.get(symbol.name, symbol.name), 0
        return
    literal, size = _LITERAL[word.word & _OPCODE]
    assert word.word & 0x3FFC00 == 0
    word.word = literal | word.word & 31
    if kind == _LD64_GOT_LO12_NC:
        assert not addend
        word.hole = HOLES.get(symbol.name, symbol.name), 0
        return
    assert kind in _LOADS, (symbol.name, kind)
    section = elf.get_section(symbol["st_shndx"])
    assert section.name.startswith(".rodata"), section.name
    place = symbol["st_value"] + addend
    word.hole = "pool", pool.place(section.data()[place : place + size])


def _trimmed(words: list[_Word], end: _Word) -> list[_Word]:
    """Without the jump at the end, where that goes to what follows."""
    for each in words:
        if each.target is not None and each.target.hole == (HOLE_NEXT, 0):
            each.target = end
    if len(words) > 2 and words[-1].hole == (HOLE_TAKEN, 0) and words[-2].hole == (HOLE_NEXT, 0):
        # b.cond taken; b next; taken: the condition is turned round.
        branch = _branch(words[-3].word)
        if words[-3].target is words[-1] and branch and branch[4]:
            words[-3].word ^= branch[4]
            words[-3].target = end
            del words[-2]
    if words[-1].hole == (HOLE_NEXT, 0):
        del words[-1]
    return words


def _placed(words: list[_Word], end: _Word) -> Code:
    places = {id(each): i for i, each in enumerate([*words, end])}
    holes = []
    data = bytearray()
    for i, each in enumerate(words):
        word = each.word
        if each.target is not None:
            branch = _branch(word)
            assert branch
            _, _, at, bits, _ = branch
            mask = (1 << bits) - 1
            word = word & ~(mask << at) | (places[id(each.target)] - i & mask) << at
        if each.hole is not None:
            kind, addend = each.hole
            holes.append(Hole(4 * i, kind, addend, kind in (HOLE_NEXT, HOLE_TAKEN)))
        data += word.to_bytes(4, "little")
    return Code(bytes(data), holes)
