"""A block, loop, conditional or function body that is being compiled."""

from __future__ import annotations

from librt.vecs import vec
from mypy_extensions import i64


class Frame:
    """A label and the state that branches to it bring about.

    ``height`` is the operand stack's below the parameters. ``pins`` are the locals that are in
    their registers at the label, -1 while nothing branched to it; ``waiting`` are the places in
    the code that wait for the label: pairs of the place and what the distance counts from.
    """

    __slots__ = (
        "condition",
        "entry_pins",
        "height",
        "kind",
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
        self.waiting: vec[i64] = vec[i64]()
        self.condition: i64 = -1  # of an `if`: the place that waits for its other branch
        self.entry_pins: i64 = 0
