"""References, casts and branches on them (spec: Validation > Instructions > Reference
Instructions).
"""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.binary.cursor import castflags
from wasmwright.errors import InvalidError
from wasmwright.model.types import (
    ANY,
    EQREF,
    EXTERN,
    I31,
    I31REF,
    I32,
    NULL,
    REF,
)
from wasmwright.validate import rules
from wasmwright.validate.body import Body
from wasmwright.validate.context import COUNT_BITS, COUNT_MASK
from wasmwright.validate.stack import LABEL
from wasmwright.validate.subtyping import matches, top_of


def check_reference(body: Body, rule: i64) -> None:
    """Check a reference instruction, whose opcode is read."""
    stack = body.stack
    context = body.context
    if rule == rules.REF_NULL:
        stack.push(REF | NULL | body.heaptype())
    elif rule == rules.REF_IS_NULL:
        stack.pop_ref()
        stack.push(I32)
    elif rule == rules.REF_FUNC or rule == rules.REF_FUNC_CONST:
        ref_func(body, rule)
    elif rule == rules.REF_EQ:
        stack.pop_list([EQREF, EQREF])
        stack.push(I32)
    elif rule == rules.REF_AS_NON_NULL:
        stack.push(stack.pop_ref() & ~NULL)
    elif rule == rules.REF_TEST or rule == rules.REF_TEST_NULL:
        stack.pop(REF | NULL | top_of(context.canon, body.heaptype()))
        stack.push(I32)
    elif rule == rules.REF_CAST or rule == rules.REF_CAST_NULL:
        heap = body.heaptype()
        stack.pop(REF | NULL | top_of(context.canon, heap))
        stack.push(REF | heap | (NULL if rule == rules.REF_CAST_NULL else 0))
    elif rule == rules.BR_ON_NULL:
        label = stack.frames[body.label() + LABEL]
        target = stack.pop_ref()
        stack.pop_all(label)
        stack.push_all(label)
        stack.push(target & ~NULL)
    elif rule == rules.BR_ON_NON_NULL:
        br_on_non_null(body)
    elif rule == rules.BR_ON_CAST or rule == rules.BR_ON_CAST_FAIL:
        br_on_cast(body, rule)
    elif rule == rules.CONVERT_TO_ANY:
        convert(body, EXTERN, ANY)
    elif rule == rules.CONVERT_TO_EXTERN:
        convert(body, ANY, EXTERN)
    elif rule == rules.REF_I31:
        stack.pop(I32)
        stack.push(REF | I31)
    else:
        assert rule == rules.I31_GET
        stack.pop(I31REF)
        stack.push(I32)


def ref_func(body: Body, rule: i64) -> None:
    """``ref.func``: only of functions that the module names outside of its function bodies."""
    context = body.context
    index = body.func()
    if rule == rules.REF_FUNC_CONST:
        context.declared.add(index)
    elif index not in context.declared:
        raise InvalidError(f"undeclared function reference {index}")
    body.stack.push(REF | context.ids[context.funcs[index]])


def convert(body: Body, source: i64, target: i64) -> None:
    """The conversions between internal and external references, which keep nullability."""
    actual = body.stack.pop(REF | NULL | source)
    body.stack.push(REF | target | (actual & NULL))


def br_on_non_null(body: Body) -> None:
    """``br_on_non_null``: the label takes the reference in addition, without its null."""
    stack = body.stack
    context = body.context
    label = stack.frames[body.label() + LABEL]
    last = last_type(body, label)
    if last & REF == 0:
        raise InvalidError(
            f"type mismatch: instruction requires a reference type but label has "
            f"{context.type_list(context.unpack(label))}"
        )
    stack.pop(last | NULL)
    stack.pop_all(label - 1)
    stack.push_all(label - 1)


def br_on_cast(body: Body, rule: i64) -> None:
    """``br_on_cast`` and ``br_on_cast_fail``: one type goes to the label, the rest goes on."""
    stack = body.stack
    context = body.context
    flags = castflags(body.reader)
    label = stack.frames[body.label() + LABEL]
    source = REF | body.heaptype() | (NULL if flags & 1 != 0 else 0)
    target = REF | body.heaptype() | (NULL if flags & 2 != 0 else 0)
    if not matches(context.canon, target, source):
        raise InvalidError(
            f"type mismatch on cast: type {context.type_name(target)} does not match "
            f"{context.type_name(source)}"
        )
    rest = source & ~NULL if target & NULL != 0 else source
    taken = target if rule == rules.BR_ON_CAST else rest
    last = last_type(body, label)
    if not matches(context.canon, taken, last):
        raise InvalidError(
            f"type mismatch: instruction requires type {context.type_name(taken)} but label has "
            f"{context.type_list(context.unpack(label))}"
        )
    stack.pop(source)
    stack.pop_all(label - 1)
    stack.push_all(label - 1)
    stack.push(rest if rule == rules.BR_ON_CAST else target)


def last_type(body: Body, label: i64) -> i64:
    """The last of a label's types. The packed label less one is the label without it."""
    count = label & COUNT_MASK
    if count == 0:
        raise InvalidError("type mismatch: instruction requires a reference but label has []")
    return body.context.flat[(label >> COUNT_BITS) + count - 1]
