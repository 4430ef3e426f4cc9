"""Loops whose round is several copies of a shorter one, as compilers unroll them.

The vectoriser takes such a round as it is: each of its loads gets every second element, or every
fourth, and much shuffling makes vectors of that. The shorter round has all of them in a row.

A copy is as many stores as the others have, one behind the other. It writes as far behind the
first copy's places as its number says, and what it writes is computed as there, from loads that
are as far behind the first copy's. (Loads may be shared between copies, and where they stand does
not matter otherwise.) Then the first copy can do the work of all, at a fraction of the step. What
it does in another order than the loop does must not be seen: where a load and a store change
places, their bytes are apart, which is known of two in one group, and tested of two groups when
the loop starts.

Nothing but counted and carried locals may come from one round to the next. All others are left
to the loop as it stands, which does the last round.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm.lower_loop_actions import ACTIONS, STORE
from wasmwright.codegen.llvm.lower_loop_plan import Access, Carried, Form, LoopPlan, signed
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


class Read:
    """A load, or a carried local: then it was loaded before the round, and ``position`` is -1.

    ``distance`` is from where its group is in the round to its first byte.
    """

    __slots__ = ("distance", "group", "opcode", "position", "size")

    def __init__(self, position: int, opcode: int, group: int, distance: int) -> None:
        access = ACCESSES[opcode]
        assert access is not None
        self.position: int = position
        self.opcode: int = opcode
        self.group: int = group
        self.distance: int = distance
        self.size: int = access.size


class Copies:
    """The attempt to see a number of copies in a round."""

    def __init__(self, scan: Scan, plan: LoopPlan, stores: list[Access], copies: int) -> None:
        self.scan: Scan = scan
        self.plan: LoopPlan = plan
        self.stores: list[Access] = stores
        self.copies: int = copies
        self.reads: dict[int, Access] = {access.place: access for access in scan.accesses}
        self.carried: dict[int, Carried] = {carried.local: carried for carried in plan.carried}
        # What a copy loads where the first one does: the first's, its number, and its own.
        self.pairs: dict[tuple[int, int, int, int, int], tuple[Read, int, Read]] = {}
        self.known: dict[tuple[int, int], bool] = {}  # of one copy, by values' identity
        self.apart: set[tuple[int, int]] = set()

    def found(self) -> bool:
        """Whether the round is that many copies."""
        for group in self.plan.groups:
            if group.step.terms or signed(group.step.const) % self.copies:
                return False
        each = len(self.stores) // self.copies
        for copy in range(self.copies):
            self.known = {}
            for i in range(each):
                if not self._stores(self.stores[i], self.stores[copy * each + i], copy):
                    return False
        for here, copy, there in self.pairs.values():
            for i in range(len(self.stores)):
                if not self._ordered(here, copy, there, i, each):
                    return False
        return True

    def _step(self, group: int) -> int:
        """How far a copy is behind the one before."""
        return signed(self.plan.groups[group].step.const) // self.copies

    def _stores(self, first: Access, other: Access, copy: int) -> bool:
        group, distance = self.plan.places[first.place]
        other_group, other_distance = self.plan.places[other.place]
        behind = other_distance + other.offset - distance - first.offset
        if first.opcode != other.opcode or group != other_group:
            return False
        if behind != copy * self._step(group):
            return False
        return self._same(self.scan.stored[first.place], self.scan.stored[other.place], copy)

    def _same(self, first: Value, other: Value, copy: int) -> bool:
        """Whether a value is that of the first copy, moved on."""
        here = self._read(first)
        if here is not None:
            there = self._read(other)
            if there is None or here.opcode != there.opcode or here.group != there.group:
                return False
            if there.distance - here.distance != copy * self._step(here.group):
                return False
            key = (here.position, here.group, here.distance, copy, there.position)
            self.pairs[key] = here, copy, there
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

    def _read(self, value: Value) -> Read | None:
        if value.place >= 0:
            group, distance = self.plan.places[value.place]
            access = self.reads[value.place]
            return Read(value.place, access.opcode, group, distance + access.offset)
        form = value.form
        if form is not None and len(form.terms) == 1 and not form.const:
            for local, factor in form.terms.items():
                carried = self.carried.get(local)
                if carried is not None and factor == 1:
                    return Read(-1, carried.opcode, carried.group, carried.distance)
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

    def _ordered(self, here: Read, copy: int, there: Read, i: int, each: int) -> bool:
        """Whether a load and a store stay in order, or do not have to (then that is noted)."""
        store = self.stores[i]
        group, distance = self.plan.places[store.place]
        distance += store.offset - there.distance
        if group == there.group and (distance >= there.size or distance + store.size <= 0):
            return True
        first = self.stores[i % each]
        before = copy < i // each or (copy == i // each and here.position < first.place)
        if before == (there.position < store.place):
            return True
        self.apart.add((there.group, group))
        return group != there.group


def same_form(one: Form, other: Form) -> bool:
    """Whether two forms are one."""
    return one.const == other.const and one.terms == other.terms


def find_copies(scan: Scan, plan: LoopPlan) -> None:
    """Note in the plan that a round is several copies, if it is."""
    if plan.top or not scan.straight:
        return
    stores = [access for access in scan.accesses if ACTIONS[access.opcode] == STORE]
    if not 2 <= len(stores) <= _MOST_STORES:
        return
    for store in stores:
        if ACCESSES[store.opcode] is None or scan.stored[store.place].depth > _DEEPEST:
            return
    if not _count(scan, plan):
        return
    for copies in range(len(stores), 1, -1):
        if len(stores) % copies:
            continue
        attempt = Copies(scan, plan, stores, copies)
        if attempt.found():
            plan.copies = copies
            plan.apart |= attempt.apart
            for store in stores[len(stores) // copies :]:
                plan.dropped.add(store.place)
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
