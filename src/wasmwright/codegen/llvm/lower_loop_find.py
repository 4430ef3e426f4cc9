"""Innermost loops whose accesses and number of rounds can be told before they start.

From what a scan finds, a :class:`LoopPlan` is made, from which
:mod:`wasmwright.codegen.llvm.lower_loops` writes the loop twice.
"""

from __future__ import annotations

from typing import Final

from wasmwright.binary.reader import Reader
from wasmwright.codegen.llvm.lower_loop_actions import ACTIONS, STORE, SWAPPED
from wasmwright.codegen.llvm.lower_loop_copies import find_copies
from wasmwright.codegen.llvm.lower_loop_plan import Carried, Form, Group, LoopPlan, signed
from wasmwright.codegen.llvm.lower_loop_scan import Scan
from wasmwright.codegen.llvm.lower_unit import Unit

_MAX_GROUPS: Final = 12


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
    find_copies(scan, plan)
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
                for other in range(len(plan.groups)):
                    if plan.groups[other].written:
                        plan.apart.add((min(number, other), max(number, other)))
