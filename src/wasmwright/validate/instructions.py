"""The walk over the bytes of a function body or constant expression.

One loop with two layers. The upper takes the common case of the common instructions, with all
state in local variables: short immediates, operands of exactly the types that
the signature has. Whatever it does not take falls through to the lower layer, where each rule is
written out in full; so the upper layer may be left out without a change in what is accepted.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import features
from wasmwright.binary.cursor import read_opcode
from wasmwright.errors import CompileError, InvalidError, MalformedError
from wasmwright.isa import BY_SLOT
from wasmwright.model.types import BOT, I32, REF
from wasmwright.validate import rules
from wasmwright.validate.aggregates import check_aggregate
from wasmwright.validate.body import Body
from wasmwright.validate.context import EMPTY, MUTABLE, unknown
from wasmwright.validate.control import check_control
from wasmwright.validate.exceptions import check_exception
from wasmwright.validate.locals import UNSET
from wasmwright.validate.memory import check_access, check_fixed, check_memory, memarg
from wasmwright.validate.references import check_reference
from wasmwright.validate.stack import (
    DEAD,
    FRAME,
    HEIGHT,
    INITS,
    KIND,
    LABEL,
    PARAMS,
    RESULTS,
)
from wasmwright.validate.tables import check_table

_RESULT: Final = rules.RESULT
_TWO_BYTES: Final = 1 << 14  # what two bytes of LEB128 can hold
_NO_MEMORY: Final = -1
_SHORT_MEMARG: Final = 5  # bytes: alignment, and an offset of less than 32 bits
_EMPTY_BLOCK: Final = 0x40


def check_body(body: Body, func: int | None) -> None:
    """Check what ``body`` has been started with; errors get the place and the function.

    Raises :class:`InvalidError` where a rule is broken, and :class:`MalformedError` where the bytes
    are no instructions.
    """
    try:
        walk(body)
        if body.reader.pos != body.reader.end:
            raise MalformedError(
                "unexpected content after the end of an expression", body.reader.pos
            )
    except CompileError as error:
        if error.offset is not None and error.func == func:
            raise
        offset = body.at if error.offset is None else error.offset
        raise type(error)(error.message, offset, func) from None


def walk(body: Body) -> None:
    """Check instructions from the reader's position to the outermost block's ``end``."""
    reader = body.reader
    stack = body.stack
    data = reader.data
    end = reader.end
    signatures = body.signatures
    globals_ = body.context.globals
    local_types = body.locals.types
    # Indices of at most two bytes; a longer encoding of a small one is for the lower layer.
    near_locals: i64 = body.locals.window
    if near_locals > _TWO_BYTES:
        near_locals = _TWO_BYTES
    near_globals: i64 = len(globals_)
    if near_globals > _TWO_BYTES:
        near_globals = _TWO_BYTES
    address: i64 = body.context.memories[0] if len(body.context.memories) > 0 else _NO_MEMORY
    pos = reader.pos
    types = stack.types
    room: i64 = len(types)
    height = stack.height
    base = stack.base
    frames = stack.frames
    near_frames = stack.room()
    inits = body.locals.inits
    while True:
        at = pos
        if pos >= end:
            raise MalformedError("END opcode expected: the function ends before", pos)
        slot: i64 = data[pos]
        pos += 1
        signature = signatures[slot]
        rule = signature & 0xFF
        if rule == rules.PREFIX:
            code: i64 = -1
            if pos + 1 < end:
                code = data[pos]
                pos += 1
                if code >= 0x80:
                    code = code & 0x7F | data[pos] << 7
                    pos += 1
            if code < 0 or code >= signature >> rules.PREFIX_CODES:
                # An end, a longer code than need be, or an illegal one: the cursor knows.
                reader.pos = at
                slot = read_opcode(reader)
                pos = reader.pos
            else:
                slot = (signature >> rules.PREFIX_SLOTS & 0xFFFF) + code
            signature = signatures[slot]
            rule = signature & 0xFF
        immediate = pos

        # The common case of the common instructions

        if rule == rules.LOCAL_GET:
            if pos + 1 < end and height < room:
                index: i64 = data[pos]
                pos += 1
                if index >= 0x80:
                    index = index & 0x7F | data[pos] << 7
                    pos += 1
                if index < near_locals:
                    valtype = local_types[index]
                    if valtype < UNSET:
                        types[height] = valtype
                        height += 1
                        continue
        elif rule == rules.BINARY:
            if (
                height - base >= 2
                and types[height - 1] == signature >> rules.LAST & 0xFF
                and types[height - 2] == signature >> rules.FIRST & 0xFF
            ):
                height -= 1
                types[height - 1] = signature >> _RESULT & 0xFF
                continue
        elif rule == rules.CONST_INT:
            last = pos + (signature >> rules.EXTRA & 0xFF)
            if last < end and height < room:
                while pos < last and data[pos] >= 0x80:
                    pos += 1
                if pos < last:
                    pos += 1
                    types[height] = signature >> _RESULT & 0xFF
                    height += 1
                    continue
        elif rule == rules.LOAD:
            last = pos + _SHORT_MEMARG
            if last < end and height > base and types[height - 1] == address:
                if data[pos] <= signature >> rules.EXTRA & 0xFF:
                    pos += 1
                    while pos < last and data[pos] >= 0x80:
                        pos += 1
                    if pos < last:
                        pos += 1
                        types[height - 1] = signature >> _RESULT & 0xFF
                        continue
        elif rule == rules.LOCAL_SET or rule == rules.LOCAL_TEE:
            if pos + 1 < end and height > base:
                index = data[pos]
                pos += 1
                if index >= 0x80:
                    index = index & 0x7F | data[pos] << 7
                    pos += 1
                if index < near_locals and types[height - 1] == local_types[index]:
                    if rule == rules.LOCAL_SET:
                        height -= 1
                    continue
        elif rule == rules.STORE:
            last = pos + _SHORT_MEMARG
            if (
                last < end
                and height - base >= 2
                and types[height - 1] == signature >> rules.LAST & 0xFF
                and types[height - 2] == address
            ):
                if data[pos] <= signature >> rules.EXTRA & 0xFF:
                    pos += 1
                    while pos < last and data[pos] >= 0x80:
                        pos += 1
                    if pos < last:
                        pos += 1
                        height -= 2
                        continue
        elif rule == rules.UNARY:
            if height > base and types[height - 1] == signature >> rules.LAST & 0xFF:
                types[height - 1] = signature >> _RESULT & 0xFF
                continue
        elif rule == rules.GLOBAL_GET:
            if pos + 1 < end and height < room:
                index = data[pos]
                pos += 1
                if index >= 0x80:
                    index = index & 0x7F | data[pos] << 7
                    pos += 1
                if index < near_globals:
                    types[height] = globals_[index] & ~MUTABLE
                    height += 1
                    continue
        elif rule == rules.BLOCK or rule == rules.LOOP:
            place = stack.top + FRAME
            if pos < end and data[pos] == _EMPTY_BLOCK and place < near_frames:
                pos += 1
                frames[place + KIND] = rule
                frames[place + HEIGHT] = height
                frames[place + DEAD] = 0
                frames[place + PARAMS] = EMPTY
                frames[place + RESULTS] = EMPTY
                frames[place + LABEL] = EMPTY
                frames[place + INITS] = len(inits)
                stack.top = place
                stack.base = height
                stack.dead = False
                base = height
                continue
        elif rule == rules.END:
            place = stack.top
            if (
                height == base
                and place > 0
                and frames[place + RESULTS] == EMPTY
                and frames[place + PARAMS] == EMPTY
                and frames[place + INITS] == len(inits)
            ):
                place -= FRAME
                base = frames[place + HEIGHT]
                stack.top = place
                stack.base = base
                stack.dead = frames[place + DEAD] != 0
                continue
        elif rule == rules.BR_IF:
            if pos < end and data[pos] < 0x80 and height > base and types[height - 1] == I32:
                place = stack.top - data[pos] * FRAME
                if place >= 0 and frames[place + LABEL] == EMPTY:
                    pos += 1
                    height -= 1
                    continue
        elif rule == rules.DROP:
            if height > base:
                height -= 1
                continue

        # The rules in full

        reader.pos = immediate
        stack.height = height
        stack.slot = slot
        body.at = at
        body.signature = signature
        if rule <= rules.LAST_BASIC:
            check_basic(body, rule)
        elif rule <= rules.LAST_CONTROL:
            check_control(body, rule)
        elif rule <= rules.LAST_EXCEPTION:
            check_exception(body, rule)
        elif rule <= rules.LAST_MEMORY:
            check_memory(body, rule)
        elif rule <= rules.LAST_TABLE:
            check_table(body, rule)
        elif rule <= rules.LAST_REFERENCE:
            check_reference(body, rule)
        else:
            check_aggregate(body, rule)
        if stack.top < 0:
            return
        pos = reader.pos
        types = stack.types
        room = len(types)
        height = stack.height
        base = stack.base
        frames = stack.frames
        near_frames = stack.room()


def check_basic(body: Body, rule: i64) -> None:
    """Check an instruction of the other groups: numeric, vector, parametric, variable."""
    stack = body.stack
    reader = body.reader
    if rule <= rules.PREFIX:
        raise refusal(body, rule)
    if rule <= rules.FIXED:
        check_fixed(body, I32)
    elif rule == rules.LOAD or rule == rules.STORE:
        check_fixed(body, memarg(body, body.signature >> rules.EXTRA & 0xFF, False))
    elif rule <= rules.CONST_BYTES:
        valtype = body.signature >> _RESULT & 0xFF
        if rule == rules.CONST_BYTES:
            reader.skip(body.signature >> rules.EXTRA & 0xFF)
        elif valtype == I32:
            reader.s32()
        else:
            reader.s64()
        stack.push(valtype)
    elif rule <= rules.FENCE:
        check_access(body, rule)
    elif rule == rules.NOP:
        pass
    elif rule <= rules.LOCAL_TEE:
        check_local(body, rule)
    elif rule <= rules.GLOBAL_GET_CONST:
        check_global(body, rule)
    elif rule == rules.DROP:
        stack.pop_any()
    elif rule == rules.SELECT:
        select(body)
    else:
        assert rule == rules.SELECT_TYPED
        count = reader.length()
        if count != 1:
            raise InvalidError(f"invalid result arity: select with {count} types")
        valtype = body.context.valtype(reader.valtype())
        stack.pop_list([valtype, valtype, I32])
        stack.push(valtype)


def refusal(body: Body, rule: i64) -> CompileError:
    """The error of an opcode that is no instruction, or not one that may be used here."""
    row = BY_SLOT[body.stack.slot]
    if row is None or rule == rules.ILLEGAL:
        body.reader.pos = body.at
        read_opcode(body.reader)
        raise AssertionError("a slot without a rule")
    if rule == rules.NOT_CONST:
        return InvalidError(f"constant expression required, found {row.name}")
    missing = features.describe(row.missing(body.context.features))
    return InvalidError(f"{missing} support is not enabled: {row.name}")


def select(body: Body) -> None:
    """``select`` without a type: both operands are the same number or vector type."""
    stack = body.stack
    stack.pop(I32)
    right = stack.pop_any()
    left = stack.pop_any()
    if (left | right) & REF != 0 or (left != right and left != BOT and right != BOT):
        found = body.context.type_list([left, right])
        raise InvalidError(
            f"type mismatch: instruction requires numeric or vector type twice but stack has "
            f"{found} in select"
        )
    stack.push(right if left == BOT else left)


def check_local(body: Body, rule: i64) -> None:
    """Check an access to a local."""
    index = body.reader.u32()
    valtype = body.locals.get(index, body.params)
    if rule == rules.LOCAL_GET:
        if valtype >= UNSET:
            raise InvalidError(f"uninitialized local {index}")
        body.stack.push(valtype)
        return
    body.stack.pop(valtype & ~UNSET)
    if valtype >= UNSET:
        body.locals.init(index)
    if rule == rules.LOCAL_TEE:
        body.stack.push(valtype & ~UNSET)


def check_global(body: Body, rule: i64) -> None:
    """Check an access to a global; constant expressions see immutable ones that come before."""
    context = body.context
    index = body.global_()
    valtype = context.globals[index]
    if rule == rules.GLOBAL_SET:
        if valtype & MUTABLE == 0:
            raise InvalidError(f"immutable global {index}")
        body.stack.pop(valtype & ~MUTABLE)
        return
    if rule == rules.GLOBAL_GET_CONST:
        if index >= context.visible_globals:
            raise unknown("global", index)
        if valtype & MUTABLE != 0:
            raise InvalidError(f"constant expression required, found mutable global {index}")
    body.stack.push(valtype & ~MUTABLE)
