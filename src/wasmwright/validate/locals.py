"""The locals of one function: their types, and which have been initialised.

Locals come as runs of equal types, of which a hostile module has far more than bytes; only
as many as the body could use by its size are laid out one by one, the others are searched for.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright import limits
from wasmwright.binary.reader import too_many
from wasmwright.model.types import BOT, defaultable
from wasmwright.validate.context import COUNT_BITS, COUNT_MASK, Context, unknown

UNSET: Final = 1 << 43  # added to the type of a local that has no value yet

_LAID_OUT_LEAST: Final = 64
_LAID_OUT_PER_BYTE: Final = 4


class Locals:
    """The types of a function's locals, parameters first.

    Of the first ``window`` locals, ``types`` has the type, with ``UNSET`` while the local must
    not be read. ``inits`` lists the locals that have lost the mark, in that order.
    """

    __slots__ = ("_context", "_ends", "_far", "_kinds", "count", "inits", "types", "window")

    def __init__(self, context: Context) -> None:
        self._context: Context = context
        self.types: vec[i64] = vec[i64]([BOT] * _LAID_OUT_LEAST)
        self.window: i64 = 0
        self.count: i64 = 0
        self.inits: list[int] = []
        self._ends: list[int] = []  # of the runs, parameters not included
        self._kinds: list[int] = []
        self._far: set[int] = set()  # locals beyond the window that have been initialised

    def start(self, params: i64, runs: tuple[tuple[int, int], ...], size: i64) -> None:
        """Take a function's packed parameters and its runs; ``size`` is its body's, in bytes."""
        context = self._context
        self.inits.clear()
        self._far.clear()
        self._ends.clear()
        self._kinds.clear()
        count: i64 = params & COUNT_MASK
        for run, valtype in runs:
            count += run
            if count > limits.MAX_LOCALS:
                raise too_many("locals", count, limits.MAX_LOCALS, "MAX_LOCALS", -1)
            kind = context.valtype(valtype)
            self._ends.append(count)
            self._kinds.append(kind if defaultable(kind) else kind | UNSET)
        self.count = count
        window = min(count, _LAID_OUT_LEAST + _LAID_OUT_PER_BYTE * size)
        while len(self.types) < window:
            self.types = append(self.types, BOT)
        self.window = window
        self._lay_out(params)

    def _lay_out(self, params: i64) -> None:
        types = self.types
        flat = self._context.flat
        place = params >> COUNT_BITS
        given = min(params & COUNT_MASK, self.window)
        i: i64 = 0
        while i < given:
            types[i] = flat[place + i]
            i += 1
        for run in range(len(self._ends)):
            kind: i64 = self._kinds[run]
            end = min(self._ends[run], self.window)
            while i < end:
                types[i] = kind
                i += 1

    def get(self, index: i64, params: i64) -> i64:
        """The type of a local, with ``UNSET`` while it must not be read.

        ``params`` is what the function was started with.
        """
        if index < self.window:
            return self.types[index]
        if index >= self.count:
            raise unknown("local", index)
        if index < params & COUNT_MASK:
            return self._context.flat[(params >> COUNT_BITS) + index]
        kind: i64 = self._kinds[bisect_right(self._ends, index)]
        return kind & ~UNSET if index in self._far else kind

    def init(self, index: i64) -> None:
        """Note that an ``UNSET`` local has been given a value."""
        if index < self.window:
            self.types[index] = self.types[index] & ~UNSET
        else:
            self._far.add(index)
        self.inits.append(index)

    def reset(self, height: i64) -> None:
        """Take back all but the first ``height`` initialisations."""
        while len(self.inits) > height:
            index = self.inits.pop()
            if index < self.window:
                self.types[index] = self.types[index] | UNSET
            else:
                self._far.discard(index)
