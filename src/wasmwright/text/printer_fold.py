"""A function body as folded instructions: operands inside the parentheses of what takes them.

A body becomes a tree of numbered nodes, one an instruction, and the tree becomes lines. Both
are done with stacks of their own, however deep the nesting.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.cursor import read_opcode
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError
from wasmwright.isa import slot
from wasmwright.text.printer_arity import Arity
from wasmwright.text.printer_flat import (
    ARM,
    END,
    OPEN,
    PLAIN,
    ROLES,
    Hints,
    has_arm,
    leftover,
    misplaced,
)
from wasmwright.text.printer_instructions import MNEMONICS, Instructions
from wasmwright.text.printer_lines import MAX_INDENT, NOWHERE, Lines

_IF: Final = slot("if")
_TRY: Final = slot("try")

# What the folded form calls the first arm of a block.
_FIRST_ARM: Final[dict[int, bytes]] = {_IF: b"then", _TRY: b"do"}

_WIDTH: Final = 100  # columns that a folded line may have
_TALL: Final = 1 << 30  # the width of what is never written in one line
_NONE: Final = -1


class Folded:
    """Prints bodies; `body` is called for one after the other.

    Nodes are indices into the lists. A node that is a comment has no parentheses.
    """

    __slots__ = (
        "_annotations",
        "_arity",
        "_children",
        "_comments",
        "_frames",
        "_heads",
        "_instructions",
        "_items",
        "_leaves",
        "_lines",
        "_offsets",
        "_openers",
        "_scratch",
        "_widths",
    )

    def __init__(self, lines: Lines, instructions: Instructions, arity: Arity) -> None:
        """``instructions`` must write to a writer of its own, not to that of ``lines``."""
        self._lines = lines
        self._instructions = instructions
        self._arity = arity
        self._scratch: BytesWriter = instructions.out
        self._clear()

    def _clear(self) -> None:
        # By node
        self._heads: list[bytes] = []
        self._offsets: list[int] = []
        self._children: list[list[int]] = []
        self._leaves: list[int] = []
        self._widths: list[int] = []
        self._annotations: dict[int, bytes] = {}
        self._comments: set[int] = set()
        # The open blocks: each one's node, and what it holds; `_items` are the innermost one's,
        # or those of its last arm.
        self._openers: list[int] = []
        self._frames: list[list[int]] = []
        self._items: list[int] = []

    def body(self, reader: Reader, depth: i64, results: i64, hints: Hints | None) -> None:
        """The instructions from ``reader`` to its end, ``depth`` steps in.

        The function has ``results`` results.
        """
        self._clear()
        self._arity.labels = [results]
        pos = reader.pos
        try:
            while True:
                pos = reader.pos
                opcode = read_opcode(reader)
                if ROLES[opcode] == END and not self._openers:
                    if reader.pos == reader.end:
                        break
                    self._comment(f"error: the function ends here, its body at 0x{reader.end:x}")
                    continue
                self._instruction(reader, opcode, pos, hints)
        except CompileError as error:
            self._scratch.truncate(0)
            self._comment(f"error: {error}")
            left = leftover(reader, pos)
            if left:
                self._comment(left)
            while self._openers:
                self._close()
        for node in self._items:
            self._write(node, depth)

    # From bytes to nodes

    def _node(self, head: bytes, offset: i64, leaves: i64, children: list[int]) -> i64:
        self._heads.append(head)
        self._offsets.append(offset)
        self._leaves.append(leaves)
        self._children.append(children)
        width: i64 = len(head) + 2
        for child in children:
            width += self._widths[child] + 1
        self._widths.append(width if width < _TALL else _TALL)
        return len(self._heads) - 1

    def _comment(self, text: str) -> None:
        node = self._node(text.encode("utf-8"), NOWHERE, 0, [])
        self._widths[node] = _TALL
        self._comments.add(node)
        self._items.append(node)

    def _head(self) -> bytes:
        head = self._scratch.getvalue()
        self._scratch.truncate(0)
        return head

    def _operands(self, takes: i64) -> list[int]:
        """Take nodes that leave at most so many values off the end of what stands here."""
        items = self._items
        first: i64 = len(items)
        while takes > 0 and first > 0:
            leaves: i64 = self._leaves[items[first - 1]]
            if leaves == 0 or leaves > takes:
                break
            takes -= leaves
            first -= 1
        taken = items[first:]
        del items[first:]
        return taken

    def _instruction(self, reader: Reader, opcode: i64, pos: i64, hints: Hints | None) -> None:
        role: i64 = ROLES[opcode]
        if role == END:
            self._close()
        elif role == ARM:
            self._arm(reader, opcode, pos)
        elif role == OPEN:
            self._open(reader, opcode, pos, hints)
        elif role == PLAIN:
            arity = self._arity
            arity.of(reader, opcode)
            self._instructions.head(reader, opcode)
            node = self._node(self._head(), pos, arity.leaves, self._operands(arity.takes))
            self._annotate(node, pos, hints)
            self._items.append(node)
        else:
            self._delegate(reader, opcode, pos)

    def _annotate(self, node: i64, pos: i64, hints: Hints | None) -> None:
        if hints is not None and pos in hints:
            self._annotations[node] = hints[pos]
            self._widths[node] = _TALL

    def _open(self, reader: Reader, opcode: i64, pos: i64, hints: Hints | None) -> None:
        instructions = self._instructions
        labels = instructions.labels
        self._arity.block(reader, opcode)
        self._scratch.write(MNEMONICS[opcode])
        mark = labels.next_mark()
        self._scratch.write(mark)
        instructions.immediates(reader, opcode)
        labels.enter()
        if not mark:
            self._scratch.write(b" (;@" + str(int(labels.depth)).encode("ascii") + b";)")
        node = self._node(self._head(), pos, self._arity.leaves, self._operands(self._arity.takes))
        self._widths[node] = _TALL
        self._annotate(node, pos, hints)
        self._items.append(node)
        self._openers.append(opcode)
        self._frames.append(self._items)
        self._items = self._children[node]
        first = _FIRST_ARM.get(opcode)
        if first is not None:
            self._begin_arm(first, NOWHERE)

    def _begin_arm(self, head: bytes, pos: i64) -> None:
        """Go into an arm of the innermost block, whose node holds it."""
        arm = self._node(head, pos, 0, [])
        self._widths[arm] = _TALL
        self._children[self._frames[-1][-1]].append(arm)
        self._items = self._children[arm]

    def _arm(self, reader: Reader, opcode: i64, pos: i64) -> None:
        self._instructions.head(reader, opcode)
        head = self._head()
        if self._openers and has_arm(self._openers[-1], opcode):
            self._begin_arm(head, pos)
        else:
            self._items.append(self._node(head, pos, 0, []))
            self._comment("error: " + misplaced(opcode))

    def _close(self) -> None:
        """Go out of the innermost block."""
        self._openers.pop()
        self._items = self._frames.pop()
        self._arity.labels.pop()
        self._instructions.labels.leave()

    def _delegate(self, reader: Reader, opcode: i64, pos: i64) -> None:
        well_placed = len(self._openers) > 0 and self._openers[-1] == _TRY
        if self._openers:
            self._close()
        self._instructions.head(reader, opcode)
        node = self._node(self._head(), pos, 0, [])
        if well_placed:
            self._children[self._items[-1]].append(node)
        else:
            self._items.append(node)
            self._comment("error: " + misplaced(opcode))

    # From nodes to lines

    def _write(self, root: i64, depth: i64) -> None:
        """One node and all below it."""
        out = self._lines.out
        nodes: list[int] = []
        places: list[int] = []  # how many children of each are written
        flat_from: i64 = _TALL  # the height of `nodes` from which all is in one line
        after_comment = False
        node: i64 = root
        while True:
            height: i64 = len(nodes)
            if node in self._comments:
                self._lines.comment(depth + height, self._heads[node].decode("utf-8"))
                after_comment = True
            else:
                if height >= flat_from:
                    out.append(0x20)
                else:
                    self._begin(node, depth + height)
                    if self._fits(node, depth + height):
                        flat_from = height + 1
                after_comment = False
                out.append(0x28)
                out.write(self._heads[node])
                nodes.append(node)
                places.append(0)
            node = _NONE
            while nodes:
                children = self._children[nodes[-1]]
                place = places[-1]
                if place < len(children):
                    places[-1] = place + 1
                    node = children[place]
                    break
                nodes.pop()
                places.pop()
                if after_comment:
                    self._lines.line(depth + len(nodes))
                    after_comment = False
                out.append(0x29)
                if len(nodes) < flat_from:
                    flat_from = _TALL
            if node == _NONE:
                return

    def _begin(self, node: i64, depth: i64) -> None:
        self._lines.line(depth, self._offsets[node])
        annotation = self._annotations.get(node)
        if annotation is not None:
            self._lines.out.write(annotation)

    def _fits(self, node: i64, depth: i64) -> bool:
        """Whether a node can be written in one line; not where each is to show its offset."""
        indent = depth if depth < MAX_INDENT else MAX_INDENT
        width: i64 = self._widths[node]
        return not self._lines.offsets and width + 2 * indent <= _WIDTH
