"""Which wasm instruction machine code belongs to, as LLVM tells it: as line numbers in DWARF 5.

``llvm.lower_unit`` has LLVM take each wasm function for a source function, and the offset of an
instruction in the binary for its line. Reads what comes of it in the object (``.debug_line``, and
``.debug_info`` with the calls that were inlined) when a backtrace first asks; produces the chain of
functions and offsets at an address. The sections were put there by our own compiler (and are
checksummed in the cache), so anything unexpected is a bug and a ``LinesError``.
"""

from __future__ import annotations

import bisect
import struct
from array import array
from collections.abc import Mapping
from typing import Final

from wasmwright.codegen.dwarf import Cursor

# The sections that are read, of which some have relocations that matter.
SECTIONS: Final = frozenset(
    {
        ".debug_line",
        ".debug_info",
        ".debug_abbrev",
        ".debug_addr",
        ".debug_rnglists",
        ".debug_str",
        ".debug_str_offsets",
    }
)
RELOCATED: Final = (".debug_line", ".debug_addr", ".debug_str_offsets")

# DWARF 5: tags, attributes and forms (section 7.5), range list entries (7.25), line number
# instructions (7.22).
_TAG_SUBPROGRAM: Final = 0x2E
_TAG_INLINED: Final = 0x1D
_AT_NAME: Final = 0x03
_AT_LOW_PC: Final = 0x11
_AT_HIGH_PC: Final = 0x12
_AT_ABSTRACT_ORIGIN: Final = 0x31
_AT_RANGES: Final = 0x55
_AT_CALL_LINE: Final = 0x59
_FORM_ADDR: Final = 0x01
_FORM_UDATA: Final = 0x0F
_FORM_FLAG_PRESENT: Final = 0x19
_FORM_STRX: Final = 0x1A
_FORM_ADDRX: Final = 0x1B
_FORM_IMPLICIT_CONST: Final = 0x21
_FORM_RNGLISTX: Final = 0x23
# Bytes of the forms of a fixed size: data, ref4, sec_offset, strx1 to 4, addrx1 to 4.
_FIXED_FORMS: Final = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x13: 4, 0x17: 4, 0x01: 8,
    0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
_STRINGS: Final = frozenset({0x1A, 0x25, 0x26, 0x27, 0x28})
_ADDRESSES: Final = frozenset({0x1B, 0x29, 0x2A, 0x2B, 0x2C})
_RLE_END: Final = 0x00
_RLE_BASE_ADDRESSX: Final = 0x01
_RLE_STARTX_LENGTH: Final = 0x03
_RLE_OFFSET_PAIR: Final = 0x04
_LNS_COPY: Final = 1
_LNS_ADVANCE_PC: Final = 2
_LNS_ADVANCE_LINE: Final = 3
_LNS_CONST_ADD_PC: Final = 8
_LNS_FIXED_ADVANCE_PC: Final = 9
_LNE_END_SEQUENCE: Final = 1
_LNE_SET_ADDRESS: Final = 2

_INDEX_BASE: Final = 8  # where the only contribution to `.debug_addr` or `_str_offsets` begins
_LISTS_BASE: Final = 12  # … and to `.debug_rnglists`


class LinesError(Exception):
    """The sections are not as our compiler writes them: a bug in us."""


class Place:
    """Where an address is in one function: its index, and the instruction's offset, if known."""

    __slots__ = ("func", "offset")

    def __init__(self, func: int | None, offset: int | None) -> None:
        self.func = func
        self.offset = offset


class _Inlined:
    """A function that became part of another: where, which, and the offset of the call."""

    __slots__ = ("call", "depth", "func", "ranges")

    def __init__(self, func: int | None, call: int, depth: int, ranges: list[range]) -> None:
        self.func = func
        self.call = call
        self.depth = depth
        self.ranges = ranges


class Lines:
    """The instructions of one object's code. Addresses are relative to where it is loaded.

    ``sections`` has the content of those of ``SECTIONS`` that exist, relocated.
    """

    def __init__(self, sections: Mapping[str, bytes]) -> None:
        self._addresses = array("Q")
        self._lines = array("I")
        try:
            self._read_lines(Cursor(sections.get(".debug_line", b"")))
            self._inlined = _InfoReader(sections).read()
        except (IndexError, KeyError, struct.error) as error:
            raise LinesError(f"damaged line table: {error!r}") from error

    def at(self, address: int, near: bool = False) -> list[Place]:
        """The functions around an address, innermost first.

        The last is the one that is really called there; its function is None: the symbol tells.
        ``near``: of code without an instruction of its own, tell the one before.
        """
        at = bisect.bisect_right(self._addresses, address) - 1
        while near and at > 0 and not self._lines[at]:
            at -= 1
        offset = self._lines[at] or None if at >= 0 else None
        chain = [
            each for each in self._inlined if any(address in addresses for addresses in each.ranges)
        ]
        chain.sort(key=lambda each: -each.depth)
        places = []
        for each in chain:
            places.append(Place(each.func, offset))
            offset = each.call or None
        places.append(Place(None, offset))
        return places

    def _read_lines(self, cursor: Cursor) -> None:
        rows: list[tuple[int, int]] = []
        while cursor.pos < len(cursor.data):
            length = cursor.fixed(4)
            end = cursor.pos + length
            version = cursor.fixed(2)
            if version != 5:
                raise LinesError(f"a line table of version {version}")
            cursor.pos += 2  # sizes of addresses and of segment selectors
            program = cursor.fixed(4) + cursor.pos
            cursor.pos += 3  # minimum instruction length, operations an instruction, is_stmt
            base = cursor.fixed(1)
            base -= (base & 0x80) << 1
            width = cursor.fixed(1)
            first = cursor.fixed(1)
            counts = cursor.data[cursor.pos : cursor.pos + first - 1]
            cursor.pos = program
            _run(cursor, end, base, width, first, counts, rows)
            cursor.pos = end
        rows.sort(key=lambda row: row[0])  # stable: of rows at one address the last one counts
        for address, line in rows:
            self._addresses.append(address)
            self._lines.append(line)


def _run(
    cursor: Cursor,
    end: int,
    base: int,
    width: int,
    first: int,
    counts: bytes,
    rows: list[tuple[int, int]],
) -> None:
    """Runs a line number program: appends an (address, line) for each row, 0 after the last."""
    address, line = 0, 1
    data = cursor.data
    step = (255 - first) // width
    while cursor.pos < end:
        opcode = data[cursor.pos]
        cursor.pos += 1
        if opcode >= first:
            advance, change = divmod(opcode - first, width)
            address += advance
            line += base + change
            rows.append((address, line))
        elif opcode == 0:
            size = cursor.uleb()
            after = cursor.pos + size
            extended = data[cursor.pos]
            if extended == _LNE_SET_ADDRESS:
                address = int.from_bytes(data[cursor.pos + 1 : after], "little")
            elif extended == _LNE_END_SEQUENCE:
                rows.append((address, 0))
                address, line = 0, 1
            cursor.pos = after
        elif opcode == _LNS_COPY:
            rows.append((address, line))
        elif opcode == _LNS_ADVANCE_PC:
            address += cursor.uleb()
        elif opcode == _LNS_ADVANCE_LINE:
            line += cursor.sleb()
        elif opcode == _LNS_CONST_ADD_PC:
            address += step
        elif opcode == _LNS_FIXED_ADVANCE_PC:
            address += cursor.fixed(2)
        else:
            for _ in range(counts[opcode - 1]):
                cursor.uleb()


class _InfoReader:
    """Reads the one compilation unit of ``.debug_info`` for what was inlined."""

    def __init__(self, sections: Mapping[str, bytes]) -> None:
        self._info = Cursor(sections.get(".debug_info", b""))
        self._sections = sections
        self._abbreviations = _abbreviations(sections.get(".debug_abbrev", b""))
        self._low = 0  # the unit's own address, which offsets in range lists are from

    def read(self) -> list[_Inlined]:
        """Every inlined call."""
        info = self._info
        if not info.data:
            return []
        end = info.fixed(4) + 4
        version = info.fixed(2)
        if version != 5:
            raise LinesError(f"debugging information of version {version}")
        info.pos += 6  # type of the unit, size of addresses, offset of the abbreviations
        names: dict[int, int] = {}
        found: list[tuple[int, int, int, list[range]]] = []
        depth = 0
        while info.pos < end:
            place = info.pos
            code = info.uleb()
            if code == 0:
                depth -= 1
                continue
            tag, children, attributes = self._abbreviations[code]
            values = {name: self._value(form, constant) for name, form, constant in attributes}
            if depth == 0:
                self._low = values.get(_AT_LOW_PC, 0)
            elif tag == _TAG_SUBPROGRAM and _AT_NAME in values:
                names[place] = values[_AT_NAME]
            elif tag == _TAG_INLINED:
                origin = values[_AT_ABSTRACT_ORIGIN]
                found.append((origin, values.get(_AT_CALL_LINE, 0), depth, self._ranges(values)))
            depth += children
        return [
            _Inlined(names.get(origin), call, depth, ranges)
            for origin, call, depth, ranges in found
        ]

    def _value(self, form: int, constant: int) -> int:
        info = self._info
        size = _FIXED_FORMS.get(form)
        if size is not None:
            value = info.fixed(size)
        elif form == _FORM_FLAG_PRESENT:
            return 1
        elif form == _FORM_IMPLICIT_CONST:
            return constant
        elif form in (_FORM_UDATA, _FORM_STRX, _FORM_ADDRX, _FORM_RNGLISTX):
            value = info.uleb()
        else:
            raise LinesError(f"form 0x{form:x}")
        if form in _STRINGS:
            return self._number(value)
        return self._address(value) if form in _ADDRESSES else value

    def _number(self, index: int) -> int:
        """A function's name, which is its index; -1 for any other string."""
        offsets = Cursor(self._sections[".debug_str_offsets"], _INDEX_BASE + 4 * index)
        start = offsets.fixed(4)
        strings = self._sections[".debug_str"]
        text = strings[start : strings.index(b"\0", start)]
        return int(text) if text.isdigit() else -1

    def _address(self, index: int) -> int:
        return Cursor(self._sections[".debug_addr"], _INDEX_BASE + 8 * index).fixed(8)

    def _ranges(self, values: dict[int, int]) -> list[range]:
        if _AT_RANGES not in values:
            low = values[_AT_LOW_PC]
            return [range(low, low + values[_AT_HIGH_PC])]
        lists = Cursor(self._sections[".debug_rnglists"])
        lists.pos = _LISTS_BASE + 4 * values[_AT_RANGES]
        lists.pos = _LISTS_BASE + lists.fixed(4)
        base = self._low
        ranges: list[range] = []
        while True:
            kind = lists.fixed(1)
            if kind == _RLE_END:
                return ranges
            if kind == _RLE_BASE_ADDRESSX:
                base = self._address(lists.uleb())
            elif kind == _RLE_STARTX_LENGTH:
                start = self._address(lists.uleb())
                ranges.append(range(start, start + lists.uleb()))
            elif kind == _RLE_OFFSET_PAIR:
                start = base + lists.uleb()
                ranges.append(range(start, base + lists.uleb()))
            else:
                raise LinesError(f"a range list entry of kind {kind}")


def _abbreviations(data: bytes) -> dict[int, tuple[int, int, list[tuple[int, int, int]]]]:
    """By code: tag, 1 if there are children, and each attribute with its form and constant."""
    found: dict[int, tuple[int, int, list[tuple[int, int, int]]]] = {}
    cursor = Cursor(data)
    while cursor.pos < len(data):
        code = cursor.uleb()
        if code == 0:
            break
        tag, children = cursor.uleb(), cursor.fixed(1)
        attributes = []
        while True:
            name, form = cursor.uleb(), cursor.uleb()
            if not (name or form):
                break
            constant = cursor.sleb() if form == _FORM_IMPLICIT_CONST else 0
            attributes.append((name, form, constant))
        found[code] = tag, children, attributes
    return found
