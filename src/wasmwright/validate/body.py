"""The state of one function body's (or constant expression's) validation.

Brings together the reader, the two stacks and the locals, and reads the immediates that more
than one family of instructions has, each checked against the context.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from wasmwright.binary.reader import Reader
from wasmwright.model.types import BLOCK_INDEX, BOT, NULL, REF
from wasmwright.validate.context import EMPTY, Context, unknown
from wasmwright.validate.locals import Locals
from wasmwright.validate.stack import NO_FRAME, Stack

FUNCTION: Final = 0  # the kind of a body's outermost frame; no rule has this number


class Body:
    """What the rules check one body with; used for one after the other.

    ``at`` is the offset of the current instruction, ``signature`` its packed rule; ``params`` and
    ``results`` the packed types of the body.
    """

    __slots__ = (
        "at", "context", "locals", "params", "reader",
        "results", "signature", "signatures", "stack",
    )  # fmt: skip

    def __init__(self, context: Context, signatures: vec[i64]) -> None:
        self.context: Context = context
        self.reader: Reader = Reader(context.module.data, 0, 0, context.features)
        self.stack: Stack = Stack(context)
        self.locals: Locals = Locals(context)
        self.signatures: vec[i64] = signatures
        self.signature: i64 = 0
        self.at: i64 = 0
        self.params: i64 = EMPTY
        self.results: i64 = EMPTY

    def start(
        self, start: i64, end: i64, params: i64, results: i64, runs: tuple[tuple[int, int], ...]
    ) -> None:
        """Begin a body at ``data[start:end]``; ``runs`` are its declarations of locals."""
        self.reader.pos = start
        self.reader.end = end
        self.at = start
        self.params = params
        self.results = results
        stack = self.stack
        stack.height = 0
        stack.top = NO_FRAME
        stack.enter(FUNCTION, EMPTY, results, results, 0)
        self.locals.start(params, runs, end - start)

    # Immediates

    def func(self) -> i64:
        """A function index."""
        index = self.reader.u32()
        if index >= len(self.context.funcs):
            raise unknown("function", index)
        return index

    def func_type(self) -> i64:
        """The index of a function type."""
        return self.context.func_type(self.reader.u32())

    def global_(self) -> i64:
        """A global index."""
        index = self.reader.u32()
        if index >= len(self.context.globals):
            raise unknown("global", index)
        return index

    def memory(self) -> i64:
        """A memory, by its index; its address type."""
        return self.memory_type(self.reader.u32())

    def memory_type(self, index: i64) -> i64:
        """The address type of the memory with this index."""
        if index >= len(self.context.memories):
            raise unknown("memory", index)
        return self.context.memories[index]

    def table(self) -> i64:
        """A table index."""
        index = self.reader.u32()
        if index >= len(self.context.tables):
            raise unknown("table", index)
        return index

    def elem_type(self, index: i64) -> i64:
        """The reference type of the element segment with this index."""
        if index >= len(self.context.elems):
            raise unknown("elem segment", index)
        return self.context.elems[index]

    def tag(self) -> i64:
        """The packed parameters of a tag, by its index."""
        index = self.reader.u32()
        if index >= len(self.context.tags):
            raise unknown("tag", index)
        return self.context.params[self.context.tags[index]]

    def label(self) -> i64:
        """The frame of a label, by its relative depth."""
        return self.stack.frame(self.reader.u32())

    def heaptype(self) -> i64:
        """A heap type."""
        return self.context.heaptype(self.reader.heaptype())

    def blocktype(self) -> tuple[i64, i64]:
        """The packed parameters and results of a block type."""
        code = self.reader.blocktype()
        if code == BOT:
            return EMPTY, EMPTY
        if code & BLOCK_INDEX != 0:
            index = self.context.func_type(code & ~BLOCK_INDEX)
            return self.context.params[index], self.context.results[index]
        return EMPTY, self.context.single(self.context.valtype(code))

    def type_ref(self, index: i64, null: bool) -> i64:
        """The reference to a type of the module, by its checked index."""
        return REF | (NULL if null else 0) | self.context.ids[index]
