"""The state of one function while it is compiled: its code, and where its operands are.

Where an operand is is written as ``kind | type << 4`` (`places`), and what goes with it: the
register's number, an offset in the frame, or the constant. Three rules hold:

* the operands in registers of a class are in the registers 0, 1, 2 in the order of the stack;
* a local in a register is in the frame, too: it is written to both;
* what is below ``flushed`` is in the frame, in its own slot, or is a constant.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i16_le, read_i32_le, write_i32_le
from librt.vecs import append, vec
from mypy_extensions import i32, i64

from wasmwright.binary.reader import Reader
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.baseline.around import Around
from wasmwright.codegen.baseline.frame import Frame
from wasmwright.codegen.baseline.library import (
    TYPE_F32,
    TYPE_F64,
    TYPE_I32,
    TYPE_I64,
    TYPE_V128,
    Library,
)
from wasmwright.codegen.baseline.literals import JUMP_MASK, JUMP_WORD, Literals, put_word
from wasmwright.codegen.baseline.places import (
    CONSTANT,
    FRAME,
    HOLE_NEXT,
    PIN,
    PINNED,
    REGISTER,
    REGISTERS,
)
from wasmwright.codegen.baseline.sites import CELL_SIZE, Counting, Site
from wasmwright.codegen.baseline.stencils import FIRST_TARGET, FIXUP_SIZE, RECORD_SIZE
from wasmwright.codegen.baseline.view import EMPTY_SIDE, Side, View
from wasmwright.codegen.fuel import Meter
from wasmwright.codegen.heap_layout import StructLayout
from wasmwright.model.module import Module

_PLACES_AT: Final = 6  # in a record
_TAKEN_AT: Final = 11
_FIXUP_FIRST_AT: Final = 12
_FIXUP_COUNT_AT: Final = 14
_MAX_INT_CONSTANT: Final = (1 << 31) - 1  # that a hole has room for in an operand of 64 bits
FLUSH_AT: Final = 64  # operands that may be anywhere; more are put into the frame
_ALL_FEATURES: Final = (1 << 62) - 1


class Emitter:
    """One unit of functions; ``start`` begins each."""

    def __init__(self, view: View) -> None:
        self.view: View = view
        self.library: Library = view.library
        self.around: Around = view.library.around
        self.words: bool = self.around.words
        self.kept_pins: i64 = self.around.kept_pins
        self.module: Module = view.module
        self.layout: Layout = view.layout
        self.reader: Reader = Reader(view.data, 0, 0, _ALL_FEATURES)
        self.out: BytesWriter = BytesWriter()
        # Triples of 32 bits: a place in the code, a shared target's number, and what is added.
        self.shared: BytesWriter = BytesWriter()
        # Pairs of 32 bits: from which offset in the code on it belongs to which in the binary.
        self.map: BytesWriter = BytesWriter()
        # Of calls in blocks that catch: start, end, landing pad, and size of the slots.
        self.pads: list[int] = []
        # Of the function: its handlers' landing pads, by number, -1 where there is none (yet), and
        # whether anything comes there; the numbers of those that what comes is protected by, the
        # innermost last; and triples: a call's start, its end, and the handler's number.
        self.landings: vec[i64] = vec[i64]()
        self.used: vec[bool] = vec[bool]()
        self.handlers: list[int] = []
        self.protected: vec[i64] = vec[i64]()
        self.at: i64 = 0  # the offset of the current instruction
        self.height: i64 = 0
        self.flushed: i64 = 0
        self.kinds: vec[i64] = vec[i64]([0] * 256)
        self.payloads: vec[i64] = vec[i64]([0] * 256)
        self.ints: i64 = 0  # operands in registers
        self.floats: i64 = 0
        self.vectors: list[tuple[int, int]] = []  # constants
        self.step: i64 = 8  # bytes of a slot
        self.base: i64 = 0  # the offset of the first operand's slot
        self.top: i64 = 0  # the greatest height
        self.local_types: vec[i64] = vec[i64]()
        self.local_pins: vec[i64] = vec[i64]()  # the kind of place of a local, FRAME if in no pin
        self.pins: i64 = 0  # bits: which registers of locals are used ...
        self.valid: i64 = 0  # ... and hold the local's value here
        self.pinned: vec[i64] = vec[i64]([0] * (2 * PINNED))  # the local of each
        self.frames: list[Frame] = []
        self.dead: bool = False
        self.nesting: i64 = 0
        self.struct_layouts: dict[int, StructLayout] = {}
        self.results: Side = EMPTY_SIDE  # the function's
        self.counted: Counting | None = None
        self.sites: list[Site] = []
        self.waiting: list[Site] = []  # those of this function, whose end is to be written
        self.cell: i64 = 0  # that the present stencil refers to
        self.meter: Meter | None = None  # of code that consumes fuel
        self.charge_at: i64 = 0  # where the cost of the present stretch is to be written
        self.func: int = 0
        self.start: i64 = 0  # where it begins
        self.begin: i64 = 0  # where its body begins in the binary
        self.leaf: bool = False  # whether it needs no check of the stack, being small as well
        self.catches: bool = False  # whether it, or what may become part of it, catches exceptions
        self.check_at: i64 = 0  # where that is, or -1
        self.literals: Literals = Literals()

    def emit(self, number: i64, a: i64, b: i64, c: i64, extra: i64, more: i64) -> i64:
        """Appends a stencil with its holes filled; where it begins."""
        library = self.library
        records = library.records
        out = self.out
        at = number * RECORD_SIZE
        start: i64 = len(out)
        out.write(library.code(number))
        places = i64(read_i32_le(records, at + _PLACES_AT))
        if places != 0:
            place = places & 0xFF
            if place != 0:
                self.patch(start + place - 1, a)
            place = (places >> 8) & 0xFF
            if place != 0:
                self.patch(start + place - 1, b)
            place = (places >> 16) & 0xFF
            if place != 0:
                self.patch(start + place - 1, c)
            place = (places >> 24) & 0xFF
            if place != 0:
                self.patch(start + place - 1, extra)
        place = records[at + _PLACES_AT + 4]
        if place != 0:
            self.patch(start + place - 1, more)
        count: i64 = records[at + _FIXUP_COUNT_AT]
        if count != 0:
            self._fix(number, start, a, b, c, extra, more)
        return start

    def _fix(self, number: i64, start: i64, a: i64, b: i64, c: i64, extra: i64, more: i64) -> None:
        library = self.library
        records = library.records
        fixups = library.fixups
        first = i64(read_i16_le(records, number * RECORD_SIZE + _FIXUP_FIRST_AT))
        count: i64 = records[number * RECORD_SIZE + _FIXUP_COUNT_AT]
        at = (first & 0xFFFF) * FIXUP_SIZE
        end: i64 = len(self.out)
        for _ in range(count):
            offset = i64(read_i16_le(fixups, at))
            kind: i64 = fixups[at + 2]
            addend = i64(read_i32_le(fixups, at + 4))
            place = start + (offset & 0xFFFF)
            at += FIXUP_SIZE
            if kind >= FIRST_TARGET:
                target = kind - FIRST_TARGET
                if target == library.cell_target:
                    addend += self.cell * CELL_SIZE
                if self.words and self.literals.refer(self.out, place, target, addend, library):
                    continue
                write_i32_le(self.shared, i32(place))
                write_i32_le(self.shared, i32(target))
                write_i32_le(self.shared, i32(addend))
            elif kind == HOLE_NEXT:
                self.aim(place, end)
            elif kind == 0:
                self.patch(place, a + addend)
            elif kind == 1:
                self.patch(place, b + addend)
            elif kind == 2:
                self.patch(place, c + addend)
            elif kind == 3:
                self.patch(place, extra + addend)
            else:
                self.patch(place, more + addend)

    def patch(self, place: i64, value: i64) -> None:
        """Fills a hole with 32 bits."""
        if self.words:
            self.literals.fill(self.out, place, value)
        else:
            put_word(self.out, place, value)

    def aim(self, place: i64, target: i64) -> None:
        """Has the jump whose distance is at a place go to another place in the code."""
        if self.words:
            self.write32(place, JUMP_WORD | (((target - place) >> 2) & JUMP_MASK))
        else:
            self.write32(place, target - place - 4)

    def write32(self, place: i64, value: i64) -> None:
        """Writes 32 bits into the code."""
        put_word(self.out, place, value)

    def emit_cell(self, number: i64, cell: i64, a: i64, b: i64, c: i64) -> i64:
        """Appends a stencil that refers to a cell; where it begins."""
        self.cell = cell
        return self.emit(number, a, b, c, 0, 0)

    def count(self, offset: i64, enterable: bool) -> None:
        """Counts how often control gets here, at the head of a loop or of the function (-1)."""
        if self.counted is None:
            return
        cell = len(self.sites)
        number = self.library.number(self.library.count)
        start = self.emit_cell(number, cell, 0, 0, 0)
        site = Site(
            cell, self.func, offset, enterable, self.taken(number, start), len(self.out), self.valid
        )
        self.sites.append(site)
        self.waiting.append(site)

    def island(self) -> None:
        """Writes the literals before they are too far away, in the middle of the code."""
        if self.words and self.literals.far(len(self.out)):
            over: i64 = len(self.out)
            self.out.write(self.around.jump)
            self.literals.write(self.out, self.shared)
            self.aim(over, len(self.out))

    def taken(self, number: i64, start: i64) -> i64:
        """Where a stencil that branches has the distance of its target."""
        place: i64 = self.library.records[number * RECORD_SIZE + _TAKEN_AT]
        return start + place - 1

    def mark(self) -> None:
        """Notes that what comes may trap or call, for backtraces."""
        write_i32_le(self.map, i32(len(self.out)))
        write_i32_le(self.map, i32(self.at))

    def protect(self, start: i64) -> None:
        """Notes that an exception may come out of the stencil that begins at ``start``."""
        count = len(self.handlers)
        if count > 0:
            handler: i64 = self.handlers[count - 1]
            self.used[handler] = True
            protected = append(append(self.protected, start), i64(len(self.out)))
            self.protected = append(protected, handler)

    # The operand stack

    def push(self, kind: i64, payload: i64) -> None:
        """Pushes an operand that is in no register."""
        height = self.height
        if height >= len(self.kinds):
            self._grow()
        self.kinds[height] = kind
        self.payloads[height] = payload
        self.height = height + 1
        if height >= self.top:
            self.top = height + 1

    def push_register(self, kind: i64) -> None:
        """Pushes an operand of type ``kind`` that is in the next register of its class."""
        if kind >= TYPE_F32:
            self.push(kind << 4 | REGISTER, self.floats)
            self.floats += 1
        else:
            self.push(kind << 4 | REGISTER, self.ints)
            self.ints += 1

    def push_slot(self, kind: i64) -> None:
        """Pushes an operand of type ``kind`` that is in its own slot."""
        self.push(kind << 4 | FRAME, self.base + self.height * self.step)

    def _grow(self) -> None:
        more = vec[i64]([0] * len(self.kinds))
        kinds, payloads = self.kinds, self.payloads
        for i in range(len(more)):
            kinds = append(kinds, more[i])
            payloads = append(payloads, more[i])
        self.kinds = kinds
        self.payloads = payloads

    def drop(self) -> None:
        """Removes the top operand."""
        height = self.height - 1
        if self.kinds[height] & 15 == REGISTER:
            if self.kinds[height] >> 4 >= TYPE_F32:
                self.floats -= 1
            else:
                self.ints -= 1
        self.height = height
        if self.flushed > height:
            self.flushed = height

    def slot(self, at: i64) -> i64:
        """The offset of an operand's own slot."""
        return self.base + at * self.step

    # Moving operands

    def put(self, at: i64) -> None:
        """Puts an operand into its own slot."""
        kind = self.kinds[at]
        place = kind & 15
        own = self.base + at * self.step
        if place == FRAME and self.payloads[at] == own:
            return
        if place == CONSTANT and not self.fits(at):
            self.to_register(at)
            kind = self.kinds[at]
            place = REGISTER
        if place == REGISTER:
            self._put_above(at, kind >> 4 >= TYPE_F32)
        self.store(at, own)
        if place == REGISTER:
            if kind >> 4 >= TYPE_F32:
                self.floats -= 1
            else:
                self.ints -= 1
        self.kinds[at] = kind & ~15 | FRAME
        self.payloads[at] = own

    def store(self, at: i64, offset: i64) -> None:
        """Writes an operand to the frame; a constant has to fit. It stays where it is."""
        kind = self.kinds[at]
        place = kind & 15
        payload = self.payloads[at]
        valtype = kind >> 4
        library = self.library
        if place == REGISTER:
            number = library.number(library.copy[valtype] + payload)
        else:
            if place == CONSTANT and valtype == TYPE_F32:
                valtype = TYPE_I32
            number = library.number(library.put[valtype] + place * REGISTERS)
        self.emit(number, payload, 0, 0, offset, 0)

    def _put_above(self, at: i64, floats: bool) -> None:
        """Puts the operands above ``at`` that are in registers of a class into their slots."""
        for i in range(self.height - 1, at, -1):
            kind = self.kinds[i]
            if kind & 15 == REGISTER and (kind >> 4 >= TYPE_F32) == floats:
                own = self.base + i * self.step
                self.store(i, own)
                self.kinds[i] = kind & ~15 | FRAME
                self.payloads[i] = own
                if floats:
                    self.floats -= 1
                else:
                    self.ints -= 1

    def fits(self, at: i64) -> bool:
        """Whether the constant operand ``at`` can be written as one hole of 32 bits."""
        valtype = self.kinds[at] >> 4
        if valtype == TYPE_I64:
            value = self.payloads[at]
            return value >= 0 and value <= _MAX_INT_CONSTANT
        return valtype <= TYPE_F32

    def to_register(self, at: i64) -> None:
        """Brings an operand that is in no register into the next one."""
        kind = self.kinds[at]
        valtype = kind >> 4
        floats = valtype >= TYPE_F32
        self._put_above(at, floats)
        if (self.floats if floats else self.ints) == REGISTERS:
            self.spill()
        index = self.floats if floats else self.ints
        place = kind & 15
        payload = self.payloads[at]
        library = self.library
        if place != CONSTANT:
            number = library.number(library.move[valtype] + place * REGISTERS + index)
            self.emit(number, payload, 0, 0, 0, 0)
        elif valtype == TYPE_I32 or (valtype == TYPE_I64 and self.fits(at)):
            number = library.number(library.move[valtype] + CONSTANT * REGISTERS + index)
            self.emit(number, payload, 0, 0, 0, 0)
        elif valtype == TYPE_V128:
            low, high = self.vectors[payload]
            number = library.number(library.first("const.v128") + index)
            self.emit(
                number,
                low & 0xFFFFFFFF,
                (low >> 32) & 0xFFFFFFFF,
                high & 0xFFFFFFFF,
                (high >> 32) & 0xFFFFFFFF,
                0,
            )
        else:
            name = "const.f32"
            if valtype == TYPE_I64:
                name = "const.i64"
            elif valtype == TYPE_F64:
                name = "const.f64"
            number = library.number(library.first(name) + index)
            self.emit(number, payload & 0xFFFFFFFF, (payload >> 32) & 0xFFFFFFFF, 0, 0, 0)
        self.kinds[at] = valtype << 4 | REGISTER
        self.payloads[at] = index
        if floats:
            self.floats += 1
        else:
            self.ints += 1

    def spill(self) -> None:
        """Puts all operands that are in registers into their slots."""
        for i in range(self.height - 1, self.flushed - 1, -1):
            if self.kinds[i] & 15 == REGISTER:
                self.put(i)

    def leave_registers(self) -> None:
        """Before a call: nothing is in a register any more."""
        for i in range(self.height - 1, self.flushed - 1, -1):
            kind = self.kinds[i]
            place = kind & 15
            if place == REGISTER:
                self.put(i)
            elif place < FRAME:
                self.kinds[i] = kind & ~15 | FRAME
        self.lose()

    def lose(self) -> None:
        """Notes that something was called: only what callees keep is still in registers."""
        self.valid &= self.kept_pins

    def flush(self, params: i64) -> None:
        """At the start of a block: operands are in their slots, or constants below ``params``."""
        for i in range(self.flushed, self.height):
            if self.kinds[i] & 15 != CONSTANT:
                self.put(i)
        for i in range(self.height - params, self.height):
            self.put(i)
        self.flushed = self.height

    # Locals

    def local_get(self, index: i64) -> None:
        """Pushes a local; it is read when it is used."""
        place = self.local_pins[index]
        if place != FRAME:
            self.need(1 << self.pin_bit(index))
        self.push(self.local_types[index] << 4 | place, index * self.step)

    def pin_bit(self, index: i64) -> i64:
        """The number of a pinned local's register."""
        bit = self.local_pins[index] - PIN
        return bit + PINNED if self.local_types[index] >= TYPE_F32 else bit

    def need(self, pins: i64) -> None:
        """Reads pinned locals whose registers do not hold them."""
        missing = pins & ~self.valid
        if missing == 0:
            return
        library = self.library
        for bit in range(2 * PINNED):
            if missing >> bit & 1 != 0:
                local = self.pinned[bit]
                first = library.reload[self.local_types[local]]
                pin = bit - PINNED if bit >= PINNED else bit
                self.emit(library.number(first + pin), local * self.step, 0, 0, 0, 0)
        self.valid |= missing

    def local_set(self, index: i64, keep: bool) -> None:
        """Writes the top operand to a local; ``keep`` says that it stays."""
        at = self.height - 1
        offset = index * self.step
        for i in range(self.flushed, at):
            place = self.kinds[i] & 15
            if place != CONSTANT and place != REGISTER and self.payloads[i] == offset:
                self.put(i)
        if self.kinds[at] & 15 == CONSTANT and not self.fits(at):
            self.to_register(at)
        kind = self.kinds[at]
        place = kind & 15
        payload = self.payloads[at]
        valtype = kind >> 4
        home = self.local_pins[index]
        library = self.library
        if home == FRAME:
            if place != FRAME or payload != offset:
                self.store(at, offset)
            if keep:
                if place != REGISTER and place != CONSTANT:
                    self.kinds[at] = valtype << 4 | FRAME
                    self.payloads[at] = offset
            else:
                self.drop()
            return
        if place == CONSTANT and valtype == TYPE_F32:
            self.to_register(at)
            place = REGISTER
            payload = self.payloads[at]
        if not (place == home and payload == offset):
            variant = place * REGISTERS
            if place == REGISTER:
                variant += payload
            first = library.pin[valtype] + variant * PINNED + home - PIN
            self.emit(library.number(first), payload, 0, 0, offset, 0)
            self.valid |= 1 << self.pin_bit(index)
        self.drop()
        if keep:
            self.push(valtype << 4 | home, offset)
