"""A block that is open while a function is lowered."""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_handler import Handler
from wasmwright.codegen.llvm.lower_loop_plan import LoopPlan


class Frame:
    """A block that is open: what a branch to it carries, and where it came from."""

    def __init__(
        self, kind: int, height: int, params: list[int], results: list[int], label: str
    ) -> None:
        self.kind: int = kind
        self.height: int = height
        self.params: list[int] = params
        self.results: list[int] = results
        self.label: str = label
        self.branched: bool = False
        # The blocks that branch to the label, and the values they bring, one row a block.
        self.sources: list[str] = []
        self.values: list[str] = []
        # Of a loop: where its header's phis stand in the text, and their names.
        self.header: int = 0
        self.phis: list[str] = []
        # Of a loop that is written twice (see `lower_loops`): its plan, while it is the copy
        # without checks; where its body starts, the label of the other copy, the block that
        # branches back, and the frame in which the copies meet.
        self.plan: LoopPlan | None = None
        self.body: i64 = 0
        self.other: str = ""
        self.latch: str = ""
        self.join: Frame | None = None
        # Of an if around all of such a loop but its comparison.
        self.heads: bool = False
        # Of an if: its other branch, and what was known before it.
        self.else_label: str = ""
        self.else_values: list[str] = []
        self.locals: dict[int, str] = {}
        self.known: dict[str, str] = {}
        # Where operands are kept that are below it, but in the block around (see `lower_entry`).
        self.below: list[str] = []
        # Of a block that catches exceptions.
        self.handler: Handler | None = None
