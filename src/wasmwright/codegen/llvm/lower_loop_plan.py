"""What is known of a loop before it runs, made by the scan and used by the lowering of loops."""

from __future__ import annotations

from typing import Final

_MASK: Final = 0xFFFFFFFF
_MAX_TERMS: Final = 4


def signed(value: int) -> int:
    """A number modulo 2^32 as an i32 has it."""
    value &= _MASK
    return value - (1 << 32) if value >= 1 << 31 else value


class Form:
    """A linear form of locals: ``const + sum of factor * local``, all modulo 2^32."""

    def __init__(self, const: int, terms: dict[int, int]) -> None:
        self.const: int = const & _MASK
        self.terms: dict[int, int] = terms

    def plus(self, other: Form, factor: int) -> Form | None:
        """This and a multiple of another; None if it has too many terms."""
        terms = self.terms.copy()
        for local, coefficient in other.terms.items():
            total = (terms.get(local, 0) + factor * coefficient) & _MASK
            if total:
                terms[local] = total
            else:
                terms.pop(local, None)
        if len(terms) > _MAX_TERMS:
            return None
        return Form(self.const + factor * other.const, terms)

    def scaled(self, factor: int) -> Form:
        """A multiple of this."""
        terms: dict[int, int] = {}
        for local, coefficient in self.terms.items():
            product = coefficient * factor & _MASK
            if product:
                terms[local] = product
        return Form(self.const * factor, terms)

    def key(self) -> str:
        """The same text for forms that differ in their constants only."""
        return " ".join([f"{local}*{self.terms[local]}" for local in sorted(self.terms)])


class Access:
    """A load or store: where it is in the binary, its address in the round, its reach."""

    def __init__(
        self, place: int, opcode: int, memory: int, form: Form, offset: int, size: int
    ) -> None:
        self.place: int = place
        self.opcode: int = opcode  # its slot
        self.memory: int = memory
        self.form: Form = form
        self.offset: int = offset
        self.size: int = size


class Group:
    """Accesses at constant distances: the first's address, the step, and how far they reach.

    ``first`` is the lowest address in the first round, ``reach`` the end of the farthest
    access from there. ``written`` says whether one is a store.
    """

    def __init__(self, memory: int, first: Form, step: Form) -> None:
        self.memory: int = memory
        self.first: Form = first
        self.step: Form = step
        self.reach: int = 0
        self.written: bool = False
        self.accesses: list[Access] = []


class Carried:
    """A local that each round takes over from the one before, which loads it for that.

    While nothing writes to its group's range, each round can load it for the next one as the
    first thing it does. ``distance`` is from the group's first in the round to where the value
    that the round itself was given came from.
    """

    def __init__(self, local: int, opcode: int, group: int, distance: int) -> None:
        self.local: int = local
        self.opcode: int = opcode  # the load's slot
        self.group: int = group
        self.distance: int = distance


class LoopPlan:
    """What makes a loop's trip count and addresses computable where it starts.

    The loop goes on while ``relation`` holds between two forms that change by ``step`` a round:
    between ``left``, as it is when they are first compared, and ``right``, which never changes.
    They are compared at the end of each round, or (``top``) before it. ``places`` tells, by its
    place in the binary, an access's group and its distance from the group's first.
    """

    def __init__(self, relation: str, left: Form, right: Form, step: int, top: bool) -> None:
        self.relation: str = relation
        self.left: Form = left
        self.right: Form = right
        self.step: int = step
        self.top: bool = top
        self.groups: list[Group] = []
        self.places: dict[int, tuple[int, int]] = {}
        self.carried: list[Carried] = []
        # Groups, two by two, that must not overlap, one of them written to.
        self.apart: set[tuple[int, int]] = set()
        # How many copies of one shorter round a round is. If several, the loop runs the first copy
        # only, without the others' stores (``dropped``), for all rounds but the last. ``counted``
        # are locals that change by a constant a round.
        self.copies: int = 1
        self.dropped: set[int] = set()
        self.counted: dict[int, int] = {}
        # While the loop is being written without checks: of each group where it begins and ends
        # in its memory, the pointer in the first round and in the current one, and the step; what
        # carried locals are in the next round, and counted ones before the loop; the counter of
        # rounds, its next value, the number of rounds, that of rounds before the last of the loop
        # as it stands, and the block before the loop.
        self.lows: list[str] = []
        self.tops: list[str] = []
        self.bases: list[str] = []
        self.pointers: list[str] = []
        self.steps: list[str] = []
        self.loaded: list[str] = []
        self.starts: dict[int, str] = {}
        self.counter: str = ""
        self.next: str = ""
        self.rounds: str = ""
        self.last: str = ""
        self.before: str = ""
        self.entered: bool = False  # the comparison at the head is written
