"""Innermost loops whose accesses and number of rounds can be told before they start.

Reads a loop's body once, symbolically, before it is lowered. In a round, each i32 is known as
a linear form of what the locals were when the round began, modulo 2^32, or not at all. A
local that a round changes by a form of unchanging locals is an induction variable; an access
whose address is a form of those is at ``first + round * step``. The loop has one branch back
to its start, the last thing it does, and the comparison there tells the number of rounds.

What is found is a :class:`LoopPlan`, from which :mod:`wasmwright.codegen.llvm.lower_loops`
writes the loop twice. A loop that holds anything else has none. A scan ends at the first
instruction that rules a plan out (an inner loop, a call), so all scans together are linear.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import memarg_flags, read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.codegen.llvm.lower_loop_plan import Access, Form, Group, LoopPlan, signed
from wasmwright.codegen.llvm.lower_memory import ACCESSES
from wasmwright.codegen.llvm.lower_numeric import INT_RELATIONS, OPS, TRUNCATE
from wasmwright.codegen.llvm.lower_simd_memory import VECTOR_ACCESSES
from wasmwright.codegen.llvm.lower_unit import OPENS, Unit
from wasmwright.isa import BY_SLOT, INSTRUCTIONS, SLOTS
from wasmwright.model.types import BLOCK_INDEX, BOT

_MAX_BODY: Final = 2000  # bytes of a body that is written twice
_MAX_GROUPS: Final = 12


class Value:
    """An operand of the scan: a form, or a comparison of two, or (neither) anything."""

    __slots__ = ("form", "left", "relation", "right")

    def __init__(
        self,
        form: Form | None,
        relation: str = "",
        left: Form | None = None,
        right: Form | None = None,
    ) -> None:
        self.form: Form | None = form
        self.relation: str = relation
        self.left: Form | None = left
        self.right: Form | None = right


_ANYTHING: Final = Value(None)


# What the scan does with an instruction.
_STOP: Final = 0  # no plan for this loop
_TYPED: Final = 1  # takes and leaves as many operands as its row says
_TRAPS: Final = 2  # likewise; it may trap
_CONST: Final = 3
_GET: Final = 4
_SET: Final = 5
_TEE: Final = 6
_ADD: Final = 7
_SUB: Final = 8
_MUL: Final = 9
_SHL: Final = 10
_COMPARE: Final = 11
_EQZ: Final = 12
_LOAD: Final = 13
_STORE: Final = 14
_DROP: Final = 15
_SELECT: Final = 16
_BLOCK: Final = 17
_IF: Final = 18
_ELSE: Final = 19
_END: Final = 20
_BR: Final = 21
_BR_IF: Final = 22
_NOP: Final = 23
_PUSH: Final = 24  # leaves an operand

_BY_NAME: Final[dict[str, int]] = {
    "i32.const": _CONST,
    "local.get": _GET,
    "local.set": _SET,
    "local.tee": _TEE,
    "i32.add": _ADD,
    "i32.sub": _SUB,
    "i32.mul": _MUL,
    "i32.shl": _SHL,
    "i32.eqz": _EQZ,
    "drop": _DROP,
    "select": _SELECT,
    "block": _BLOCK,
    "if": _IF,
    "else": _ELSE,
    "end": _END,
    "br": _BR,
    "br_if": _BR_IF,
    "nop": _NOP,
    "global.get": _PUSH,
}
_BY_FAMILY: Final[dict[str, int]] = {
    "load": _LOAD,
    "vload": _LOAD,
    "vload_lane": _LOAD,
    "store": _STORE,
    "vstore": _STORE,
    "vstore_lane": _STORE,
}


def _actions() -> list[int]:
    actions = [_STOP] * SLOTS
    for row in INSTRUCTIONS:
        action = _BY_NAME.get(row.name, _BY_FAMILY.get(row.family, _STOP))
        relation = row.name[4:] if row.name.startswith("i32.") else ""
        if action == _STOP and relation in INT_RELATIONS:
            action = _COMPARE
        op = OPS[row.slot]
        if action == _STOP and row.params is not None and row.family[0:6] != "atomic":
            traps = row.name[4:7] in ("div", "rem") and row.name[0] == "i"
            traps = traps or (op is not None and op.kind == TRUNCATE)
            action = _TRAPS if traps else _TYPED
        actions[row.slot] = action
    return actions


_ACTIONS: Final[list[int]] = _actions()
_POPS: Final[list[int]] = [0] * SLOTS
_PUSHES: Final[list[int]] = [0] * SLOTS
for _row in INSTRUCTIONS:
    _POPS[_row.slot] = len(_row.params or ())
    _PUSHES[_row.slot] = len(_row.results or ())
_NEGATED: Final[dict[str, str]] = {
    "eq": "ne",
    "ne": "eq",
    "lt_s": "ge_s",
    "lt_u": "ge_u",
    "gt_s": "le_s",
    "gt_u": "le_u",
    "le_s": "gt_s",
    "le_u": "gt_u",
    "ge_s": "lt_s",
    "ge_u": "lt_u",
}
_SWAPPED: Final[dict[str, str]] = {
    "eq": "eq",
    "ne": "ne",
    "lt_s": "gt_s",
    "lt_u": "gt_u",
    "gt_s": "lt_s",
    "gt_u": "lt_u",
    "le_s": "ge_s",
    "le_u": "ge_u",
    "ge_s": "le_s",
    "ge_u": "le_u",
}


class Scan:
    """The state of one loop's scan; see the module's docstring."""

    def __init__(self, unit: Unit, reader: Reader) -> None:
        self.unit: Unit = unit
        self.reader: Reader = Reader(reader.data, reader.pos, reader.end, reader.features)
        self.stack: list[Value] = []
        self.env: dict[int, Value] = {}
        self.irregular: set[int] = set()
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
            action: i64 = _ACTIONS[opcode]
            if self.dead > 0:
                if self._dead(opcode, action):
                    return self.latch is not None
            elif action == _END and not self.heights:
                return self.latch is not None
            elif not self._step(opcode, action, place):
                return False

    def _dead(self, opcode: i64, action: i64) -> bool:
        """Step over dead code; True at the end of the loop."""
        if OPENS[opcode]:
            self.dead += 1
        elif action == _ELSE and self.dead == 1:
            self.dead = 0
            del self.stack[self.heights[-1] :]
            return False
        elif action == _END:
            self.dead -= 1
            if self.dead == 0:
                if not self.heights:
                    return True
                self._close()
            return False
        if action != _ELSE:
            skip_immediates(self.reader, opcode)
        return False

    def _step(self, opcode: i64, action: i64, place: i64) -> bool:
        """Follow an instruction; False if it rules a plan out."""
        reader = self.reader
        if self.latch is not None:
            # Only a jump may follow the branch back.
            if action == _BR:
                reader.u32()
                self.dead = 1
                return True
            return False
        if action == _GET:
            local = reader.u32()
            value = self.env.get(local)
            self.stack.append(Value(Form(0, {local: 1})) if value is None else value)
        elif action == _CONST:
            self.stack.append(Value(Form(reader.s32(), {})))
        elif action == _ADD or action == _SUB or action == _MUL or action == _SHL:
            right = self.pop()
            left = self.pop()
            self.stack.append(Value(_combined(action, left.form, right.form)))
        elif action == _SET or action == _TEE:
            self._set(reader.u32(), self.stack[-1] if action == _TEE and self.stack else self.pop())
        elif action == _LOAD or action == _STORE:
            return self._access(opcode, action, place)
        elif action == _TYPED:
            skip_immediates(reader, opcode)
            for _ in range(_POPS[opcode]):
                self.pop()
            for _ in range(_PUSHES[opcode]):
                self.stack.append(_ANYTHING)
        elif action == _COMPARE:
            right = self.pop()
            left = self.pop()
            self.stack.append(_compared(_relation(opcode), left.form, right.form))
        elif action == _EQZ:
            self.stack.append(_negated(self.pop()))
        elif action == _BR_IF:
            return self._branch_back()
        elif action == _BLOCK or action == _IF:
            if action == _IF:
                self.pop()
            self._open()
        elif action == _ELSE:
            del self.stack[self.heights[-1] :]
        elif action == _END:
            self._close()
        elif action == _BR:
            if reader.u32() >= len(self.heights):
                return False
            self.dead = 1
        elif action == _DROP:
            self.pop()
        elif action == _SELECT:
            skip_immediates(reader, opcode)
            self.pop()
            self.pop()
            self.pop()
            self.stack.append(_ANYTHING)
        elif action == _PUSH:
            reader.u32()
            self.stack.append(_ANYTHING)
        elif action != _NOP:
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
        if _POPS[opcode] == 2:
            self.pop()
        address = self.pop().form
        info = self.unit.memories[memory]
        if address is None or info.address64 or info.shared:
            return False
        self.accesses.append(Access(place, memory, address, offset, size))
        if action == _LOAD:
            self.stack.append(_ANYTHING)
        return True

    def _branch_back(self) -> bool:
        """A branch inside the loop, or the one back to its start."""
        depth = self.reader.u32()
        condition = self.pop()
        if depth < len(self.heights):
            return True
        if self.heights or depth > 0:
            return False
        self.latch = condition
        return True

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
    if action == _ADD:
        return left.plus(right, 1)
    if action == _SUB:
        return left.plus(right, -1)
    if action == _SHL:
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
        return Value(None, _NEGATED[value.relation], value.left, value.right)
    return _compared("eq", value.form, Form(0, {}))


def plan_loop(unit: Unit, reader: Reader) -> LoopPlan | None:
    """The plan of the loop whose body the reader stands at, or None."""
    scan = Scan(unit, reader)
    if not scan.run():
        return None
    plan = _trips(scan)
    if plan is None or not scan.accesses or not _group(scan, plan):
        return None
    return plan


def _trips(scan: Scan) -> LoopPlan | None:
    """What the comparison at the loop's end says of its rounds."""
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
            relation = _SWAPPED[relation]
            left, right = right, left
            left_change, right_change = right_change, left_change
        if right_change.const != 0:
            return None
        step = left_change.const
    step = signed(step)
    rising = relation in ("lt_s", "lt_u", "le_s", "le_u")
    if step == 0 or (relation != "ne" and rising != (step > 0)):
        return None
    return LoopPlan(relation, left, right, step)


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
    return True
