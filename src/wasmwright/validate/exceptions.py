"""Throwing and catching (spec: Validation > Instructions > Control Instructions), and the
legacy exception instructions (spec: Legacy Extensions > Exception Handling).
"""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.binary.cursor import CATCH_ALL, CATCH_ALL_REF, CATCH_REF, catch_kind
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.model.types import EXN, EXNREF, REF
from wasmwright.validate import rules
from wasmwright.validate.body import Body
from wasmwright.validate.context import EMPTY
from wasmwright.validate.control import close_block, open_block
from wasmwright.validate.stack import KIND, LABEL, RESULTS
from wasmwright.validate.subtyping import results_match


def check_exception(body: Body, rule: i64) -> None:
    """Check an instruction of exception handling, whose opcode is read."""
    stack = body.stack
    if rule == rules.TRY_TABLE:
        try_table(body)
    elif rule == rules.THROW:
        stack.pop_all(body.tag())
        stack.kill()
    elif rule == rules.THROW_REF:
        stack.pop(EXNREF)
        stack.kill()
    elif rule == rules.TRY:
        open_block(body, rule)
    elif rule == rules.CATCH or rule == rules.CATCH_ALL:
        legacy_catch(body, rule)
    elif rule == rules.DELEGATE:
        delegate(body)
    else:
        assert rule == rules.RETHROW
        place = body.label()
        kind = stack.frames[place + KIND]
        if kind != rules.CATCH and kind != rules.CATCH_ALL:
            raise InvalidError("invalid rethrow label: not that of a catch")
        stack.kill()


def try_table(body: Body) -> None:
    """``try_table``: each clause's label, outside of the block, takes what the clause gives."""
    stack = body.stack
    reader = body.reader
    params, results = body.blocktype()
    for _ in range(reader.length()):
        clause(body)
    stack.pop_all(params)
    stack.enter(rules.TRY_TABLE, params, results, results, len(body.locals.inits))


def clause(body: Body) -> None:
    """One catch clause of a ``try_table``."""
    context = body.context
    kind = catch_kind(body.reader)
    given: i64 = body.tag() if kind < CATCH_ALL else EMPTY
    label = body.stack.frames[body.label() + LABEL]
    with_ref = kind == CATCH_REF or kind == CATCH_ALL_REF
    if given == label and not with_ref:
        return
    left = context.unpack(given)
    if with_ref:
        left.append(REF | EXN)
    right = context.unpack(label)
    if not results_match(context.canon, tuple(left), tuple(right)):
        raise InvalidError(
            f"type mismatch: label requires {context.type_list(right)} "
            f"but catch handler has {context.type_list(left)}"
        )


def legacy_catch(body: Body, rule: i64) -> None:
    """``catch`` and ``catch_all``: the next part of a ``try``, with the tag's values."""
    stack = body.stack
    opener = stack.frames[stack.top + KIND]
    if opener != rules.TRY and opener != rules.CATCH:
        raise MalformedError("END opcode expected: catch without try", body.at)
    values: i64 = body.tag() if rule == rules.CATCH else EMPTY
    results = stack.frames[close_block(body) + RESULTS]
    stack.enter(rule, values, results, results, len(body.locals.inits))


def delegate(body: Body) -> None:
    """``delegate``: ends a ``try``; its label counts from outside of it."""
    stack = body.stack
    if stack.frames[stack.top + KIND] != rules.TRY:
        raise MalformedError("END opcode expected: delegate without try", body.at)
    results = stack.frames[close_block(body) + RESULTS]
    body.label()
    stack.push_all(results)
