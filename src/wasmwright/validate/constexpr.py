"""Constant expressions (spec: Validation > Instructions > Constant Expressions)."""

from __future__ import annotations

from librt.vecs import vec
from mypy_extensions import i64

from wasmwright.model.parts import Expr
from wasmwright.validate.body import Body
from wasmwright.validate.context import EMPTY, Context
from wasmwright.validate.instructions import check_body


class ConstChecker:
    """Checks a module's constant expressions, one after the other, with the rules for them."""

    __slots__ = ("_body", "_context")

    def __init__(self, context: Context, signatures: vec[i64]) -> None:
        self._context: Context = context
        self._body: Body = Body(context, signatures)

    def check(self, expr: Expr, expected: i64) -> None:
        """Check that an expression is constant and gives one value of type ``expected``.

        The functions that it refers to become declared.
        """
        results = self._context.single(expected)
        self._body.start(expr.start, expr.end, EMPTY, results, ())
        check_body(self._body, None)
