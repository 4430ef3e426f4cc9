"""Loops written twice: without checks where it is known that they need none, and as they are.

A volatile access per element keeps LLVM from vectorising; a plain one may only be used where
nothing can trap. So in front of a loop with a :class:`LoopPlan` stands a test: the number of
rounds and the first and last address of each group of accesses are computed, in 64 bits, and
compared with the memory's length. If all is inside, the first copy of the loop runs. No
instruction in it can trap and it is left only at its end, so how its accesses are dropped,
reordered or widened cannot be seen: it is exact. An empty assembly that "changes memory"
before and after it keeps its accesses from mixing with those around it, which may trap. Its
addresses are ``pointer + round * step`` in 64 bits, which the vectoriser understands, and its
end is ``round == rounds``. Otherwise the second copy runs, as any loop is lowered.

A local that a round takes over from the one before, which loaded it, is loaded for the next round
as the first thing in a round of the first copy. For that the test sees that no group is written to
that overlaps the one it comes from. Where a round is several copies of a shorter one, the first
copy of the loop runs that shorter one (see `lower_loop_copies`), and the second one the last round.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_loop_plan import Form, Group, LoopPlan, signed
from wasmwright.codegen.llvm.lower_memory import Place, converted

_FEWEST_ROUNDS: Final = 8  # below this the test costs more than it brings
_MOST_ROUNDS: Final = 1 << 31  # so that products of rounds and steps fit in 64 bits
_BARRIER: Final = 'call void asm sideeffect "", "~{memory}"()\n'


def barrier(e: Emitter) -> None:
    """Keep accesses before from mixing with those after."""
    e.out.append(_BARRIER)


def check_plan(e: Emitter, plan: LoopPlan) -> str:
    """Compute what the plan needs; whether it may be followed, as an i1."""
    conditions: list[str] = []
    rounds = _rounds(e, plan, conditions)
    plan.rounds = rounds
    few = e.define(f"add i64 {rounds}, {-_FEWEST_ROUNDS}")
    conditions.append(e.define(f"icmp ult i64 {few}, {_MOST_ROUNDS - _FEWEST_ROUNDS}"))
    plan.last = e.define(f"add i64 {rounds}, -1")
    for group in plan.groups:
        _group(e, plan, group, plan.last, conditions)
    if plan.copies > 1:
        plan.rounds = e.define(f"mul i64 {plan.last}, {plan.copies}")
        for local in plan.counted:
            plan.starts[local] = e.local_value(local)
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = e.define(f"and i1 {whole}, {condition}")
    for one, other in sorted(plan.apart):
        whole = e.define(f"and i1 {whole}, {_apart(e, plan, one, other)}")
    return whole


def _apart(e: Emitter, plan: LoopPlan, one: int, other: int) -> str:
    """Whether what two groups go over has no byte in common."""
    one_low, one_top = _range(e, plan, one)
    other_low, other_top = _range(e, plan, other)
    below = e.define(f"icmp ule i64 {one_top}, {other_low}")
    above = e.define(f"icmp uge i64 {one_low}, {other_top}")
    return e.define(f"or i1 {below}, {above}")


def _range(e: Emitter, plan: LoopPlan, number: int) -> tuple[str, str]:
    """Where a group begins and ends in the address space: two indices may name one memory."""
    base = e.define(f"ptrtoint ptr {e.memory_base(plan.groups[number].memory)} to i64")
    low = e.define(f"add i64 {base}, {plan.lows[number]}")
    return low, e.define(f"add i64 {base}, {plan.tops[number]}")


def _rounds(e: Emitter, plan: LoopPlan, conditions: list[str]) -> str:
    """The number of rounds: one for each time that the comparison holds, and the first."""
    step = abs(plan.step)
    if plan.relation == "ne":
        # The difference goes to zero in steps, modulo 2^32.
        left = plan.left if plan.step < 0 else plan.left.scaled(-1)
        distance = e.define(f"zext i32 {_evaluated(e, left)} to i64")
        times = e.define(f"udiv i64 {distance}, {step}")
        if step > 1:
            rest = e.define(f"urem i64 {distance}, {step}")
            conditions.append(e.define(f"icmp eq i64 {rest}, 0"))
    else:
        extension = "sext" if plan.relation.endswith("_s") else "zext"
        bits = 31 if extension == "sext" else 32
        left_wide = e.define(f"{extension} i32 {_evaluated(e, plan.left)} to i64")
        right_wide = e.define(f"{extension} i32 {_evaluated(e, plan.right)} to i64")
        # Neither the variable nor its last value may leave the i32's range.
        if plan.step > 0:
            low, high = left_wide, right_wide
            inside = f"icmp sle i64 {right_wide}, {(1 << bits) - 1 - step}"
        else:
            low, high = right_wide, left_wide
            least = -(1 << bits) if extension == "sext" else 0
            inside = f"icmp sge i64 {right_wide}, {least + step}"
        conditions.append(e.define(inside))
        distance = e.define(f"sub i64 {high}, {low}")
        if plan.relation.startswith(("lt", "gt")):
            distance = e.define(f"add i64 {distance}, -1")
        # Of a distance below zero nothing remains: the branch back is never taken.
        floor = f"call i64 @llvm.smax.i64(i64 {distance}, i64 {-step})"
        shifted = e.define(f"add i64 {e.define(floor)}, {step}")
        times = e.define(f"udiv i64 {shifted}, {step}")
    return times if plan.top else e.define(f"add i64 {times}, 1")


def _evaluated(e: Emitter, form: Form) -> str:
    """A form's value, an i32, of the locals as they are."""
    total = ""
    for local, factor in form.terms.items():
        value = e.local_value(local)
        if factor != 1:
            value = e.define(f"mul i32 {value}, {signed(factor)}")
        total = value if not total else e.define(f"add i32 {total}, {value}")
    if not total:
        return str(signed(form.const))
    if form.const:
        total = e.define(f"add i32 {total}, {signed(form.const)}")
    return total


def _group(e: Emitter, plan: LoopPlan, group: Group, last: str, conditions: list[str]) -> None:
    """The test that a group stays in its memory, and the pointer to where it starts."""
    first = e.define(f"zext i32 {_evaluated(e, group.first)} to i64")
    if group.step.terms:
        step = e.define(f"sext i32 {_evaluated(e, group.step)} to i64")
        small = step
    else:
        step = str(signed(group.step.const))
        small = str(signed(group.step.const) // plan.copies)
    way = e.define(f"mul i64 {last}, {step}")
    end = e.define(f"add i64 {first}, {way}")
    low = e.define(f"call i64 @llvm.smin.i64(i64 {first}, i64 {end})")
    high = e.define(f"call i64 @llvm.smax.i64(i64 {first}, i64 {end})")
    top = e.define(f"add i64 {high}, {group.reach}")
    plan.lows.append(low)
    plan.tops.append(top)
    conditions.append(e.define(f"icmp sge i64 {low}, 0"))
    conditions.append(e.define(f"icmp sle i64 {top}, {e.memory_length(group.memory)}"))
    base = e.memory_base(group.memory)
    pointer = e.define(f"getelementptr i8, ptr {base}, i64 {first}")
    # As if each group had an object of its own: the vectoriser then compares the ranges of
    # groups when it runs, and knows by itself that accesses of one group do not collide.
    plan.bases.append(e.define(f'call ptr asm "", "=r,0"(ptr {pointer})'))
    plan.steps.append(small)


def open_unchecked(e: Emitter, plan: LoopPlan) -> None:
    """At the head of the copy without checks: the counter and the groups' pointers."""
    plan.counter = e.new()
    plan.next = f"{plan.counter}n".replace("%", "%k")
    plan.pointers = []
    ways: dict[str, str] = {}
    for i in range(len(plan.groups)):
        step = plan.steps[i]
        way = ways.get(step)
        if way is None:
            way = e.define(f"mul i64 {plan.counter}, {step}")
            ways[step] = way
        plan.pointers.append(e.define(f"getelementptr i8, ptr {plan.bases[i]}, i64 {way}"))
    if plan.copies > 1:
        for local, change in plan.counted.items():
            if change % plan.copies == 0:
                _advance(e, plan, local, plan.counter, change // plan.copies)
    for carried in plan.carried:
        # As the first thing in the round, so that it comes before any use of the one before:
        # the vectoriser takes both from one vector and the next.
        distance = carried.distance + int(plan.steps[carried.group])
        place = Place(e.field(plan.pointers[carried.group], distance), "")
        plan.loaded.append(converted(e, place, carried.opcode))
    e.plan = plan


def _advance(e: Emitter, plan: LoopPlan, local: int, rounds: str, step: int) -> None:
    """Set a local that counts to what it is after a number of rounds."""
    narrow = e.define(f"trunc i64 {rounds} to i32")
    way = e.define(f"mul i32 {narrow}, {step}")
    e.local_set(local, e.define(f"add i32 {way}, {plan.starts[local]}"))


def to_last_round(e: Emitter, plan: LoopPlan, other: str) -> None:
    """Have the other copy of the loop do the last round, where a round is several copies.

    It sets all locals that the first copy leaves undone, but those that it begins with.
    """
    for local, step in plan.counted.items():
        _advance(e, plan, local, plan.last, step)
    e.out.append(f"br label %{other}\n")
    e.dead = True


def head_phi(plan: LoopPlan, latch: str) -> str:
    """The counter's phi, once it is known which block branches back."""
    return f"{plan.counter} = phi i64 [ 0, %{plan.before} ], [ {plan.next}, %{latch} ]\n"


def next_round(e: Emitter, plan: LoopPlan) -> None:
    """Count a round, and hand over what it loaded for the next one."""
    for i in range(len(plan.carried)):
        e.local_set(plan.carried[i].local, plan.loaded[i])
    e.out.append(f"{plan.next} = add nuw nsw i64 {plan.counter}, 1\n")


def rounds_left(e: Emitter, plan: LoopPlan) -> str:
    """Whether another round follows: what the loop compares, without comparing it."""
    counter = plan.counter if plan.top else plan.next
    return e.define(f"icmp ult i64 {counter}, {plan.rounds}")
