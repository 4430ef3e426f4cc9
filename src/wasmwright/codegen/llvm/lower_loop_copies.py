"""Loops whose round is several copies of a shorter one, as compilers unroll them.

The vectoriser takes such a round as it is: each of its loads gets every second element, or every
fourth, and much shuffling makes vectors of that. The shorter round has all of them in a row.

Copies are told by what they store. Each store of the first has one in every other copy, as far
behind its place as the copy's number says, and what that one writes is computed as there, from
loads that are as far behind the first copy's. (Loads may be shared between copies, and nothing else
is asked of them.) Then the first copy can do the work of all, at a fraction of the step. That it
does it in another order must not be seen: where two accesses change places, their bytes are apart,
which is known of two in one group, and tested of two groups when the loop starts.

Nothing but counted and carried locals may come from one round to the next. All others are left
to the loop as it stands, which does the last round.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm.lower_loop_plan import Carried, Form, LoopPlan, signed
from wasmwright.codegen.llvm.lower_loop_scan import Scan
from wasmwright.codegen.llvm.lower_loop_values import Value
from wasmwright.codegen.llvm.lower_memory import ACCESSES
from wasmwright.isa import INSTRUCTIONS, SLOTS

_MOST_STORES: Final = 64
_DEEPEST: Final = 100  # of what is stored: it is compared recursively

# Whose operands may change places, for a start those of scalars: others are not vectorised again.
_COMMUTATIVE: Final[list[bool]] = [False] * SLOTS
for _row in INSTRUCTIONS:
    _type, _, _operation = _row.name.partition(".")
    if _type in ("i32", "i64", "f32", "f64"):
        _COMMUTATIVE[_row.slot] = _operation in "add mul and or xor eq ne min max".split()


class Spot:
    """An access of the round: when it happens (its place in the binary), and to which bytes.

    ``distance`` is from where its group is in the round to its first byte. A carried local is one,
    too: it was loaded before the round, and ``when`` is -1.
    """

    __slots__ = ("distance", "group", "opcode", "size", "when")

    def __init__(self, when: int, opcode: int, group: int, distance: int) -> None:
        access = ACCESSES[opcode]
        assert access is not None
        self.when: int = when
        self.opcode: int = opcode
        self.group: int = group
        self.distance: int = distance
        self.size: int = access.size


class Part:
    """What an access is for: to do in a copy what another one does in the first copy."""

    __slots__ = ("copy", "first", "spot")

    def __init__(self, spot: Spot, copy: int, first: Spot) -> None:
        self.spot: Spot = spot
        self.copy: int = copy
        self.first: Spot = first

    def before(self, other: Part) -> bool:
        """Whether this comes first when the first copy does the work of all."""
        if self.copy == other.copy:
            return self.first.when < other.first.when
        return self.copy < other.copy


class Copies:
    """The attempt to see a number of copies in a round."""

    def __init__(self, scan: Scan, plan: LoopPlan, copies: int) -> None:
        self.scan: Scan = scan
        self.plan: LoopPlan = plan
        self.copies: int = copies
        self.spots: dict[int, Spot] = {}  # by place
        for access in scan.accesses:
            group, distance = plan.places[access.place]
            spot = Spot(access.place, access.opcode, group, distance + access.offset)
            self.spots[access.place] = spot
        self.carried: dict[int, Carried] = {carried.local: carried for carried in plan.carried}
        self.stores: list[Part] = []
        self.loads: dict[tuple[int, int, int, int, int], Part] = {}
        self.known: dict[tuple[int, int], bool] = {}  # of one copy, by values' identity
        self.apart: set[tuple[int, int]] = set()

    def found(self) -> bool:
        """Whether the round is that many copies."""
        for group in self.plan.groups:
            if group.step.terms or signed(group.step.const) % self.copies:
                return False
        if not self._assign():
            return False
        stored = self.scan.stored
        for copy in range(self.copies):
            self.known = {}
            for part in self.stores:
                if part.copy == copy:
                    if not self._same(stored[part.first.when], stored[part.spot.when], copy):
                        return False
        for i in range(len(self.stores)):
            for j in range(i):
                if not self._ordered(self.stores[j], self.stores[i]):
                    return False
            for load in self.loads.values():
                if not self._ordered(load, self.stores[i]):
                    return False
        return True

    def _step(self, group: int) -> int:
        """How far a copy is behind the one before."""
        return signed(self.plan.groups[group].step.const) // self.copies

    def _assign(self) -> bool:
        """Give each store its part, by its place: what is left in front is the first copy's."""
        at: dict[tuple[int, int], Spot] = {}
        for when in self.scan.stored:
            spot = self.spots[when]
            sign = -1 if self._step(spot.group) < 0 else 1
            if (spot.group, sign * spot.distance) in at:
                return False
            at[spot.group, sign * spot.distance] = spot
        for group, distance in sorted(at):
            first = at.get((group, distance))
            if first is None:
                continue
            for copy in range(self.copies):
                there = (group, distance + copy * abs(self._step(group)))
                other = at.get(there)
                if other is None or other.opcode != first.opcode:
                    return False
                del at[there]
                self.stores.append(Part(other, copy, first))
        return True

    def _same(self, first: Value, other: Value, copy: int) -> bool:
        """Whether a value is that of the first copy, moved on."""
        here = self._loaded(first)
        if here is not None:
            there = self._loaded(other)
            if there is None or here.opcode != there.opcode or here.group != there.group:
                return False
            if there.distance - here.distance != copy * self._step(here.group):
                return False
            key = (here.when, here.group, here.distance, copy, there.when)
            self.loads[key] = Part(there, copy, here)
            return True
        if first.form is not None and other.form is not None:
            moved = self._moved(first.form, copy)
            if moved is not None and same_form(moved, other.form):
                return True
        if first.opcode < 0 or first.opcode != other.opcode:
            return False
        if first.immediates != other.immediates:
            return False
        both = (id(first), id(other))
        same = self.known.get(both)
        if same is None:
            same = self._same_operands(first, other, copy)
            self.known[both] = same
        return same

    def _same_operands(self, first: Value, other: Value, copy: int) -> bool:
        same = True
        for i in range(len(first.args)):
            same = same and self._same(first.args[i], other.args[i], copy)
        if not same and _COMMUTATIVE[first.opcode]:
            same = self._same(first.args[0], other.args[1], copy)
            same = same and self._same(first.args[1], other.args[0], copy)
        return same

    def _loaded(self, value: Value) -> Spot | None:
        """What loaded a value, if nothing else became of it."""
        if value.place >= 0:
            return self.spots[value.place]
        form = value.form
        if form is not None and len(form.terms) == 1 and not form.const:
            for local, factor in form.terms.items():
                carried = self.carried.get(local)
                if carried is not None and factor == 1:
                    return Spot(-1, carried.opcode, carried.group, carried.distance)
        return None

    def _moved(self, form: Form, copy: int) -> Form | None:
        """What a form is, in terms of the round's locals, a number of copies later."""
        total = form.const
        for local, factor in form.terms.items():
            step = self.plan.counted.get(local, 0)
            if step % self.copies or local in self.carried:
                return None
            total += factor * copy * (step // self.copies)
        return Form(total, form.terms)

    def _ordered(self, one: Part, other: Part) -> bool:
        """Whether two accesses stay in order, or do not have to (then that is noted)."""
        here, there = one.spot, other.spot
        if here.group == there.group:
            if here.distance + here.size <= there.distance:
                return True
            if there.distance + there.size <= here.distance:
                return True
        if one.before(other) == (here.when < there.when):
            return True
        self.apart.add((min(here.group, there.group), max(here.group, there.group)))
        return here.group != there.group


def same_form(one: Form, other: Form) -> bool:
    """Whether two forms are one."""
    return one.const == other.const and one.terms == other.terms


def find_copies(scan: Scan, plan: LoopPlan) -> None:
    """Note in the plan that a round is several copies, if it is."""
    if plan.top or not scan.straight:
        return
    stores = len(scan.stored)
    if not 2 <= stores <= _MOST_STORES:
        return
    for access in scan.accesses:
        if ACCESSES[access.opcode] is None:
            return
    for value in scan.stored.values():
        if value.depth > _DEEPEST:
            return
    if not _count(scan, plan):
        return
    for copies in range(stores, 1, -1):
        if stores % copies:
            continue
        attempt = Copies(scan, plan, copies)
        if attempt.found():
            plan.copies = copies
            plan.apart |= attempt.apart
            plan.dropped = {part.spot.when for part in attempt.stores if part.copy}
            return


def _count(scan: Scan, plan: LoopPlan) -> bool:
    """Find the locals that count; False if another is taken over from the round before."""
    carried = {each.local for each in plan.carried}
    for local in sorted(scan.read_first):
        if local not in scan.env or local in carried:
            continue
        step = scan.change(Form(0, {local: 1}))
        if step is None or step.terms:
            return False
        if step.const:
            plan.counted[local] = signed(step.const)
    return True
