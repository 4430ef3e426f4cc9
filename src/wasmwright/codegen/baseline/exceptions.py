"""Throwing and catching (spec: Execution > Instructions > Control Instructions), and the legacy
exception instructions (spec: Legacy Extensions > Exception Handling).

Every throw walks up the stack (``llvm.native_throw``), to the landing pad that `resolve_pads` names
for the call that it comes out of, in this function or one that called it. There, the exception
is put where the first operand of the block would be, and its tag is compared with the clauses'; if
none fits it is thrown again, from there.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append
from mypy_extensions import i64

from wasmwright.binary.cursor import CATCH_ALL, CATCH_ALL_REF, CATCH_REF, catch_kind
from wasmwright.codegen.baseline.aggregates import storage_name, store_fields
from wasmwright.codegen.baseline.control import (
    bind,
    branch,
    end_block,
    finish,
    jump,
    open_block,
    reset,
)
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.frame import TRY, TRY_BODY, Frame
from wasmwright.codegen.baseline.library import TYPE_I64, type_code
from wasmwright.codegen.baseline.operations import apply, calling
from wasmwright.codegen.baseline.places import FRAME
from wasmwright.codegen.heap_layout import StructLayout
from wasmwright.isa import slot
from wasmwright.model.types import FieldType, FuncType, StructType

_TRY: Final = slot("try")
_CATCH: Final = slot("catch")
_THROW: Final = slot("throw")
_THROW_REF: Final = slot("throw_ref")
_DELEGATE: Final = slot("delegate")
_CATCH_ALL: Final = slot("catch_all")
_TRY_TABLE: Final = slot("try_table")

_NO_TAG: Final = -1
_NO_PAD: Final = -1
_ALIAS: Final = -2  # less the number of the handler that stands in


def exception_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of exception handling.

    In dead code, only those that end a part of a block come here.
    """
    if opcode == _TRY_TABLE:
        _try_table(e)
    elif opcode == _THROW:
        _throw(e)
    elif opcode == _THROW_REF:
        _raise(e)
    elif opcode == _TRY:
        _open(e)
    elif opcode == _CATCH:
        _catch(e, e.reader.u32())
    elif opcode == _CATCH_ALL:
        _catch(e, _NO_TAG)
    elif opcode == _DELEGATE:
        _delegate(e)
    else:  # rethrow
        frame = e.frames[len(e.frames) - 1 - e.reader.u32()]
        e.push(TYPE_I64 << 4 | FRAME, e.slot(frame.height))
        _raise(e)


def end_of_try(e: Emitter) -> None:
    """Compile the ``end`` of a block that catches."""
    frame = e.frames.pop()
    if frame.kind == TRY_BODY:
        e.handlers.pop()
        if not e.used[frame.handler]:
            end_block(e, frame)
            return
        _leave(e, frame)
        _land(e, frame)
        _clauses(e, frame)
    else:
        _leave(e, frame)
        if frame.otherwise >= 0:
            _resume(e, frame)
            _raise(e)
    e.dead = True
    if len(frame.waiting) > 0:
        bind(e, frame)
    else:
        reset(e, frame.height)


def resolve_pads(e: Emitter, slots: i64) -> None:
    """At a function's end, when the size of its slots is known: the landing pads of its calls."""
    landings = e.landings
    for i in range(len(landings)):
        if landings[i] <= _ALIAS:  # another one, from further out, which comes before
            landings[i] = landings[_ALIAS - landings[i]]
    protected = e.protected
    for i in range(0, len(protected), 3):
        pad = landings[protected[i + 2]]
        if pad >= 0:
            e.pads.extend([protected[i], protected[i + 1], pad, slots])


# What raises


def _raise(e: Emitter) -> None:
    """Throws the exception on the stack, which may be null."""
    e.mark()
    e.leave_registers()
    e.protect(apply(e, e.library.family("throw_ref"), 1, -1, 0, 0))
    e.dead = True


def _throw(e: Emitter) -> None:
    tag: int = e.reader.u32()
    valtypes = _payload(e, tag)
    new = e.library.family("exception.new")
    calling(e, new, 0, TYPE_I64, e.layout.tag(tag), 0)
    store_fields(e, valtypes, _offsets(valtypes))
    _raise(e)


def _payload(e: Emitter, tag: int) -> list[int]:
    """The types of a tag's values."""
    comp = e.module.types[e.module.all_tags[tag].type_index].comp
    assert isinstance(comp, FuncType)
    return list(comp.params)


def _offsets(valtypes: list[int]) -> list[int]:
    """Where values of these types are in an exception."""
    fields = tuple([FieldType(each, False) for each in valtypes])
    return StructLayout(StructType(fields)).offsets


# What catches


def _open(e: Emitter) -> Frame:
    """Begins what a new handler protects."""
    frame = open_block(e, TRY_BODY)
    e.flush(0)
    frame.handler = len(e.landings)
    e.landings = append(e.landings, i64(_NO_PAD))
    e.used = append(e.used, False)
    e.handlers.append(frame.handler)
    e.frames.append(frame)
    return frame


def _try_table(e: Emitter) -> None:
    frame = _open(e)
    clauses: list[tuple[int, int, int]] = []
    for _ in range(e.reader.length()):
        kind: int = catch_kind(e.reader)
        tag: int = e.reader.u32() if kind < CATCH_ALL else _NO_TAG
        clauses.append((kind, tag, e.reader.u32()))
    frame.clauses = clauses


def _leave(e: Emitter, frame: Frame) -> None:
    """Goes from the end of a part of a block to the end of the whole."""
    if not e.dead:
        finish(e, frame)
        jump(e, frame)


def _land(e: Emitter, frame: Frame) -> None:
    """The landing pad of a handler; the exception is the only operand of the block."""
    library = e.library
    e.landings[frame.handler] = len(e.out)
    e.out.write(e.around.land)
    _start(e, frame)
    e.emit(library.number(library.first("landed")), e.payloads[e.height - 1], 0, 0, 0, 0)
    if e.view.has_memory:
        e.emit(library.number(library.first("base")), 0, 0, 0, 0, 0)


def _start(e: Emitter, frame: Frame) -> None:
    """The state of a handler: its exception on the stack, nothing in registers."""
    e.dead = False
    e.valid = 0
    reset(e, frame.height)
    e.push_slot(TYPE_I64)
    e.flushed = e.height


def _resume(e: Emitter, frame: Frame) -> None:
    """Goes on where the clauses before do not fit."""
    e.aim(frame.otherwise, len(e.out))
    frame.otherwise = -1
    _start(e, frame)


def _test(e: Emitter, frame: Frame, tag: int) -> None:
    """Goes on only if the exception has a tag, whose values are pushed."""
    library = e.library
    place = e.slot(frame.height)
    number = library.number(library.first("exception.other"))
    start = e.emit(number, place, 0, 0, e.layout.tag(tag), 0)
    frame.otherwise = e.taken(number, start)
    valtypes = _payload(e, tag)
    offsets = _offsets(valtypes)
    for i in range(len(valtypes)):
        e.push(TYPE_I64 << 4 | FRAME, place)
        family = library.family("struct.get." + storage_name(valtypes[i]))
        apply(e, family, 1, type_code(valtypes[i]), offsets[i], 0)


def _clauses(e: Emitter, frame: Frame) -> None:
    """The clauses of a ``try_table``, and what goes on if none fits."""
    for kind, tag, depth in frame.clauses:
        e.island()
        if tag != _NO_TAG:
            _test(e, frame, tag)
        if kind == CATCH_REF or kind == CATCH_ALL_REF:
            e.push(TYPE_I64 << 4 | FRAME, e.slot(frame.height))
            e.to_register(e.height - 1)
        branch(e, depth)
        if tag == _NO_TAG:
            return
        _resume(e, frame)
    _raise(e)


# Legacy


def _catch(e: Emitter, tag: int) -> None:
    """Ends the part of a ``try`` before, and begins one that a tag's exceptions come to."""
    frame = e.frames[-1]
    _leave(e, frame)
    if frame.kind == TRY_BODY:
        frame.kind = TRY
        e.handlers.pop()
        if e.used[frame.handler]:
            _land(e, frame)
        else:
            e.dead = True
    elif frame.otherwise >= 0:
        _resume(e, frame)
    else:
        e.dead = True
    if tag != _NO_TAG and not e.dead:
        _test(e, frame, tag)


def _delegate(e: Emitter) -> None:
    """Ends a ``try`` whose exceptions go to the handler around one of the blocks outside."""
    frame = e.frames.pop()
    place: int = len(e.frames) - 1 - e.reader.u32()
    e.handlers.pop()
    while place >= 0:
        outer = e.frames[place]
        if outer.kind == TRY_BODY:
            e.landings[frame.handler] = _ALIAS - outer.handler
            if e.used[frame.handler]:
                e.used[outer.handler] = True
            break
        place -= 1
    end_block(e, frame)
