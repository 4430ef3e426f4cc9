"""Loads relocatable ELF objects, of this machine's architecture, into executable memory.

Reads what LLVM's code emitter writes for one unit: sections, symbols and relocations (System V
ABI; :mod:`codegen.arch` knows the kinds of relocations). Produces the addresses of its symbols.
Needs neither LLVM nor a linker, so that cached code can start without them.

Code lives in an *arena*, a stretch of reserved address space, so that "is this address wasm
code?" is two comparisons in the fault handler. Pages are writable until they are relocated,
then executable, never both.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Mapping
from typing import Final

from wasmwright import tuning
from wasmwright.codegen import lines, vm
from wasmwright.codegen.arch import HERE

# ELF (figures from the gABI).
_SHT_SYMTAB: Final = 2
_SHT_RELA: Final = 4
_SHT_NOBITS: Final = 8
_SHF_ALLOC: Final = 2
_SHN_ABS: Final = 0xFFF1
_UNWINDING: Final = frozenset({".eh_frame", ".llvm_stackmaps"})
_LINES: Final = ".debug_line"

_SLOT: Final = 8
_SYMBOL_SIZE: Final = 24
_RELA_SIZE: Final = 24
_MAX_ALIGNMENT: Final = vm.PAGE
_MAX_ZEROS: Final = 1 << 24  # bytes that are in memory, but not in the file


class ObjectError(Exception):
    """The object is not one that this loader can place: a bug in us, or a damaged cache."""


class Arena:
    """Reserved address space that pieces of code are placed in.

    Addresses of pieces are page-aligned. Thread-safe.
    """

    # Only takers of pieces hold the lock. Giving back is atomic under the GIL, since finalisers
    # do it, and may interrupt the very thread that holds the lock.

    def __init__(self, size: int) -> None:
        self.start = vm.reserve(size)
        self.end = self.start + size
        self._top = self.start
        self._writable = self.start  # up to where
        self._free: dict[int, list[int]] = {}
        self._lock = threading.RLock()

    def allocate(self, size: int) -> int:
        """The address of at least ``size`` fresh writable bytes."""
        size = vm.round_up(size)
        with self._lock:
            pieces = self._free.get(size)
            if pieces:
                address = pieces.pop()
                vm.protect(address, size, vm.READ | vm.WRITE)
                return address
            address = self._top
            end = address + size
            if end > self.end:
                raise MemoryError(f"the code arena of {self.end - self.start} bytes is full")
            if end > self._writable:
                ahead = min(end + tuning.ARENA_STEP, self.end)
                vm.protect(self._writable, ahead - self._writable, vm.READ | vm.WRITE)
                self._writable = ahead
            self._top = end
        return address

    def release(self, address: int, size: int) -> None:
        """Gives a piece back; nothing may run in it any more."""
        size = vm.round_up(size)
        vm.decommit(address, size)
        self._free.setdefault(size, []).append(address)


class LoadedObject:
    """An object in memory: ``symbols`` maps the defined global names to addresses.

    ``sizes`` gives the byte size of each symbol, ``sections`` the address and size of the sections
    that say how to unwind, by name, and ``debug`` what says where code comes from, which ``lines``
    reads. The memory is given back by ``close``.
    """

    __slots__ = ("_arena", "_lines", "address", "debug", "sections", "size", "sizes", "symbols")

    def __init__(
        self,
        arena: Arena,
        address: int,
        size: int,
        symbols: dict[str, int],
        sizes: dict[str, int],
        sections: dict[str, tuple[int, int]],
        debug: DebugSections | None = None,
    ) -> None:
        self._arena: Arena | None = arena
        self.address = address
        self.size = size
        self.symbols = symbols
        self.sizes = sizes
        self.sections = sections
        self.debug = debug
        self._lines: lines.Lines | None = None

    def lines(self) -> lines.Lines:
        """Which instructions its code belongs to, if it says so; read when first asked for."""
        if self._lines is None:
            self._lines = lines.Lines(self.debug.relocated() if self.debug else {})
            self.debug = None
        return self._lines

    def close(self) -> None:
        """Unloads the code."""
        if self._arena is not None:
            self._arena.release(self.address, self.size)
            self._arena = None


class DebugSections:
    """What an object says of where its code comes from.

    Keeps the object as it is (which the cache does anyway), and where its sections are placed.
    """

    def __init__(self, data: bytes, placed: dict[int, int]) -> None:
        self._data = data
        self._placed = placed

    def relocated(self) -> dict[str, bytes]:
        """The sections that ``lines`` reads, by name, with relative addresses filled in."""
        parsed = _Object(self._data)
        found: dict[str, bytes] = {}
        for name, (_, _, start, size, _, _, _) in zip(parsed.names, parsed.sections, strict=True):
            if name in lines.SECTIONS:
                found[name] = self._data[start : start + size]
        for kind, _, start, size, _, target, _ in parsed.sections:
            name = parsed.names[target] if kind == _SHT_RELA else ""
            if name in lines.RELOCATED:
                found[name] = self._relocate(parsed, found[name], start, start + size)
        return found

    def _relocate(self, parsed: _Object, content: bytes, start: int, end: int) -> bytes:
        image = bytearray(content)
        for offset, info, addend in struct.iter_unpack("<QQq", self._data[start:end]):
            symbol = parsed.symbols[info >> 32]
            value = self._placed.get(symbol.section, 0) + symbol.value + addend
            size = 8 if info & 0xFFFFFFFF in HERE.WIDE_RELOCATIONS else 4
            image[offset : offset + size] = value.to_bytes(size, "little")
        return bytes(image)


class _Symbol:
    __slots__ = ("name", "section", "size", "value")

    def __init__(self, name: str, section: int, value: int, size: int) -> None:
        self.name = name
        self.section = section
        self.value = value
        self.size = size


class _Object:
    """The parsed tables of an ELF file; sections are known to lie inside it."""

    def __init__(self, data: bytes) -> None:
        what = struct.unpack_from("<HH", data, 16)
        if data[:6] != b"\x7fELF\x02\x01" or what != (1, HERE.ELF_MACHINE):
            raise ObjectError("not a relocatable ELF object of this architecture")
        self.data = data
        (offset,) = struct.unpack_from("<Q", data, 40)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        # (type, flags, offset, size, link, info, alignment) of each section
        self.sections: list[tuple[int, int, int, int, int, int, int]] = []
        name_offsets: list[int] = []
        for i in range(count):
            fields = struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size)
            name, kind, flags, _, start, length, link, info, align, _ = fields
            name_offsets.append(name)
            align = max(1, align)
            if kind != _SHT_NOBITS and start + length > len(data):
                raise ObjectError(f"section {i} extends past the end")
            if align & (align - 1) or align > _MAX_ALIGNMENT:
                raise ObjectError(f"section {i} is aligned to {align}")
            self.sections.append((kind, flags, start, length, link, info, align))
        self.names = [self._string(self.sections[names][2] + name) for name in name_offsets]
        self.symbols: list[_Symbol] = []
        for kind, _, start, length, link, _, _ in self.sections:
            if kind == _SHT_SYMTAB:
                strings = self.sections[link][2]
                for at in range(start, start + length, _SYMBOL_SIZE):
                    name, _, _, section, value, extent = struct.unpack_from("<IBBHQQ", data, at)
                    text = self._string(strings + name)
                    self.symbols.append(_Symbol(text, section, value, extent))

    def _string(self, start: int) -> str:
        return self.data[start : self.data.index(b"\0", start)].decode()


def load(
    data: bytes,
    arena: Arena,
    resolve: Callable[[str], int] | Mapping[str, int],
) -> LoadedObject:
    """Places the object ``data`` in ``arena`` and returns its symbols.

    ``resolve`` gives the address of an undefined symbol (KeyError where there is none).
    Raises ObjectError for an object that this loader does not understand.
    """
    lookup = resolve if callable(resolve) else resolve.__getitem__
    try:
        return _load(_Object(data), arena, lookup)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise ObjectError(f"damaged object: {error}") from error


def _load(parsed: _Object, arena: Arena, lookup: Callable[[str], int]) -> LoadedObject:
    placed: dict[int, int] = {}
    top = 0
    for index, (_, flags, _, size, _, _, align) in enumerate(parsed.sections):
        if flags & _SHF_ALLOC and size:
            top = (top + align - 1) & -align
            placed[index] = top
            top += size
    if top > len(parsed.data) + _MAX_ZEROS:
        raise ObjectError(f"the sections take {top} bytes")
    relocations = _relocations(parsed, placed)
    # One pointer-sized slot with a thunk behind it for every external that is called or
    # addressed through the GOT: the host's libraries may be further than 2 GiB away.
    slots: dict[int, int] = {}
    top = (top + 15) & -16
    for _, kind, symbol, _ in relocations:
        if kind in HERE.GOT_RELOCATIONS or parsed.symbols[symbol].section == 0:
            if symbol not in slots:
                slots[symbol] = top
                top += _SLOT + len(HERE.SLOT_JUMP)
    top = max(top, 1)
    base = arena.allocate(top)
    image = bytearray(top)
    for index, at in placed.items():
        kind, _, start, size, _, _, _ = parsed.sections[index]
        if kind != _SHT_NOBITS:
            image[at : at + size] = parsed.data[start : start + size]

    def address_of(symbol: int) -> int:
        entry = parsed.symbols[symbol]
        if entry.section == 0:
            try:
                return lookup(entry.name)
            except KeyError:
                raise ObjectError(f"undefined symbol {entry.name}") from None
        if entry.section == _SHN_ABS:
            return entry.value
        if entry.section not in placed:
            raise ObjectError(f"symbol {entry.name} is in section {entry.section}, not loaded")
        return base + placed[entry.section] + entry.value

    try:
        for symbol, slot in slots.items():
            image[slot : slot + _SLOT] = address_of(symbol).to_bytes(8, "little")
            image[slot + _SLOT : slot + _SLOT + len(HERE.SLOT_JUMP)] = HERE.SLOT_JUMP
        relocate = HERE.relocate
        for at, kind, symbol, addend in relocations:
            place = base + at
            if kind in HERE.GOT_RELOCATIONS:
                target = base + slots[symbol]
            elif kind in HERE.CALL_RELOCATIONS and symbol in slots:
                target = base + slots[symbol] + _SLOT
            else:
                target = address_of(symbol)
            if not relocate(image, at, kind, target + addend, place):
                raise ObjectError(f"relocation type {kind} is not supported")
        assert len(image) == top
    except ValueError as error:
        arena.release(base, top)
        raise ObjectError(str(error)) from None
    except BaseException:
        arena.release(base, top)
        raise
    vm.write(base, bytes(image))
    vm.make_executable(base, top)
    symbols: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for entry in parsed.symbols:
        if entry.name and entry.section in placed:
            symbols[entry.name] = base + placed[entry.section] + entry.value
            sizes[entry.name] = entry.size
    sections = {
        parsed.names[index]: (base + at, parsed.sections[index][3])
        for index, at in placed.items()
        if parsed.names[index] in _UNWINDING
    }
    debug = DebugSections(parsed.data, placed) if _LINES in parsed.names else None
    return LoadedObject(arena, base, top, symbols, sizes, sections, debug)


def _relocations(parsed: _Object, placed: dict[int, int]) -> list[tuple[int, int, int, int]]:
    """(offset in the image, type, symbol, addend) of every relocation of a placed section."""
    found: list[tuple[int, int, int, int]] = []
    for kind, _, start, length, _, target, _ in parsed.sections:
        if kind == _SHT_RELA and target in placed:
            at = placed[target]
            size = parsed.sections[target][3]
            for entry in range(start, start + length, _RELA_SIZE):
                offset, info, addend = struct.unpack_from("<QQq", parsed.data, entry)
                how, symbol = info & 0xFFFFFFFF, info >> 32
                if offset + (8 if how in HERE.WIDE_RELOCATIONS else 4) > size:
                    raise ObjectError(f"a relocation at {offset} of a section of {size} bytes")
                found.append((at + offset, how, symbol, addend))
    return found
