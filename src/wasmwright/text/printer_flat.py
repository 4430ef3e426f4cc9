"""A function body as plain instructions, one a line, blocks indented.

Reads the bytes of a body with the cursor that everything else uses, and writes whatever they
are: a body that is not well-formed is printed as far as it goes, with a comment that begins
with ``;; error:`` where it stops making sense.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import read_opcode
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError
from wasmwright.isa import SLOTS, slot
from wasmwright.text.printer_instructions import MNEMONICS, Instructions
from wasmwright.text.printer_lines import Lines

# By slot: what an instruction does to the blocks that are open.
PLAIN: Final = 0
OPEN: Final = 1
END: Final = 2
ARM: Final = 3  # ends one arm of a block and begins another
DELEGATE: Final = 4  # ends a try block, and names a label outside of it
ROLES: Final[list[int]] = [PLAIN] * SLOTS
for _name in ("block", "loop", "if", "try", "try_table"):
    ROLES[slot(_name)] = OPEN
for _name in ("else", "catch", "catch_all"):
    ROLES[slot(_name)] = ARM
ROLES[slot("end")] = END
ROLES[slot("delegate")] = DELEGATE

_IF: Final = slot("if")
_ELSE: Final = slot("else")
_TRY: Final = slot("try")

_SHOWN_BYTES: Final = 32

# Offsets to annotations, for one function.
Hints = dict[int, bytes]


class Flat:
    """Prints bodies; `body` is called for one after the other."""

    __slots__ = ("_instructions", "_lines", "_mark", "_openers", "_pos")

    def __init__(self, lines: Lines, instructions: Instructions) -> None:
        self._lines = lines
        self._instructions = instructions
        self._openers: list[int] = []
        self._pos: i64 = 0  # of the last instruction, and where its text begins
        self._mark: i64 = 0

    def body(self, reader: Reader, depth: i64, hints: Hints | None) -> None:
        """The instructions from ``reader`` to its end, ``depth`` steps in."""
        self._openers = []
        self._pos = reader.pos
        self._mark = len(self._lines.out)
        try:
            self._body(reader, depth, hints)
        except CompileError as error:
            self._lines.out.truncate(self._mark)
            report(self._lines, depth + len(self._openers), str(error))
            left = leftover(reader, self._pos)
            if left:
                self._lines.comment(depth + len(self._openers), left)

    def _body(self, reader: Reader, base: i64, hints: Hints | None) -> None:
        lines = self._lines
        out = lines.out
        instructions = self._instructions
        labels = instructions.labels
        openers = self._openers
        end = reader.end
        depth = base
        while True:
            pos = reader.pos
            self._pos = pos
            self._mark = len(out)
            opcode = read_opcode(reader)
            role: i64 = ROLES[opcode]
            if role == PLAIN:
                lines.line(depth, pos)
                if hints is not None and pos in hints:
                    out.write(hints[pos])
                instructions.head(reader, opcode)
            elif role == OPEN:
                lines.line(depth, pos)
                if hints is not None and pos in hints:
                    out.write(hints[pos])
                self._open(reader, opcode)
                openers.append(opcode)
                depth += 1
            elif role == END:
                if not openers:
                    if pos + 1 == end:
                        return
                    lines.line(depth, pos)
                    out.write(MNEMONICS[opcode])
                    report(lines, depth, f"the function ends here, its body at 0x{end:x}")
                    continue
                depth -= 1
                lines.line(depth, pos)
                out.write(MNEMONICS[opcode])
                openers.pop()
                labels.leave()
            elif role == ARM:
                lines.line(depth - 1 if openers else depth, pos)
                instructions.head(reader, opcode)
                if not openers or not has_arm(openers[-1], opcode):
                    report(lines, depth, misplaced(opcode))
            else:
                well_placed = len(openers) > 0 and openers[-1] == _TRY
                if openers:
                    depth -= 1
                    openers.pop()
                    labels.leave()
                lines.line(depth, pos)
                instructions.head(reader, opcode)
                if not well_placed:
                    report(lines, depth, misplaced(opcode))

    def _open(self, reader: Reader, opcode: i64) -> None:
        """A block's first line: the label's name, or a comment that numbers it, comes with it."""
        instructions = self._instructions
        labels = instructions.labels
        out = self._lines.out
        out.write(MNEMONICS[opcode])
        mark = labels.next_mark()
        out.write(mark)
        instructions.immediates(reader, opcode)
        labels.enter()
        if not mark:
            out.write(b" ;; label = @" + str(int(labels.depth)).encode("ascii"))


def has_arm(opener: i64, arm: i64) -> bool:
    """Whether blocks that begin with the one may have the other in them."""
    return opener == _IF if arm == _ELSE else opener == _TRY


def misplaced(opcode: i64) -> str:
    """What is wrong with an ``else``, ``catch`` … that belongs to no block."""
    return f"{MNEMONICS[opcode].decode('ascii')} without a block that it belongs to"


def report(lines: Lines, depth: i64, message: str) -> None:
    """The comment that says what is wrong with the code printed so far."""
    lines.comment(depth, "error: " + message)


def leftover(reader: Reader, pos: i64) -> str:
    """The bytes of a body from ``pos`` on, which could not be printed, the first spelled out."""
    left = reader.data[pos : reader.end]
    if not left:
        return ""
    shown = left[:_SHOWN_BYTES].hex(" ")
    more = " …" if len(left) > _SHOWN_BYTES else ""
    return f"the body goes on with {len(left)} bytes: {shown}{more}"
