"""Links relocatable ELF objects to one image that runs at any address (of a whole page).

What others have to supply is reached through one pointer each: a call goes to a jump through it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from elftools.elf.elffile import ELFFile

from wasmwright.codegen.arch import Arch
from wasmwright.codegen.prebuilt.image import FRAMES

_ALLOCATED = 2
_SLOT = 8


@dataclass
class Linked:
    """An image, and what has to be filled in: see ``codegen.prebuilt.image``."""

    arch: Arch
    code: bytearray = field(default_factory=bytearray)
    slots: dict[str, int] = field(default_factory=dict)  # by symbol of others
    pointers: dict[int, int] = field(default_factory=dict)  # by target in the image
    symbols: dict[str, tuple[int, int]] = field(default_factory=dict)
    frames: tuple[int, int] = (0, 0)

    def reserve(self, content: bytes, align: int) -> int:
        """Places bytes; gives their offset."""
        self.code += bytes(-len(self.code) % align)
        at = len(self.code)
        self.code += content
        return at


class _Part:
    """An object, and where its sections are in the image."""

    def __init__(self, data: bytes) -> None:
        self.elf = ELFFile(io.BytesIO(data))
        self.sections = list(self.elf.iter_sections())
        self.symbols = list(self.elf.get_section_by_name(".symtab").iter_symbols())
        self.placed: dict[int, int] = {}

    def place(self, linked: Linked, frames: bool) -> None:
        for number, section in enumerate(self.sections):
            wanted = section["sh_flags"] & _ALLOCATED and section["sh_size"]
            if wanted and (section.name == FRAMES) == frames:
                assert section["sh_type"] != "SHT_NOBITS", section.name
                # Descriptions of frames follow each other without a gap, which would end them.
                assert not frames or section["sh_size"] % section["sh_addralign"] == 0
                align = section["sh_addralign"]
                self.placed[number] = linked.reserve(section.data(), align)

    def address(self, symbol: Any) -> int:
        offset: int = symbol["st_value"]
        return self.placed[symbol["st_shndx"]] + offset


def link(arch: Arch, objects: list[bytes]) -> Linked:
    """The image of objects that refer to one another and to others by name."""
    linked = Linked(arch)
    parts = [_Part(data) for data in objects]
    for part in parts:
        part.place(linked, frames=False)
    start = linked.reserve(b"", 8)
    for part in parts:
        part.place(linked, frames=True)
    linked.frames = start, len(linked.code) - start
    for part in parts:
        for symbol in part.symbols:
            if symbol["st_info"]["bind"] == "STB_GLOBAL" and symbol["st_shndx"] in part.placed:
                assert symbol.name not in linked.symbols, symbol.name
                linked.symbols[symbol.name] = part.address(symbol), symbol["st_size"]
    for part in parts:
        for section in part.sections:
            if section["sh_type"] == "SHT_RELA" and section["sh_info"] in part.placed:
                for each in section.iter_relocations():
                    _relocate(linked, part, part.placed[section["sh_info"]], each)
    return linked


def _relocate(linked: Linked, part: _Part, base: int, relocation: Any) -> None:
    place = base + relocation["r_offset"]
    kind = relocation["r_info_type"]
    symbol = part.symbols[relocation["r_info_sym"]]
    own = None if symbol["st_shndx"] == "SHN_UNDEF" else part.address(symbol)
    if own is None and symbol.name in linked.symbols:
        own = linked.symbols[symbol.name][0]
    if kind in linked.arch.GOT_RELOCATIONS:
        target = _slot(linked, symbol.name) if own is None else _pointer(linked, own)
    elif own is None:
        assert kind in linked.arch.CALL_RELOCATIONS, (symbol.name, kind)
        target = _slot(linked, symbol.name) + _SLOT
    else:
        assert kind not in linked.arch.ABSOLUTE_RELOCATIONS, (symbol.name, kind)
        target = own
    target += relocation["r_addend"]
    assert linked.arch.relocate(linked.code, place, kind, target, place), (symbol.name, kind)


def _slot(linked: Linked, name: str) -> int:
    if name not in linked.slots:
        linked.slots[name] = linked.reserve(bytes(_SLOT) + linked.arch.SLOT_JUMP, _SLOT)
    return linked.slots[name]


def _pointer(linked: Linked, target: int) -> int:
    if target not in linked.pointers:
        linked.pointers[target] = linked.reserve(bytes(_SLOT), _SLOT)
    return linked.pointers[target]
