"""Blocks, branches and calls (spec: Validation > Instructions > Control Instructions)."""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright import limits
from wasmwright.binary.reader import too_many
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.model.types import FUNCREF, I32
from wasmwright.validate import rules
from wasmwright.validate.body import Body
from wasmwright.validate.context import COUNT_MASK, EMPTY
from wasmwright.validate.stack import INITS, KIND, LABEL, PARAMS, RESULTS
from wasmwright.validate.subtyping import matches, results_match


def check_control(body: Body, rule: i64) -> None:
    """Check a control instruction, whose opcode is read."""
    stack = body.stack
    if rule == rules.END:
        end(body)
    elif rule == rules.BLOCK or rule == rules.LOOP or rule == rules.IF:
        if rule == rules.IF:
            params, results = body.blocktype()
            stack.pop(I32)
            stack.pop_all(params)
            stack.enter(rule, params, results, results, len(body.locals.inits))
        else:
            open_block(body, rule)
    elif rule == rules.BR_IF:
        place = body.label()
        stack.pop(I32)
        label = stack.frames[place + LABEL]
        stack.pop_all(label)
        stack.push_all(label)
    elif rule == rules.BR:
        place = body.label()
        stack.pop_all(stack.frames[place + LABEL])
        stack.kill()
    elif rule == rules.CALL:
        index = body.context.funcs[body.func()]
        stack.pop_all(body.context.params[index])
        stack.push_all(body.context.results[index])
    elif rule == rules.ELSE:
        else_(body)
    elif rule == rules.RETURN:
        stack.pop_all(body.results)
        stack.kill()
    elif rule == rules.UNREACHABLE:
        stack.kill()
    elif rule == rules.BR_TABLE:
        br_table(body)
    elif rule == rules.CALL_INDIRECT:
        index = indirect_callee(body)
        stack.pop_all(body.context.params[index])
        stack.push_all(body.context.results[index])
    elif rule == rules.CALL_REF:
        index = body.func_type()
        stack.pop(body.type_ref(index, True))
        stack.pop_all(body.context.params[index])
        stack.push_all(body.context.results[index])
    elif rule == rules.RETURN_CALL:
        tail_call(body, body.context.funcs[body.func()])
    elif rule == rules.RETURN_CALL_INDIRECT:
        tail_call(body, indirect_callee(body))
    else:
        assert rule == rules.RETURN_CALL_REF
        index = body.func_type()
        stack.pop(body.type_ref(index, True))
        tail_call(body, index)


def open_block(body: Body, rule: i64) -> None:
    """Begin a block or loop, or what else has a block type and nothing before it."""
    stack = body.stack
    params, results = body.blocktype()
    stack.pop_all(params)
    label = params if rule == rules.LOOP else results
    stack.enter(rule, params, results, label, len(body.locals.inits))


def close_block(body: Body) -> i64:
    """End the innermost block and forget what it initialised; its place in the frames."""
    place = body.stack.leave()
    inits = body.stack.frames[place + INITS]
    if len(body.locals.inits) > inits:
        body.locals.reset(inits)
    return place


def end(body: Body) -> None:
    """``end``: the results of the block are the operands that it leaves."""
    stack = body.stack
    place = close_block(body)
    frames = stack.frames
    results = frames[place + RESULTS]
    if frames[place + KIND] == rules.IF:
        without_else(body, frames[place + PARAMS], results)
    if results != EMPTY:
        stack.push_all(results)


def without_else(body: Body, params: i64, results: i64) -> None:
    """An ``if`` without ``else`` passes its parameters on as its results."""
    if params == results:
        return
    context = body.context
    left = context.unpack(params)
    right = context.unpack(results)
    if not results_match(context.canon, tuple(left), tuple(right)):
        raise InvalidError(
            f"type mismatch: if without else expected {context.type_list(right)}, "
            f"found {context.type_list(left)}"
        )


def else_(body: Body) -> None:
    """``else``: the same block type again."""
    stack = body.stack
    if stack.frames[stack.top + KIND] != rules.IF:
        raise MalformedError("END opcode expected: else without if", body.at)
    place = close_block(body)
    frames = stack.frames
    results = frames[place + RESULTS]
    stack.enter(rules.ELSE, frames[place + PARAMS], results, results, len(body.locals.inits))


def br_table(body: Body) -> None:
    """``br_table``: all labels have as many types, and the operands match each."""
    stack = body.stack
    reader = body.reader
    pos = reader.pos
    count = reader.length()
    if count > limits.MAX_BR_TABLE:
        raise too_many("br_table targets", count, limits.MAX_BR_TABLE, "MAX_BR_TABLE", pos)
    stack.pop(I32)
    last: i64 = EMPTY
    arity: i64 = -1
    seen: set[int] = set()  # the operands are the same for all
    for _ in range(count + 1):
        place = body.label()
        label = stack.frames[place + LABEL]
        if label == last:
            arity = label & COUNT_MASK
            continue
        if arity >= 0 and label & COUNT_MASK != arity:
            raise InvalidError(
                f"type mismatch: br_table has labels with {arity} and {label & COUNT_MASK} types"
            )
        if label not in seen:
            stack.check_all(label)
            seen.add(label)
        last = label
        arity = label & COUNT_MASK
    stack.pop_all(last)
    stack.kill()


def indirect_callee(body: Body) -> i64:
    """The immediates and the last operand of an indirect call; the callee's type index."""
    index = body.func_type()
    table = body.table()
    element = body.context.elements[table]
    if not matches(body.context.canon, element, FUNCREF):
        raise InvalidError(
            f"type mismatch: indirect call through a table of {body.context.type_name(element)}"
        )
    body.stack.pop(body.context.tables[table])
    return index


def tail_call(body: Body, index: i64) -> None:
    """The rest of a tail call to a function of this type index."""
    context = body.context
    stack = body.stack
    results = context.results[index]
    if results != body.results:
        left = context.unpack(results)
        right = context.unpack(body.results)
        if not results_match(context.canon, tuple(left), tuple(right)):
            raise InvalidError(
                f"type mismatch: current function requires result type "
                f"{context.type_list(right)}, but the callee returns {context.type_list(left)}"
            )
    stack.pop_all(context.params[index])
    stack.kill()
