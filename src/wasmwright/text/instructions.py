"""Instruction sequences to bytecode (spec: Text Format > Instructions), folded or not.

Nothing recurses on nesting: what is open stands on a stack of frames. A folded instruction is
written after its operands, so its frame keeps where its immediates are and they are read then.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.cursor import CATCH, CATCH_ALL
from wasmwright.binary.cursor import CATCH_ALL_REF as CATCH_ALL_REF_CODE
from wasmwright.binary.cursor import CATCH_REF as CATCH_REF_CODE
from wasmwright.binary.writer import leb_u32
from wasmwright.isa import slot
from wasmwright.text.context import Context
from wasmwright.text.errors import TextError
from wasmwright.text.immediates import BLOCK, FORMS, opcode, plain
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import (
    CATCH_ALL_REF,
    CATCH_REF,
    DO,
    INSTRUCTION,
    LPAR,
    PARAM,
    REF_WORD,
    RESULT,
    RPAR,
    THEN,
    TYPE,
)
from wasmwright.text.types import blocktype

_IF: Final = slot("if")
_ELSE: Final = slot("else")
_END: Final = slot("end")
_TRY: Final = slot("try")
_CATCH: Final = slot("catch")
_CATCH_ALL: Final = slot("catch_all")
_DELEGATE: Final = slot("delegate")
_TRY_TABLE: Final = slot("try_table")
_BR_IF: Final = slot("br_if")

# Kinds of frames. The first five close with the keyword `end`, the others with a parenthesis.
_FLAT: Final = 1  # a block, and an arm after which only `end` may come
_FLAT_IF: Final = 2  # … `else` may come
_FLAT_TRY: Final = 3  # … `catch`, `catch_all` or `delegate` may come
_FLAT_CATCH: Final = 4  # … `catch` or `catch_all` may come
_PLAIN: Final = 5  # a folded instruction, its operands being read
_FOLDED: Final = 6  # a folded block
_CONDITION: Final = 7  # a folded `if`, its operands being read
_ARM: Final = 8  # `(then …)`, `(else …)`, `(do …)` and the like inside the next two
_FOLDED_IF: Final = 9  # a folded `if` that had its `then`
_FOLDED_TRY: Final = 10  # a folded `try` that had its `do`
_LAST_FLAT: Final = _FLAT_CATCH


def expression(context: Context, out: BytesWriter, single: bool) -> None:
    """Append the instructions that come next, without a final ``end``.

    They go up to the closing parenthesis of the list that they are in; with ``single`` it is
    one folded instruction.
    """
    stream = context.stream
    kinds = stream.kinds
    frames = context.frames
    base = frames.height
    hints = context.annotations.any
    while True:
        token = stream.pos
        kind = i64(kinds[token])
        if kind == LPAR:
            slot = i64(kinds[token + 1]) - INSTRUCTION
            if slot < 0 or FORMS[slot] == BLOCK:
                _open(context, out, slot, base)
            else:
                operands = _operands(stream, token + 2)
                if kinds[operands] == RPAR:
                    stream.pos = token + 2
                    if hints:
                        _hint(context, out, token + 1, slot)
                    plain(context, out, slot)
                    if stream.pos != operands:
                        raise stream.unexpected('an instruction or ")"')
                    stream.pos = operands + 1
                else:
                    frames.push(_PLAIN, token + 1, operands)
                    stream.pos = operands
        elif kind >= INSTRUCTION:
            slot = kind - INSTRUCTION
            if frames.height != base and frames.kinds[frames.height - 1] == _CONDITION:
                raise stream.unexpected('a folded instruction or "(then"')
            stream.pos = token + 1
            if FORMS[slot] == BLOCK:
                _flat(context, out, slot, base)
            else:
                if hints:
                    _hint(context, out, token, slot)
                plain(context, out, slot)
        elif kind == RPAR:
            if frames.height == base:
                return
            _close(context, out)
        else:
            raise stream.unexpected("an instruction")
        if single and frames.height == base:
            return


def _operands(stream: Stream, token: i64) -> i64:
    """Where the operands of a folded instruction begin, whose immediates begin at ``token``."""
    kinds = stream.kinds
    while True:
        kind = i64(kinds[token])
        if kind == LPAR:
            word = i64(kinds[token + 1])
            if word != TYPE and word != PARAM and word != RESULT and word != REF_WORD:
                return token
            token = stream.list_end(token)
        elif kind == RPAR or kind >= INSTRUCTION or kind == 0:
            return token
        else:
            token += 1


def _hint(context: Context, out: BytesWriter, token: i64, slot: i64) -> None:
    """Note the branch hint before an instruction, whose keyword is ``token``, if there is one."""
    annotations = context.annotations
    found = annotations.branch_hint(token)
    if not found and token > 0 and context.stream.kinds[token - 1] == LPAR:
        found = annotations.branch_hint(token - 1)
    if not found:
        return
    if slot != _IF and slot != _BR_IF:
        raise context.stream.error_at(
            token, "@metadata.code.branch_hint annotation: invalid target"
        )
    context.hints.add_name(len(out), found)


# Blocks


def _label(context: Context, id: bytes) -> None:
    if id:
        context.label_map.add_name(context.labels.numbers, id)
    context.labels.push(id)


def _enter(context: Context, out: BytesWriter, slot: i64) -> None:
    """Append a block's beginning; its label comes next."""
    stream = context.stream
    if context.annotations.any:
        _hint(context, out, stream.pos - 1, slot)
    id = stream.take_identifier()
    opcode(out, slot)
    blocktype(context, out)
    if slot == _TRY_TABLE:
        _catches(context, out)
    _label(context, id)


def _leave(context: Context, out: BytesWriter) -> None:
    opcode(out, _END)
    context.labels.pop()


def _catches(context: Context, out: BytesWriter) -> None:
    """The catch clauses of a ``try_table``."""
    stream = context.stream
    clauses = BytesWriter()
    count: i64 = 0
    while stream.kind() == LPAR:
        word = i64(stream.kinds[stream.pos + 1])
        if word == INSTRUCTION + _CATCH:
            code: i64 = CATCH
        elif word == CATCH_REF:
            code = CATCH_REF_CODE
        elif word == INSTRUCTION + _CATCH_ALL:
            code = CATCH_ALL
        elif word == CATCH_ALL_REF:
            code = CATCH_ALL_REF_CODE
        else:
            break
        stream.pos += 2
        clauses.append(code)
        if code < CATCH_ALL:
            leb_u32(clauses, context.tags.index(stream))
        leb_u32(clauses, context.labels.index(stream))
        stream.close()
        count += 1
    leb_u32(out, count)
    out.write(clauses.getvalue())


def _flat(context: Context, out: BytesWriter, slot: i64, base: i64) -> None:
    """A block instruction that is not folded, or a delimiter of one; its keyword is read."""
    stream = context.stream
    frames = context.frames
    if slot == _IF:
        _enter(context, out, slot)
        frames.push(_FLAT_IF, 0, 0)
        return
    if slot == _TRY:
        _enter(context, out, slot)
        frames.push(_FLAT_TRY, 0, 0)
        return
    if slot != _END and slot != _ELSE and slot != _CATCH:
        if slot != _CATCH_ALL and slot != _DELEGATE:
            _enter(context, out, slot)
            frames.push(_FLAT, 0, 0)
            return
    top = frames.height - 1
    inside: i64 = 0
    if top >= base:
        inside = frames.kinds[top]
    if slot == _END:
        if inside == 0 or inside > _LAST_FLAT:
            raise _misplaced(stream)
        context.labels.match(stream)
        _leave(context, out)
        frames.height = top
    elif slot == _ELSE:
        if inside != _FLAT_IF:
            raise _misplaced(stream)
        context.labels.match(stream)
        opcode(out, slot)
        frames.kinds[top] = _FLAT
    elif slot == _DELEGATE:
        if inside != _FLAT_TRY:
            raise _misplaced(stream)
        frames.height = top
        _delegate(context, out)
    else:
        if inside != _FLAT_TRY and inside != _FLAT_CATCH:
            raise _misplaced(stream)
        opcode(out, slot)
        if slot == _CATCH:
            leb_u32(out, context.tags.index(stream))
        frames.kinds[top] = _FLAT_CATCH if slot == _CATCH else _FLAT


def _delegate(context: Context, out: BytesWriter) -> None:
    # The label counts from outside of the `try`.
    context.labels.pop()
    opcode(out, _DELEGATE)
    leb_u32(out, context.labels.index(context.stream))


def _misplaced(stream: Stream) -> TextError:
    return stream.unexpected_at(stream.pos - 1, "an instruction")


def _open(context: Context, out: BytesWriter, slot: i64, base: i64) -> None:
    """A parenthesis that begins a folded block, or a part of one."""
    stream = context.stream
    frames = context.frames
    top = frames.height - 1
    inside: i64 = 0
    if top >= base:
        inside = frames.kinds[top]
    stream.pos += 1
    if slot == _IF:
        operands = _operands(stream, stream.pos + 1)
        frames.push(_CONDITION, stream.pos, operands)
        stream.pos = operands
    elif slot >= 0 and slot != _ELSE and slot != _END and slot != _DELEGATE:
        if slot == _CATCH or slot == _CATCH_ALL:
            raise stream.unexpected("an instruction")
        stream.pos += 1
        _enter(context, out, slot)
        if slot != _TRY:
            frames.push(_FOLDED, 0, 0)
            return
        if not stream.take_list(DO):
            raise stream.unexpected('"(do"')
        frames.push(_FOLDED_TRY, 0, 0)
        frames.push(_ARM, 0, 0)
    elif inside == _CONDITION and stream.kind() == THEN:
        then = stream.pos + 1
        stream.pos = frames.tokens[top] + 1
        _enter(context, out, _IF)
        if stream.pos != frames.starts[top]:
            raise stream.unexpected("a folded instruction")
        stream.pos = then
        frames.kinds[top] = _FOLDED_IF
        frames.push(_ARM, 0, 0)
    else:
        raise stream.unexpected('"(then"' if inside == _CONDITION else "an instruction")


def _close(context: Context, out: BytesWriter) -> None:
    """A closing parenthesis inside the expression."""
    stream = context.stream
    frames = context.frames
    top = frames.height - 1
    kind: i64 = frames.kinds[top]
    if kind == _PLAIN:
        close = stream.pos
        keyword: i64 = frames.tokens[top]
        slot = i64(stream.kinds[keyword]) - INSTRUCTION
        if context.annotations.any:
            _hint(context, out, keyword, slot)
        stream.pos = keyword + 1
        plain(context, out, slot)
        if stream.pos != frames.starts[top]:
            raise stream.unexpected("an instruction")
        stream.pos = close
    elif kind == _FOLDED:
        _leave(context, out)
    elif kind == _ARM:
        frames.height = top
        _close_arm(context, out)
        return
    elif kind == _CONDITION:
        raise stream.unexpected('"(then"')
    else:
        raise stream.unexpected('an instruction or "end"')
    frames.height = top
    stream.pos += 1


def _close_arm(context: Context, out: BytesWriter) -> None:
    """The end of an arm of a folded ``if`` or ``try``, and what follows it."""
    stream = context.stream
    frames = context.frames
    top = frames.height - 1
    stream.pos += 1
    if stream.kind() == LPAR:
        word = i64(stream.kinds[stream.pos + 1]) - INSTRUCTION
        if frames.kinds[top] == _FOLDED_IF:
            if word == _ELSE and frames.tokens[top] != _NO_MORE:
                stream.pos += 2
                opcode(out, _ELSE)
                frames.tokens[top] = _NO_MORE
                frames.push(_ARM, 0, 0)
                return
        elif frames.tokens[top] != _NO_MORE:
            if word == _CATCH or word == _CATCH_ALL:
                stream.pos += 2
                opcode(out, word)
                if word == _CATCH:
                    leb_u32(out, context.tags.index(stream))
                else:
                    frames.tokens[top] = _NO_MORE
                frames.starts[top] = _NO_MORE
                frames.push(_ARM, 0, 0)
                return
            if word == _DELEGATE and frames.starts[top] != _NO_MORE:
                stream.pos += 2
                _delegate(context, out)
                stream.close()
                stream.close()
                frames.height = top
                return
    stream.close()
    _leave(context, out)
    frames.height = top


# In the tokens of a frame: no further arm may come. In its starts: no `delegate`.
_NO_MORE: Final = -1
