"""Constant expressions (spec: Validation > Instructions > Constant Expressions)."""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.model.module import Expr
from wasmwright.validate.body import Body
from wasmwright.validate.context import EMPTY, Context
from wasmwright.validate.instructions import check_body
from wasmwright.validate.rules import const_signatures

_REF_FUNC = 0xD2
_END = 0x0B


class ConstChecker:
    """Checks a module's constant expressions, one after the other."""

    __slots__ = ("_body", "_context")

    def __init__(self, context: Context) -> None:
        self._context: Context = context
        self._body: Body = Body(context, const_signatures(context.features))

    def check(self, expr: Expr, expected: i64) -> None:
        """Check that an expression is constant and gives one value of type ``expected``.

        Functions that it refers to become declared.
        """
        self._declare(expr)
        results = self._context.single(expected)
        self._body.start((expr.start, expr.end), EMPTY, results, ())
        check_body(self._body, None)
