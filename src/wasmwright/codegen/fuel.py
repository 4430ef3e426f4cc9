"""What code that consumes fuel is charged, and where: one definition, for both back ends.

Code is charged by the *stretch*: instructions of which the first is followed by all others, unless
one of them traps, throws or is interrupted. A stretch ends with an instruction that control may
leave or be joined at, and is charged as a whole where its first instruction that costs anything
begins, one unit for each that does. At the head of a function or loop it is then checked whether
there was as much; other code only goes on to an end, or to such a head. So a call may consume more
than there is, by what is between two heads, and traps at the second.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.isa import SLOTS, slot

_FREE_NAMES: Final = (
    "nop drop block loop unreachable return else end catch catch_all delegate"
).split()
_LAST_NAMES: Final = (
    "loop if else end br br_if br_table return unreachable "
    "br_on_null br_on_non_null br_on_cast br_on_cast_fail "
    "return_call return_call_indirect return_call_ref "
    "throw throw_ref rethrow catch catch_all delegate"
).split()


def _table(names: list[str]) -> list[bool]:
    slots = [slot(name) for name in names]
    return [number in slots for number in range(SLOTS)]


# By slot: instructions that cost nothing, since they do nothing by themselves; those that a stretch
# ends with.
_FREE: Final[list[bool]] = _table(_FREE_NAMES)
_LAST: Final[list[bool]] = _table(_LAST_NAMES)
_LOOP: Final = slot("loop")


class Meter:
    """What the present stretch of a function costs so far.

    A back end shows it each instruction that is not dead, in order: ``begins`` before it is
    compiled, which says that the stretch is to be charged from there on, and then ``ends``, which
    says that its ``cost`` is known. After that comes ``close``.
    """

    __slots__ = ("checked", "cost")

    def __init__(self) -> None:
        # A function costs something itself, so that one that only calls others comes to an end.
        self.cost: i64 = 1
        self.checked: bool = True

    def begins(self, opcode: i64) -> bool:
        """Counts an instruction; whether the stretch costs something from here on."""
        if _FREE[opcode]:
            return False
        self.cost += 1
        return self.cost == 1

    def ends(self, opcode: i64) -> bool:
        """Whether a stretch that costs something ends with this instruction."""
        return self.cost > 0 and _LAST[opcode]

    def close(self, opcode: i64) -> None:
        """Begins the stretch behind an instruction, which may be the last of the one before."""
        if _LAST[opcode]:
            if self.cost > 0:
                self.checked = False
            self.cost = 0
            if opcode == _LOOP:
                self.checked = True
