"""What a round of an innermost loop does.

Reads a loop's body once, symbolically, before it is lowered. In a round, each i32 is known as
a linear form of what the locals were when the round began, modulo 2^32, or not at all. A
local that a round changes by a form of unchanging locals is an induction variable; an access
whose address is a form of those is at ``first + round * step``. The loop has one branch back
to its start, the last thing it does, and one comparison tells the number of rounds: the one
of that branch, or else one at the loop's head, before any access, that leaves the loop or has
an ``if`` for the rest of it.

A loop that holds anything else has no plan. A scan ends at the first instruction that rules one out
(an inner loop, a call), so all scans together are linear.
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
    NOP,
    POPS,
    PUSH,
    PUSHES,
    SELECT,
    SET,
    SHL,
    STORE,
    SUB,
    TEE,
    TYPED,
)
from wasmwright.codegen.llvm.lower_loop_plan import Access, Form
from wasmwright.codegen.llvm.lower_loop_values import (
    ANYTHING,
    Value,
    combined,
    compared,
    negated,
    relation,
)
from wasmwright.codegen.llvm.lower_memory import ACCESSES
from wasmwright.codegen.llvm.lower_simd_memory import VECTOR_ACCESSES
from wasmwright.codegen.llvm.lower_unit import Unit
from wasmwright.model.types import BLOCK_INDEX, BOT

_MAX_BODY: Final = 2000  # bytes of a body that is written twice


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
        self.stored: dict[int, Value] = {}  # by a store's place
        self.straight: bool = True  # no block in the loop, and no branch but the one back
        self.latch: Value | None = None

    def pop(self) -> Value:
        # Below what the loop pushed itself nothing is known.
        floor = self.heights[-1] if self.heights else 0
        if len(self.stack) <= floor:
            return ANYTHING
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
            value = Value(combined(action, left.form, right.form))
            self.stack.append(value.of(opcode, (left, right)))
        elif action == SET or action == TEE:
            self._set(reader.u32(), self.stack[-1] if action == TEE and self.stack else self.pop())
        elif action == LOAD or action == STORE:
            return self._access(opcode, action, place)
        elif action == TYPED:
            self._typed(opcode)
        elif action == COMPARE:
            right = self.pop()
            left = self.pop()
            value = compared(relation(opcode), left.form, right.form)
            self.stack.append(value.of(opcode, (left, right)))
        elif action == EQZ:
            operand = self.pop()
            self.stack.append(negated(operand).of(opcode, (operand,)))
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
            condition = self.pop()
            right = self.pop()
            left = self.pop()
            self.stack.append(Value(None).of(opcode, (left, right, condition)))
        elif action == PUSH:
            self._typed(opcode)
        elif action != NOP:
            return False
        return True

    def _typed(self, opcode: i64) -> None:
        """An instruction with immediates, operands, and a result of some kind."""
        start = self.reader.pos
        skip_immediates(self.reader, opcode)
        immediates = self.reader.data[start : self.reader.pos]
        args: list[Value] = []
        for _ in range(POPS[opcode]):
            args.append(self.pop())
        if PUSHES[opcode] == 1:
            self.stack.append(Value(None).of(opcode, tuple(args), immediates))
        else:
            for _ in range(PUSHES[opcode]):
                self.stack.append(ANYTHING)

    def _set(self, local: int, value: Value) -> None:
        if self.heights:
            self.irregular.add(local)
            value = ANYTHING
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
            value = self.pop()
            if action == STORE:
                self.stored[place] = value
        address = self.pop().form
        info = self.unit.memories[memory]
        if address is None or info.address64 or info.shared:
            return False
        self.accesses.append(Access(place, opcode, memory, address, offset, size))
        if action == LOAD:
            value = Value(None, place=place).of(opcode, ())
            self.stack.append(value if scalar is not None else ANYTHING)
        return True

    def _branch(self) -> bool:
        """A branch inside the loop, or the one back to its start, or the one out of its head."""
        depth = self.reader.u32()
        condition = self.pop()
        if depth < len(self.heights):
            self.straight = False
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
        self.entry = negated(condition)
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
        self.straight = False
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
            self.stack.append(ANYTHING)

    def _close(self) -> None:
        del self.stack[self.heights.pop() :]
        for _ in range(self.results.pop()):
            self.stack.append(ANYTHING)

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
