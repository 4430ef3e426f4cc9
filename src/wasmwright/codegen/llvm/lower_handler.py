"""The catching part of a block, while what it protects is lowered."""

from __future__ import annotations


class Handler:
    """Where exceptions go that are thrown in a block's body.

    A call in the body unwinds to ``pad``, a throw branches to ``dispatch``, with the exception:
    ``sources`` are the blocks that branch there, ``values`` what they bring. There the clauses
    are tried; ``exception`` is the name that it has from there on.
    """

    def __init__(self, pad: str, dispatch: str) -> None:
        self.pad: str = pad
        self.dispatch: str = dispatch
        self.invoked: bool = False  # whether something unwinds to the pad
        self.sources: list[str] = []
        self.values: list[str] = []
        self.exception: str = ""
        # Of a `try_table`: its clauses' kinds, tags (or -1), and depths of labels.
        self.clauses: list[tuple[int, int, int]] = []
        # Of a legacy `try`: where it goes on if the clauses so far do not match, or "".
        self.otherwise: str = ""
        # Where its clauses find the exception if the function may be entered there, or "".
        self.place: str = ""
