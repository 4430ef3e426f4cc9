"""A block, loop, conditional or function body that is being compiled."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

# Kinds of frames.
BODY: Final = 0
BLOCK: Final = 1
LOOP: Final = 2
IF: Final = 3
ELSE: Final = 4
TRY_BODY: Final = 5  # what a handler protects
TRY: Final = 6  # the rest of a legacy `try`: its `catch` parts


# What most labels have for parameters and results.
NOTHING: Final[list[int]] = []


class Frame:
    """A label and the state that branches to it bring about.

    ``height`` is the operand stack's below the parameters. ``pins`` are the locals that are in
    their registers at the label, -1 while nothing branched to it; ``waiting`` are the places in the
    code that wait for the label: pairs of the place and what the distance counts from, or -1 for a
    jump.
    """

    __slots__ = (
        "clauses",
        "condition",
        "entry_pins",
        "handler",
        "height",
        "kind",
        "loops",
        "otherwise",
        "params",
        "pins",
        "position",
        "results",
        "waiting",
    )

    def __init__(self, kind: i64, height: i64, params: list[int], results: list[int]) -> None:
        self.kind: i64 = kind
        self.height: i64 = height
        self.params: list[int] = params
        self.results: list[int] = results
        self.pins: i64 = -1
        self.position: i64 = -1  # of a loop's head
        self.loops: i64 = 0  # how many there are around it, with itself
        self.waiting: vec[i64] = vec[i64]()
        self.condition: i64 = -1  # of an `if`: the place that waits for its other branch
        self.entry_pins: i64 = 0
        self.handler: i64 = -1  # of a block that catches
        # Of a `try_table`: its clauses' kinds, tags (or -1), and depths of labels.
        self.clauses: list[tuple[int, int, int]] = []
        # Of a legacy `try`: the place that waits for what comes if no clause so far fits, or -1.
        self.otherwise: i64 = -1
