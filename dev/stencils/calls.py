"""Stencils of calls."""

from __future__ import annotations

from collections.abc import Iterator

import ir
from families import Variant, lost, value_type
from ir import go, operand
from lowered import ANY_PARAMS, ANY_RESULTS, TAIL_CALL, Op, signature

from wasmwright.codegen.baseline.places import REGISTER
from wasmwright.codegen.llvm.lower_unit import llvm_type
from wasmwright.model.types import FuncType

_FORWARD = " ".join(f"(local.get {i})" for i in range(len(ANY_PARAMS)))
_SHIFTED = " ".join(f"(local.get {i + 1})" for i in range(len(ANY_PARAMS)))


def call_ops() -> list[Op]:
    """The middles of calls: they pass all registers that parameters can be in.

    `.open`: of a type that may have subtypes.
    """

    def op(name: str, first: tuple[str, ...], text: str) -> Op:
        return Op(name, (*first, *ANY_PARAMS), ANY_RESULTS, text, rtt="h0")

    ops = [
        op("call.d", (), f"(call $defined {_FORWARD})"),
        op("call.i", (), f"(call $imported {_FORWARD})"),
        op("call_ref", ("(ref null $any)",), f"(call_ref $any {_SHIFTED} (local.get 0))"),
    ]
    for suffix, at, table in (("", "i32", "$u0"), (".q", "i64", "$u1")):
        for kind, functype in (("", "$any"), (".open", "$any_open")):
            through = f"(type {functype}) {_SHIFTED} (local.get 0)"
            name = f"call_indirect{suffix}{kind}"
            ops.append(op(name, (at,), f"(call_indirect {table} {through})"))
    return ops


def tail_ops() -> list[Op]:
    """The middles of tail calls: they give a callee's code and context."""

    def op(name: str, params: tuple[str, ...], text: str) -> Op:
        return Op(name, params, (), text, rtt="h0", ends=TAIL_CALL)

    ops = [
        op("return_call.d", (), "(return_call $left)"),
        op("return_call.i", (), "(return_call $imported_left)"),
        op("return_call_ref", ("(ref null $leave)",), "(return_call_ref $leave (local.get 0))"),
    ]
    for suffix, at, table in (("", "i32", "$u0"), (".q", "i64", "$u1")):
        for kind, functype in (("", "$leave"), (".open", "$leave_open")):
            text = f"(return_call_indirect {table} (type {functype}) (local.get 0))"
            ops.append(op(f"return_call_indirect{suffix}{kind}", (at,), text))
    return ops


def tail_calls(ops: list[Op], numbers: list[int], types: list[FuncType]) -> Iterator[Variant]:
    """What goes before the jump of a tail call: the callee's code and context to where it takes
    them. The operand is in the first register, arguments are where the callee takes them.
    """
    for op, number, functype in zip(ops, numbers, types, strict=True):
        body, arguments = "", "ptr %ctx, ptr %mem"
        if op.params:
            body, argument = _call_operand(op, functype)
            arguments += f", {argument}"
        body += f"%v = call {{ ptr, ptr }} @op{number}({arguments})\n"
        for i, name in enumerate(("code", "callee")):
            body += f"%{name}.p = extractvalue {{ ptr, ptr }} %v, {i}\n"
            body += f"%{name} = ptrtoint ptr %{name}.p to i64\n"
        kept = {name: f"%{name}" for name in ir.SCRATCH} | {"r0": "%callee", "y": "%code"}
        yield Variant(op.key, 0, body + go("next", **kept))


def _call_operand(op: Op, functype: FuncType) -> tuple[str, str]:
    """What takes a call's operand out of the first register; the operand, for the middle."""
    first = llvm_type(functype.params[0])
    text = operand(0, value_type(op.params[0]), REGISTER, 0)
    if first == "ptr":
        return text + "%o0.r = inttoptr i64 %o0 to ptr\n", "ptr %o0.r"
    return text, f"{first} %o0"


def calls(ops: list[Op], numbers: list[int], types: list[FuncType]) -> Iterator[Variant]:
    """Calls. An operand (an index, a reference) is in the first register; so are the results.

    By number: bit 0 and 1 say that the first and second integer result is an i32.
    """
    passed = [f"i64 %{name}" for name in ir.C_PARAMS] + [f"<2 x i64> %{name}" for name in ir.FLOATS]
    for op, number, functype in zip(ops, numbers, types, strict=True):
        lines, arguments = [], ["ptr %ctx", "ptr %mem"]
        if len(op.params) > len(ANY_PARAMS):
            text, argument = _call_operand(op, functype)
            lines.append(text)
            arguments.append(argument)
        returned = signature(functype)
        call = f"%v = call {returned} @op{number}({', '.join(arguments + passed)})\n"
        lines.append(call)
        lines += [f"%v{i} = extractvalue {returned} %v, {i}\n" for i in range(4)]
        for bits in range(4):
            ends = []
            for i in range(2):
                if bits >> i & 1:
                    ends.append(f"%t{i} = trunc i64 %v{i} to i32\n%w{i} = zext i32 %t{i} to i64\n")
                else:
                    ends.append(f"%w{i} = add i64 %v{i}, 0\n")
            # The other registers are lost; all of them: a callee may use them.
            values = lost() | {"r0": "%w0", "r1": "%w1", "f0": "%v2", "f1": "%v3"}
            yield Variant(op.key, bits, "".join([*lines, *ends, go("next", **values)]))
