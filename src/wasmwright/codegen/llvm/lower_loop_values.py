"""What the scan of loops knows of operands."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_loop_actions import (
    ADD,
    NEGATED,
    SHL,
    SUB,
)
from wasmwright.codegen.llvm.lower_loop_plan import Form
from wasmwright.isa import BY_SLOT


class Value:
    """An operand of the scan: a form, or a comparison of two, or (neither) anything.

    ``place`` is that of the load which it is the result of, or -1. Then, how it was computed: the
    instruction's slot (-1 if that is not known), its immediates as they are in the binary, its
    operands, and how deep those go.
    """

    __slots__ = (
        "args",
        "depth",
        "form",
        "immediates",
        "left",
        "opcode",
        "place",
        "relation",
        "right",
    )

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
        self.opcode: int = -1
        self.immediates: bytes = b""
        self.args: tuple[Value, ...] = ()
        self.depth: i64 = 0

    def of(self, opcode: int, args: tuple[Value, ...], immediates: bytes = b"") -> Value:
        """This, with how it was computed."""
        self.opcode = opcode
        self.args = args
        self.immediates = immediates
        for arg in args:
            self.depth = max(self.depth, arg.depth + 1)
        return self


ANYTHING: Final = Value(None)


def relation(opcode: i64) -> str:
    """The relation of an i32 comparison."""
    row = BY_SLOT[opcode]
    assert row is not None
    return row.name[4:]


def combined(action: i64, left: Form | None, right: Form | None) -> Form | None:
    """The form of a sum, difference, product or shift."""
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


def compared(relation: str, left: Form | None, right: Form | None) -> Value:
    """A comparison of two forms."""
    if left is None or right is None:
        return Value(None)
    return Value(None, relation, left, right)


def negated(value: Value) -> Value:
    """Whether a value is zero."""
    if value.relation:
        return Value(None, NEGATED[value.relation], value.left, value.right)
    return compared("eq", value.form, Form(0, {}))
