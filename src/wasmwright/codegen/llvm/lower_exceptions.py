"""Throwing and catching (spec: Execution > Instructions > Control Instructions), and the legacy
exception instructions (spec: Legacy Extensions > Exception Handling).

A call in a block that catches is an ``invoke``, which costs nothing if it returns. A throw walks up
the stack (``native_throw``) to the landing pad of the innermost call of that kind. There, the
exception's type, which is its tag, is compared with those of the clauses; if none fits it
goes on to the block around, in this function or by another walk. So a throw whose handler is in the
same function is a branch.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import CATCH_ALL, CATCH_ALL_REF, CATCH_REF, catch_kind
from wasmwright.codegen.abi import RT_NEW_EXCEPTION
from wasmwright.codegen.heap_layout import GRANULE, OBJECT_TYPE, StructLayout
from wasmwright.codegen.llvm.lower_control import TRY, TRY_BODY, branch, end, finish, open_block
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_entry import caught, keep_caught
from wasmwright.codegen.llvm.lower_frame import Frame
from wasmwright.codegen.llvm.lower_handler import Handler
from wasmwright.codegen.llvm.lower_memory import runtime_function
from wasmwright.codegen.llvm.lower_unit import FIXED, STACK_MAP, llvm_type
from wasmwright.errors import TRAP_NULL_EXCEPTION
from wasmwright.isa import slot
from wasmwright.model.types import EXN, REF, V128, FieldType, StructType

_TRY: Final = slot("try")
_CATCH: Final = slot("catch")
_THROW: Final = slot("throw")
_RETHROW: Final = slot("rethrow")
_THROW_REF: Final = slot("throw_ref")
_DELEGATE: Final = slot("delegate")
_CATCH_ALL: Final = slot("catch_all")
_TRY_TABLE: Final = slot("try_table")

_NO_TAG: Final = -1
_EXCEPTION: Final = REF | EXN


def exception_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of exception handling.

    In dead code, only those that end a part of a block are lowered.
    """
    e.unit.unwinds = True
    if opcode == _TRY_TABLE:
        _try_table(e)
    elif opcode == _THROW:
        _throw(e)
    elif opcode == _THROW_REF:
        exception = e.pop()
        e.trap_if(e.define(f"icmp eq ptr {exception}, null"), TRAP_NULL_EXCEPTION)
        _raise(e, exception)
    elif opcode == _TRY:
        _open(e, open_block(e, TRY_BODY))
    elif opcode == _CATCH:
        _catch(e, e.reader.u32())
    elif opcode == _CATCH_ALL:
        _catch(e, _NO_TAG)
    elif opcode == _DELEGATE:
        _delegate(e)
    else:
        assert opcode == _RETHROW
        handler = e.frames[len(e.frames) - 1 - e.reader.u32()].handler
        assert handler is not None
        _raise(e, caught(e, handler))


def end_instruction(e: Emitter) -> None:
    """Lower ``end``, of any kind of block."""
    frame = e.frames[-1]
    if frame.handler is not None:
        if frame.kind == TRY_BODY:
            e.handlers.pop()
        _close(e, frame, frame.handler, _innermost(e))
    end(e)


# What raises


def _raise(e: Emitter, exception: str) -> None:
    """Throw an exception from where we are."""
    _pass_on(e, _innermost(e), exception)


def _innermost(e: Emitter) -> Handler | None:
    return e.handlers[-1] if e.handlers else None


def _pass_on(e: Emitter, handler: Handler | None, exception: str) -> None:
    """Go on with an exception in a handler of this function, or leave the function."""
    if handler is not None:
        handler.sources.append(e.block)
        handler.values.append(exception)
        e.out.append(f"br label %{handler.dispatch}\n")
    else:
        e.out.append(
            f"call void @throw(ptr %ctx, ptr {exception}) nomerge{e.here()}\nunreachable\n"
        )
        e.called()
    e.dead = True


def _throw(e: Emitter) -> None:
    tag: int = e.reader.u32()
    layout = _Payload(e, tag)
    values = e.pop_settled(len(layout.valtypes))
    function = runtime_function(e, RT_NEW_EXCEPTION)
    exception = e.define(f"call ptr {function}(ptr %ctx, ptr {_tag(e, tag)}){e.here()}")
    e.called()
    for i in range(len(values)):
        place = e.field(exception, layout.offsets[i])
        kind = llvm_type(layout.valtypes[i])
        e.out.append(f"store {kind} {values[i]}, ptr {place}{_alignment(layout.valtypes[i])}\n")
    _raise(e, exception)


class _Payload:
    """The types of a tag's values, and where they are in its exceptions."""

    def __init__(self, e: Emitter, tag: int) -> None:
        tagtype = e.unit.module.all_tags[tag]
        self.valtypes: list[int] = e.unit.signature(tagtype.type_index).params
        fields = tuple([FieldType(each, False) for each in self.valtypes])
        self.offsets: list[int] = StructLayout(StructType(fields)).offsets


def _alignment(valtype: int) -> str:
    return f", align {GRANULE}" if valtype == V128 else ""


def _tag(e: Emitter, tag: int) -> str:
    """The record of a tag."""
    return e.define(f"load ptr, ptr {e.context(e.unit.layout.tag(tag))}{FIXED}")


# What catches


def _open(e: Emitter, frame: Frame) -> Handler:
    """Begin what a block's handler protects."""
    handler = Handler(e.label(), e.label())
    frame.handler = handler
    e.handlers.append(handler)
    e.catches = True
    return handler


def _try_table(e: Emitter) -> None:
    frame = open_block(e, TRY_BODY)
    clauses: list[tuple[int, int, int]] = []
    for _ in range(e.reader.length()):
        kind: int = catch_kind(e.reader)
        tag: int = e.reader.u32() if kind < CATCH_ALL else _NO_TAG
        clauses.append((kind, tag, e.reader.u32()))
    _open(e, frame).clauses = clauses


def _dispatch(e: Emitter, handler: Handler) -> bool:
    """Begin the block where all exceptions of a handler arrive; whether there are any."""
    if handler.invoked:
        e.begin(handler.pad)
        landed = e.define("landingpad { ptr, i32 } cleanup")
        # Has LLVM tell the size of the frame, which the walk needs to restore the stack pointer.
        e.out.append(f"{STACK_MAP}\n")
        handler.sources.append(handler.pad)
        handler.values.append(e.define(f"extractvalue {{ ptr, i32 }} {landed}, 0"))
        e.out.append(f"br label %{handler.dispatch}\n")
    if not handler.sources:
        return False
    e.begin_join(handler.dispatch)
    arms: list[str] = []
    for i in range(len(handler.sources)):
        arms.append(f"[ {handler.values[i]}, %{handler.sources[i]} ]")
    handler.exception = e.define(f"phi ptr {', '.join(arms)}")
    return True


def _test(e: Emitter, handler: Handler, tag: int) -> str:
    """Go on in a new block if the exception has a tag; the label of the other case."""
    exception = handler.exception
    thrown = e.define(f"load ptr, ptr {e.field(exception, OBJECT_TYPE)}")
    condition = e.define(f"icmp eq ptr {thrown}, {_tag(e, tag)}")
    hit, miss = e.label(), e.label()
    e.out.append(f"br i1 {condition}, label %{hit}, label %{miss}\n")
    e.begin(hit)
    return miss


def _push_payload(e: Emitter, handler: Handler, tag: int) -> None:
    layout = _Payload(e, tag)
    for i in range(len(layout.valtypes)):
        place = e.field(handler.exception, layout.offsets[i])
        valtype = layout.valtypes[i]
        e.result(f"load {llvm_type(valtype)}, ptr {place}{_alignment(valtype)}", valtype)


def _close(e: Emitter, frame: Frame, handler: Handler, outer: Handler | None) -> None:
    """Write the rest of what a block does with exceptions; others go on to ``outer``."""
    finish(e, frame)
    rest = True
    if frame.kind == TRY_BODY:
        rest = _dispatch(e, handler) and not _clauses(e, handler)
    elif handler.otherwise:
        e.begin_join(handler.otherwise)
    else:
        rest = False
    if rest:
        _pass_on(e, outer, handler.exception)
    e.dead = True


def _clauses(e: Emitter, handler: Handler) -> bool:
    """Try the clauses of a ``try_table``; whether they take everything."""
    for kind, tag, depth in handler.clauses:
        target = e.frames[len(e.frames) - 2 - depth]
        height = len(e.vals)
        miss = ""
        if tag != _NO_TAG:
            miss = _test(e, handler, tag)
            _push_payload(e, handler, tag)
        if kind == CATCH_REF or kind == CATCH_ALL_REF:
            e.push(handler.exception, _EXCEPTION)
        branch(e, target)
        e.out.append(f"br label %{target.label}\n")
        e.drop(len(e.vals) - height)
        if not miss:
            return True
        e.begin_join(miss)
    return False


# Legacy


def _catch(e: Emitter, tag: int) -> None:
    """End the part of a ``try`` before, and begin one that a tag's exceptions come to."""
    frame = e.frames[-1]
    handler = frame.handler
    assert handler is not None
    finish(e, frame)
    e.dead = False
    if frame.kind == TRY_BODY:
        frame.kind = TRY
        e.handlers.pop()
        e.dead = not _dispatch(e, handler)
    elif handler.otherwise:
        e.begin_join(handler.otherwise)
    else:
        e.dead = True
    handler.otherwise = ""
    if not e.dead:
        keep_caught(e, handler)
    if tag != _NO_TAG and not e.dead:
        handler.otherwise = _test(e, handler, tag)
        _push_payload(e, handler, tag)


def _delegate(e: Emitter) -> None:
    """End a ``try`` whose exceptions go to the handler around one of the blocks outside."""
    frame = e.frames[-1]
    handler = frame.handler
    assert handler is not None
    place: int = len(e.frames) - 2 - e.reader.u32()
    outer: Handler | None = None
    while place >= 0 and outer is None:
        if e.frames[place].kind == TRY_BODY:
            outer = e.frames[place].handler
        place -= 1
    e.handlers.pop()
    _close(e, frame, handler, outer)
    end(e)
