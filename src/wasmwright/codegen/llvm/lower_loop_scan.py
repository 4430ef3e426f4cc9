"""Innermost loops whose accesses and number of rounds can be told before they start.

Reads a loop's body once, symbolically, before it is lowered. In a round, each i32 is known as
a linear form of what the locals were when the round began, modulo 2^32, or not at all. A
local that a round changes by a form of unchanging locals is an induction variable; an access
whose address is a form of those is at ``first + round * step``. The loop has one branch back
to its start, the last thing it does, and one comparison tells the number of rounds: the one
of that branch, or else one at the loop's head, before any access, that leaves the loop or has
an ``if`` for the rest of it.

What is found is a :class:`LoopPlan`, from which :mod:`wasmwright.codegen.llvm.lower_loops`
writes the loop twice. A loop that holds anything else has none. A scan ends at the first
instruction that rules a plan out (an inner loop, a call), so all scans together are linear.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import OPENS, memarg_flags, read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.codegen.llvm.lower_loop_actions import (
    ACTIONS,
    ADD,
    BLOCK,
    BR,
    BR_IF,
    COMPARE,
    CONST,
    DROP,
    ELSE,
    END,
    EQZ,
    GET,
    IF,
    LOAD,
    MUL,
    NEGATED,
    NOP,
    POPS,
    PUSH,
    PUSHES,
    SELECT,
    SET,
    SHL,
    STORE,
    SUB,
    SWAPPED,
    TEE,
    TYPED,
)
from wasmwright.codegen.llvm.lower_loop_plan import (
    Access,
    Carried,
    Form,
    Group,
    LoopPlan,
    signed,
)
from wasmwright.codegen.llvm.lower_memory import ACCESSES
from wasmwright.codegen.llvm.lower_simd_memory import VECTOR_ACCESSES
from wasmwright.codegen.llvm.lower_unit import Unit
from wasmwright.isa import BY_SLOT
from wasmwright.model.types import BLOCK_INDEX, BOT

_MAX_BODY: Final = 2000  # bytes of a body that is written twice
_MAX_GROUPS: Final = 12


class Value:
    """An operand of the scan: a form, or a comparison of two, or (neither) anything.

    ``place`` is that of the load which it is the result of, or -1.
    """

    __slots__ = ("form", "left", "place", "relation", "right")

    def __init__(
        self,
        form: Form | None,
        relation: str = "",
        left: Form | None = None,
        right: Form | None = None,
        place: int = -1,
    ) -> None:
        self.form: Form | None = form
        self.relation: str = relation
        self.left: Form | None = left
        self.right: Form | None = right
        self.place: int = place


_ANYTHING: Final = Value(None)


class Scan:
    """The state of one loop's scan; see the module's docstring."""

    def __init__(self, unit: Unit, reader: Reader, top: bool) -> None:
        self.unit: Unit = unit
        # Whether the comparison is to be at the head, and then: what it was once it is met,
        # and 1 for an ``if`` around the rest.
        self.top: bool = top
        self.entry: Value | None = None
        self.inside: i64 = 0
        self.reader: Reader = Reader(reader.data, reader.pos, reader.end, reader.features)
        self.stack: list[Value] = []
        self.env: dict[int, Value] = {}
        self.irregular: set[int] = set()
        self.read_first: set[int] = set()  # before the round set them
        # Of each block open in the loop: the stack's height below it, and its results.
        self.heights: list[int] = []
        self.results: list[int] = []
        self.dead: int = 0  # blocks open since code became dead, 1 for the one it is in
        self.accesses: list[Access] = []
        self.latch: Value | None = None

    def pop(self) -> Value:
        # Below what the loop pushed itself nothing is known.
        floor = self.heights[-1] if self.heights else 0
        if len(self.stack) <= floor:
            return _ANYTHING
        return self.stack.pop()

    def run(self) -> bool:
        """Read the body; False if it cannot have a plan."""
        reader = self.reader
        start = reader.pos
        while True:
            place = reader.pos
            if place - start > _MAX_BODY:
                return False
            opcode = read_opcode(reader)
            action: i64 = ACTIONS[opcode]
            if action == ELSE and self.dead <= 1 and not self.heights:
                return False  # of the ``if`` at the head, which is for all the rest
            if self.dead > 0:
                if self._dead(opcode, action):
                    return self.latch is not None
            elif action == END and not self.heights:
                return self.latch is not None
            elif not self._step(opcode, action, place):
                return False

    def _dead(self, opcode: i64, action: i64) -> bool:
        """Step over dead code; True at the end of the loop."""
        if OPENS[opcode]:
            self.dead += 1
        elif action == ELSE and self.dead == 1:
            self.dead = 0
            del self.stack[self.heights[-1] :]
            return False
        elif action == END:
            self.dead -= 1
            if self.dead == 0:
                if not self.heights:
                    return True
                self._close()
            return False
        if action != ELSE:
            skip_immediates(self.reader, opcode)
        return False

    def _step(self, opcode: i64, action: i64, place: i64) -> bool:
        """Follow an instruction; False if it rules a plan out."""
        reader = self.reader
        if self.latch is not None:
            # Only a jump away may follow the branch back.
            if action == BR:
                reader.u32()
                self.dead = 1
                return True
            return False
        if action == GET:
            local = reader.u32()
            value = self.env.get(local)
            if value is None:
                self.read_first.add(local)
                value = Value(Form(0, {local: 1}))
            self.stack.append(value)
        elif action == CONST:
            self.stack.append(Value(Form(reader.s32(), {})))
        elif action == ADD or action == SUB or action == MUL or action == SHL:
            right = self.pop()
            left = self.pop()
            self.stack.append(Value(_combined(action, left.form, right.form)))
        elif action == SET or action == TEE:
            self._set(reader.u32(), self.stack[-1] if action == TEE and self.stack else self.pop())
        elif action == LOAD or action == STORE:
            return self._access(opcode, action, place)
        elif action == TYPED:
            skip_immediates(reader, opcode)
            for _ in range(POPS[opcode]):
                self.pop()
            for _ in range(PUSHES[opcode]):
                self.stack.append(_ANYTHING)
        elif action == COMPARE:
            right = self.pop()
            left = self.pop()
            self.stack.append(_compared(_relation(opcode), left.form, right.form))
        elif action == EQZ:
            self.stack.append(_negated(self.pop()))
        elif action == BR_IF:
            return self._branch()
        elif action == IF and self.top and self.entry is None:
            return self._enter(self.pop()) and reader.blocktype() == BOT
        elif action == BLOCK or action == IF:
            if action == IF:
                self.pop()
            self._open()
        elif action == ELSE:
            del self.stack[self.heights[-1] :]
        elif action == END:
            self._close()
        elif action == BR:
            return self._jump()
        elif action == DROP:
            self.pop()
        elif action == SELECT:
            skip_immediates(reader, opcode)
            self.pop()
            self.pop()
            self.pop()
            self.stack.append(_ANYTHING)
        elif action == PUSH:
            reader.u32()
            self.stack.append(_ANYTHING)
        elif action != NOP:
            return False
        return True

    def _set(self, local: int, value: Value) -> None:
        if self.heights:
            self.irregular.add(local)
            value = _ANYTHING
        self.env[local] = value

    def _access(self, opcode: i64, action: i64, place: i64) -> bool:
        memory: int = memarg_flags(self.reader) >> 6
        offset = self.reader.u64()
        scalar = ACCESSES[opcode]
        vector = VECTOR_ACCESSES[opcode]
        if scalar is not None:
            size = scalar.size
        else:
            assert vector is not None
            size = vector.size
            if vector.lane:
                self.reader.byte()
        if POPS[opcode] == 2:
            self.pop()
        address = self.pop().form
        info = self.unit.memories[memory]
        if address is None or info.address64 or info.shared:
            return False
        self.accesses.append(Access(place, opcode, memory, address, offset, size))
        if action == LOAD:
            self.stack.append(Value(None, place=place) if scalar is not None else _ANYTHING)
        return True

    def _branch(self) -> bool:
        """A branch inside the loop, or the one back to its start, or the one out of its head."""
        depth = self.reader.u32()
        condition = self.pop()
        if depth < len(self.heights):
            return True
        if self.heights:
            return False
        if self.top:
            return depth > 0 and self.inside == 0 and self._leave(condition)
        self.latch = condition
        return depth == 0

    def _enter(self, condition: Value) -> bool:
        """The ``if`` at the head around the rest of the loop."""
        self.inside = 1
        self.entry = condition
        return not self.heights and not self.accesses

    def _leave(self, condition: Value) -> bool:
        """The branch out of the head."""
        if self.entry is not None or self.accesses:
            return False
        self.entry = _negated(condition)
        return True

    def _jump(self) -> bool:
        """A jump inside the loop, or (where the comparison was at the head) back to its start."""
        depth = self.reader.u32()
        self.dead = 1
        if depth < len(self.heights):
            return True
        self.latch = self.entry
        return self.entry is not None and not self.heights and depth == self.inside

    def _open(self) -> None:
        blocktype = self.reader.blocktype()
        params = 0
        results = 0
        if blocktype & BLOCK_INDEX:
            signature = self.unit.signature(blocktype & ~BLOCK_INDEX)
            params = len(signature.params)
            results = len(signature.results)
        elif blocktype != BOT:
            results = 1
        for _ in range(params):
            self.pop()
        self.heights.append(len(self.stack))
        self.results.append(results)
        for _ in range(params):
            self.stack.append(_ANYTHING)

    def _close(self) -> None:
        del self.stack[self.heights.pop() :]
        for _ in range(self.results.pop()):
            self.stack.append(_ANYTHING)

    # What a round did

    def change(self, form: Form) -> Form | None:
        """By how much a form changes in a round, if that never changes."""
        total: Form | None = Form(0, {})
        for local, factor in form.terms.items():
            value = self.env.get(local)
            if value is None:
                continue
            if value.form is None or local in self.irregular:
                return None
            step = value.form.plus(Form(0, {local: 1}), -1)
            if step is None:
                return None
            for other in step.terms:
                if other in self.env:
                    return None
            if total is not None:
                total = total.plus(step, factor)
        return total


def _relation(opcode: i64) -> str:
    row = BY_SLOT[opcode]
    assert row is not None
    return row.name[4:]


def _combined(action: i64, left: Form | None, right: Form | None) -> Form | None:
    if left is None or right is None:
        return None
    if action == ADD:
        return left.plus(right, 1)
    if action == SUB:
        return left.plus(right, -1)
    if action == SHL:
        return None if right.terms else left.scaled(1 << (right.const & 31))
    if not right.terms:
        return left.scaled(right.const)
    return None if left.terms else right.scaled(left.const)


def _compared(relation: str, left: Form | None, right: Form | None) -> Value:
    if left is None or right is None:
        return _ANYTHING
    return Value(None, relation, left, right)


def _negated(value: Value) -> Value:
    if value.relation:
        return Value(None, NEGATED[value.relation], value.left, value.right)
    return _compared("eq", value.form, Form(0, {}))


def plan_loop(unit: Unit, reader: Reader) -> LoopPlan | None:
    """The plan of the loop whose body the reader stands at, or None."""
    scan = Scan(unit, reader, False)
    if not scan.run():
        scan = Scan(unit, reader, True)
        if not scan.run():
            return None
    plan = _trips(scan)
    if plan is None or not scan.accesses or not _group(scan, plan):
        return None
    return plan


def _trips(scan: Scan) -> LoopPlan | None:
    """What the loop's comparison says of its rounds."""
    condition = scan.latch
    assert condition is not None
    relation = condition.relation
    left, right = condition.left, condition.right
    if not relation:
        relation, left, right = "ne", condition.form, Form(0, {})
    if left is None or right is None or relation == "eq":
        return None
    left_change, right_change = scan.change(left), scan.change(right)
    if left_change is None or right_change is None or left_change.terms or right_change.terms:
        return None
    if relation == "ne":
        # Only the difference counts.
        difference = left.plus(right, -1)
        if difference is None:
            return None
        left, right = difference, Form(0, {})
        step = left_change.const - right_change.const
    else:
        if left_change.const == 0:
            relation = SWAPPED[relation]
            left, right = right, left
            left_change, right_change = right_change, left_change
        if right_change.const != 0:
            return None
        step = left_change.const
    step = signed(step)
    rising = relation in ("lt_s", "lt_u", "le_s", "le_u")
    if step == 0 or (relation != "ne" and rising != (step > 0)):
        return None
    return LoopPlan(relation, left, right, step, scan.top)


def _group(scan: Scan, plan: LoopPlan) -> bool:
    """Put the accesses into the plan's groups; False if one has no steady step."""
    groups: dict[str, int] = {}
    for access in scan.accesses:
        step = scan.change(access.form)
        if step is None:
            return False
        key = f"{access.memory} {access.form.key()} / {step.key()} {step.const}"
        number = groups.get(key)
        if number is None:
            number = len(plan.groups)
            if number == _MAX_GROUPS:
                return False
            groups[key] = number
            plan.groups.append(Group(access.memory, access.form, step))
        plan.groups[number].accesses.append(access)
        plan.groups[number].written |= ACTIONS[access.opcode] == STORE
    for number in range(len(plan.groups)):
        group = plan.groups[number]
        # Constants are distances from the first access, of either sign.
        origin = group.first.const
        lowest = 0
        for access in group.accesses:
            lowest = min(lowest, signed(access.form.const - origin))
        group.first = Form(origin + lowest, group.first.terms)
        for access in group.accesses:
            distance = signed(access.form.const - origin) - lowest
            plan.places[access.place] = (number, distance)
            group.reach = max(group.reach, distance + access.offset + access.size)
    _carry(scan, plan)
    return True


def _carry(scan: Scan, plan: LoopPlan) -> None:
    """Find the locals that a round takes over as the one before loaded them.

    They keep LLVM from vectorising: it would have to move the load before the stores. Only where
    nothing is written to the group, and the round's own range has the value.
    """
    for access in scan.accesses:
        number, distance = plan.places[access.place]
        group = plan.groups[number]
        if group.written or group.step.terms:
            continue
        distance += access.offset - signed(group.step.const)
        if distance < 0 or distance + access.size > group.reach:
            continue
        for local in sorted(scan.read_first):
            value = scan.env.get(local)
            if value is not None and value.place == access.place and local not in scan.irregular:
                plan.carried.append(Carried(local, access.opcode, number, distance))
