"""Which functions are compiled together, so that LLVM can inline."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from wasmwright import tuning
from wasmwright.binary.bodies import callees, carried, merges
from wasmwright.model.module import Module

_MANY: Final = -1  # callers


class Company:
    """The functions of a module by who calls whom directly."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._first = module.imported_funcs

    def size(self, index: int) -> int:
        """The bytes of a defined function's body."""
        code = self._module.codes[index - self._first]
        return code.end - code.start

    def is_heavy(self, index: int) -> bool:
        """Whether better code of a function would take LLVM too long, or too much memory."""
        number = index - self._first
        return (
            self.size(index) > tuning.HOT_BODY
            or merges(self._module, number, tuning.MOST_MERGES) > tuning.MOST_MERGES
            or carried(self._module, number, tuning.MOST_CARRIED) > tuning.MOST_CARRIED
        )

    def neighbours(self, index: int, done: Sequence[int], size: int, again: int = 0) -> list[int]:
        """The function ``index``, and nearest first those that it calls, which may follow soon.

        Those that have something in ``done`` are left out if they have more than ``again`` bytes;
        ``size`` are the bytes of all bodies.
        """
        group = [index]
        members = {index}
        room = size - self.size(index)
        for caller in group:
            for callee in callees(self._module, caller - self._first):
                if callee < self._first or callee in members:
                    continue
                members.add(callee)
                body = self.size(callee)
                room -= body
                if room < 0:
                    return group
                if body <= again or not done[callee - self._first]:
                    group.append(callee)
        return group

    def hot(self, index: int, done: Sequence[int]) -> list[int]:
        """What to compile with the function ``index``, which is hot.

        That is what it calls, and what alone calls it, as far as one unit has room for both: a loop
        in a function with one caller may be worth inlining where its parameters are known.
        """
        group = self._hot_below(index, done)
        for _ in range(tuning.HOT_CALLERS):
            caller = self._callers.get(group[0], _MANY)
            if caller == _MANY or caller == group[0] or done[caller - self._first]:
                break
            wider = self._hot_below(caller, done)
            if not set(group) <= set(wider):
                break
            group = wider
        return group

    def _hot_below(self, index: int, done: Sequence[int]) -> list[int]:
        return self.neighbours(index, done, tuning.LAZY_UNIT, tuning.INLINED_AGAIN)

    @functools.cached_property
    def _callers(self) -> dict[int, int]:
        """By function, the only one that calls it; only of modules that are not too large."""
        codes = self._module.codes
        found: dict[int, int] = {}
        if codes[-1].end - codes[0].start > tuning.BASELINE_WHOLE:
            return found
        for number in range(len(codes)):
            for callee in callees(self._module, number):
                found[callee] = _MANY if callee in found else self._first + number
        return found
