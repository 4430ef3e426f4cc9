"""What the scan of loops does with each instruction, made from the table at import."""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm.lower_numeric import INT_RELATIONS, OPS, TRUNCATE
from wasmwright.isa import INSTRUCTIONS, SLOTS

# Actions.
STOP: Final = 0  # no plan for this loop
TYPED: Final = 1  # takes and leaves as many operands as its row says
TRAPS: Final = 2  # likewise; it may trap
CONST: Final = 3
GET: Final = 4
SET: Final = 5
TEE: Final = 6
ADD: Final = 7
SUB: Final = 8
MUL: Final = 9
SHL: Final = 10
COMPARE: Final = 11
EQZ: Final = 12
LOAD: Final = 13
STORE: Final = 14
DROP: Final = 15
SELECT: Final = 16
BLOCK: Final = 17
IF: Final = 18
ELSE: Final = 19
END: Final = 20
BR: Final = 21
BR_IF: Final = 22
NOP: Final = 23
PUSH: Final = 24  # leaves an operand

_BY_NAME: Final[dict[str, int]] = {
    "i32.const": CONST,
    "local.get": GET,
    "local.set": SET,
    "local.tee": TEE,
    "i32.add": ADD,
    "i32.sub": SUB,
    "i32.mul": MUL,
    "i32.shl": SHL,
    "i32.eqz": EQZ,
    "drop": DROP,
    "select": SELECT,
    "block": BLOCK,
    "if": IF,
    "else": ELSE,
    "end": END,
    "br": BR,
    "br_if": BR_IF,
    "nop": NOP,
    "global.get": PUSH,
}
_BY_FAMILY: Final[dict[str, int]] = {
    "load": LOAD,
    "vload": LOAD,
    "vload_lane": LOAD,
    "store": STORE,
    "vstore": STORE,
    "vstore_lane": STORE,
}


def _actions() -> list[int]:
    actions = [STOP] * SLOTS
    for row in INSTRUCTIONS:
        action = _BY_NAME.get(row.name, _BY_FAMILY.get(row.family, STOP))
        relation = row.name[4:] if row.name.startswith("i32.") else ""
        if action == STOP and relation in INT_RELATIONS:
            action = COMPARE
        op = OPS[row.slot]
        if action == STOP and row.params is not None and row.family[0:6] != "atomic":
            traps = row.name[4:7] in ("div", "rem") and row.name[0] == "i"
            traps = traps or (op is not None and op.kind == TRUNCATE)
            action = TRAPS if traps else TYPED
        actions[row.slot] = action
    return actions


ACTIONS: Final[list[int]] = _actions()
POPS: Final[list[int]] = [0] * SLOTS
PUSHES: Final[list[int]] = [0] * SLOTS
for _row in INSTRUCTIONS:
    POPS[_row.slot] = len(_row.params or ())
    PUSHES[_row.slot] = len(_row.results or ())
NEGATED: Final[dict[str, str]] = {
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
SWAPPED: Final[dict[str, str]] = {
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
