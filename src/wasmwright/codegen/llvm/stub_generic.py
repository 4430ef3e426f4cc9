"""Stubs that serve every signature, as LLVM IR: what needs no compiler when a new one comes along.

``entry_generic`` and ``host_generic`` do what the stubs of a signature do, with the same
conversions, but in loops over a description of the signature (:mod:`stub_signature`), which is a
parameter in a register of its own (LLVM's ``nest``). They pass all registers that parameters or results can be in, whatever
the signature takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen.llvm.native import HELPER_VALUE, load
from wasmwright.codegen.llvm.stub_entry import LEAVE, entering
from wasmwright.codegen.llvm.stub_host import OFFSET_FLAG, leaving
from wasmwright.codegen.llvm.stub_signature import (
    FILE_SIZE,
    NAME,
    PARAMS,
    RECORD_PLACE,
    RECORD_SIZE,
    RECORDS,
    REGISTER,
    RESULTS,
    TRACED_RESULTS,
)
from wasmwright.codegen.llvm.stub_values import (
    LLVM,
    REFERENCES,
    RESULT,
    SCRATCH,
    TRACED,
    pin,
    to_native,
    to_python,
)

_RETURNED: Final = "{ i64, i64, <2 x i64>, <2 x i64> }"
_RESULT_TYPES: Final = ["i64"] * abi.RESULT_INTS + ["<2 x i64>"] * abi.RESULT_FLOATS
# Where each is in the register file: vectors come after the integers.
_RESULT_PLACES: Final = [REGISTER * i for i in range(len(_RESULT_TYPES))]
_PARAM_TYPES: Final = ["i64"] * abi.PARAM_INTS + ["<2 x i64>"] * abi.PARAM_FLOATS

# The counts and records of %signature, and room for a value of each on the larger side.
_BEGIN: Final = f"""
{SCRATCH}
  %file = alloca [{FILE_SIZE} x i8], align 16
{load("%params.32", "i32", "%signature", PARAMS)}
{load("%results.32", "i32", "%signature", RESULTS)}
  %params = zext i32 %params.32 to i64
  %results = zext i32 %results.32 to i64
  %more = icmp ugt i64 %params, %results
  %most = select i1 %more, i64 %params, i64 %results
  %values = alloca <2 x i64>, i64 %most, align 16
  %param.records = getelementptr i8, ptr %signature, i64 {RECORDS}
  %param.bytes = mul i64 %params, {RECORD_SIZE}
  %result.records = getelementptr i8, ptr %param.records, i64 %param.bytes
"""


def generic_ir() -> str:
    """The IR of both stubs and of their loops."""
    return "".join(
        (
            _copy("ww_gather", "%value", "%place"),
            _copy("ww_scatter", "%place", "%value"),
            _unbox(),
            _unbox_all("ww_unbox_array", _FROM_ARRAY),
            _unbox_all("ww_unbox_tuple", _FROM_TUPLE),
            _pin_all(),
            _box(),
            _box_all(),
            _box_results(),
            _drop_all(),
            _entry(),
            _host(),
        )
    )


def _loop(count: str, body: str) -> str:
    """A loop of %i up to ``count``, after a block ``entry``; the body ends in the block ``next``.

    Goes on in the block ``done``.
    """
    return f"""
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %some = icmp ult i64 %i, {count}
  br i1 %some, label %body, label %done
body:
  %value = getelementptr <2 x i64>, ptr %values, i64 %i
  %record.at = mul i64 %i, {RECORD_SIZE}
  %record = getelementptr i8, ptr %records, i64 %record.at
{body}
next:
  %i.next = add i64 %i, 1
  br label %loop
done:
"""


def _copy(name: str, to: str, source: str) -> str:
    """Values from where a signature's side says that they are, or to there."""
    body = f"""
{load("%offset", "i32", "%record", RECORD_PLACE)}
  %in.area = icmp uge i32 %offset, {abi.RT_AREA}
  %base = select i1 %in.area, ptr %rt, ptr %file
  %offset.wide = zext i32 %offset to i64
  %place = getelementptr i8, ptr %base, i64 %offset.wide
  %copied = load <2 x i64>, ptr {source}
  store <2 x i64> %copied, ptr {to}
  br label %next
"""
    return f"""
define internal void @{name}(ptr %values, ptr %records, i64 %count, ptr %file, ptr %rt) #0 {{
entry:{_loop("%count", body)}  ret void
}}
"""


def _switch(kinds: str, arm: Callable[[str], str]) -> str:
    """An arm for each of ``kinds``, by ``%kind``; what is none of them goes to ``other``."""
    cases = " ".join(f"i32 {ord(kind)}, label %kind.{kind}" for kind in kinds)
    arms = "".join(f"kind.{kind}:\n{arm(kind)}" for kind in kinds)
    return f"  switch i32 %kind, label %other [ {cases} ]\n{arms}"


def _unbox() -> str:
    """One Python object to a native value; -1 with an error set."""

    def arm(kind: str) -> str:
        # Of references, the position says on which side they are.
        position = "%position"
        text = ""
        if kind in REFERENCES:
            position = f"%{kind}.place"
            text = f"  {position} = or i64 %position, %side\n"
        text += to_native(kind, kind, "%object", position, "fail", "%ctx")
        return text + f"  store {LLVM[kind]} %{kind}, ptr %value\n  ret i32 0\n"

    params = "ptr %ctx, i64 %record.int, i32 %kind, ptr %object, i64 %position, i64 %side"
    return f"""
define internal i32 @ww_unbox({params}, ptr %value) #0 {{
{SCRATCH}
  store <2 x i64> zeroinitializer, ptr %value
{_switch("".join(LLVM), arm)}other:
  unreachable
fail:
  ret i32 -1
}}
"""


def _unbox_all(name: str, get: str) -> str:
    """Objects, of which ``get`` gives ``%object``, to native values; -1 with an error set."""
    body = f"""
{load("%kind", "i32", "%record", 0)}
{get}
  %status = call i32 @ww_unbox(ptr %ctx, i64 %record.int, i32 %kind, ptr %object, i64 %i, i64 %side, ptr %value)
  %failed = icmp ne i32 %status, 0
  br i1 %failed, label %fail, label %next
fail:
  ret i32 -1
"""
    params = "ptr %ctx, i64 %record.int, ptr %values, ptr %records, i64 %count"
    return f"""
define internal i32 @{name}({params}, ptr %objects, i64 %side) #0 {{
entry:{_loop("%count", body)}  ret i32 0
}}
"""


_FROM_ARRAY: Final = """
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %object.at
"""
_FROM_TUPLE: Final = "  %object = call ptr @PyTuple_GetItem(ptr %objects, i64 %i)\n"


def _pin_all() -> str:
    """Keeps the Python objects among values alive; -1 without memory for that."""

    def arm(kind: str) -> str:
        keep = pin(kind, "fail")
        return f"  %{kind} = load ptr, ptr %value\n{keep}  br label %next\n"

    body = f"""
{load("%kind", "i32", "%record", 0)}
{_switch(TRACED, arm)}other:
  br label %next
fail:
  ret i32 -1
"""
    return f"""
define internal i32 @ww_pin_all(ptr %rt, ptr %values, ptr %records, i64 %count) #0 {{
entry:{_loop("%count", body)}  ret i32 0
}}
"""


def _box() -> str:
    """One native value to a new Python object; null with an error set."""

    def arm(kind: str) -> str:
        text = f"  %native.{kind} = load {LLVM[kind]}, ptr %value\n"
        return text + to_python(kind, kind, f"%native.{kind}") + f"  ret ptr %{kind}\n"

    return f"""
define internal ptr @ww_box(ptr %ctx, ptr %rt, i32 %kind, ptr %value) #0 {{
{SCRATCH}
{_switch("".join(LLVM), arm)}other:
  unreachable
}}
"""


def _box_all() -> str:
    """Values to Python objects; whether one of those is null."""
    body = f"""
{load("%kind", "i32", "%record", 0)}
  %object = call ptr @ww_box(ptr %ctx, ptr %rt, i32 %kind, ptr %value)
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  store ptr %object, ptr %object.at
  %null = icmp eq ptr %object, null
  %any.before = load i1, ptr %any
  %any.now = or i1 %any.before, %null
  store i1 %any.now, ptr %any
  br label %next
"""
    params = "ptr %ctx, ptr %rt, ptr %values, ptr %records, i64 %count, ptr %objects"
    return f"""
define internal i1 @ww_box_all({params}) #0 {{
entry:
  %any = alloca i1
  store i1 false, ptr %any
{_loop("%count", body)}  %answer = load i1, ptr %any
  ret i1 %answer
}}
"""


def _drop_all() -> str:
    body = """
  %object.at = getelementptr ptr, ptr %values, i64 %i
  %object = load ptr, ptr %object.at
  call void @Py_DecRef(ptr %object)
  br label %next
"""
    return f"""
define internal void @ww_drop_all(ptr %values, i64 %count) #0 {{
entry:
  %records = getelementptr i8, ptr %values, i64 0
{_loop("%count", body)}  ret void
}}
"""


def _box_results() -> str:
    """What a call from Python gives: None, an object, or a tuple; null with an error set."""
    body = f"""
{load("%kind", "i32", "%record", 0)}
  %object = call ptr @ww_box(ptr %ctx, ptr %rt, i32 %kind, ptr %value)
  %bad = icmp eq ptr %object, null
  br i1 %bad, label %spoiled, label %set
set:
  %ignored = call i32 @PyTuple_SetItem(ptr %tuple, i64 %i, ptr %object)
  br label %next
spoiled:
  call void @Py_DecRef(ptr %tuple)
  ret ptr null
"""
    return f"""
define internal ptr @ww_box_results(ptr %ctx, ptr %rt, ptr %values, ptr %records, i64 %count) #0 {{
  switch i64 %count, label %several [ i64 0, label %none i64 1, label %one ]
none:
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  ret ptr @_Py_NoneStruct
one:
  %only.kind = load i32, ptr %records
  %only = call ptr @ww_box(ptr %ctx, ptr %rt, i32 %only.kind, ptr %values)
  ret ptr %only
several:
  %tuple = call ptr @PyTuple_New(i64 %count)
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %give_up, label %entry
give_up:
  ret ptr null
entry:{_loop("%count", body)}  ret ptr %tuple
}}
"""


def _entry() -> str:
    convert = """
  %converted = call i32 @ww_unbox_array(ptr %ctx, i64 %record.int, ptr %values, ptr %param.records, i64 %params, ptr %args, i64 0)
  %bad = icmp ne i32 %converted, 0
  br i1 %bad, label %fail, label %prepare
prepare:
"""
    keep = """
  %pinned = call i32 @ww_pin_all(ptr %rt, ptr %values, ptr %param.records, i64 %params)
  %not_pinned = icmp ne i32 %pinned, 0
  br i1 %not_pinned, label %unpinned, label %begin
begin:
"""
    registers = "".join(
        load(f"%r{i}", kind, "%file", REGISTER * i) for i, kind in enumerate(_PARAM_TYPES)
    )
    arguments = ", ".join(f"{kind} %r{i}" for i, kind in enumerate(_PARAM_TYPES))
    kept = "".join(
        f"  %kept{i} = extractvalue {_RETURNED} %result, {i}\n"
        f"  %kept{i}.to = getelementptr i8, ptr %file, i64 {place}\n"
        f"  store {kind} %kept{i}, ptr %kept{i}.to\n"
        for i, (kind, place) in enumerate(zip(_RESULT_TYPES, _RESULT_PLACES, strict=True))
    )
    call = f"""
  call void @ww_scatter(ptr %values, ptr %param.records, i64 %params, ptr %file, ptr %rt)
{registers}
  %result = call {_RETURNED} %code(ptr %ctx, {arguments})
{kept}
  call void @ww_gather(ptr %values, ptr %result.records, i64 %results, ptr %file, ptr %rt)
"""
    box = "call ptr @ww_box_results(ptr %ctx, ptr %rt, ptr %values, ptr %result.records, i64 %results)"
    # Before this thread leaves, what it has in its hands is safe.
    finish = f"""
{load("%traced", "i32", "%signature", TRACED_RESULTS)}
  %safe = icmp eq i32 %traced, 0
  br i1 %safe, label %early, label %late
early:
{LEAVE}
  %boxed.early = {box}
  ret ptr %boxed.early
late:
  %boxed.late = {box}
{LEAVE}
  ret ptr %boxed.late
"""
    return entering(
        f"ptr @entry_{NAME}(ptr nest %signature, ptr %self, ptr %args, i64 %nargsf, ptr %kwnames)",
        _BEGIN,
        "%params",
        convert,
        keep,
        call,
        finish,
    )


def _host() -> str:
    native = ", ".join(f"{kind} %r{i}" for i, kind in enumerate(_PARAM_TYPES))
    begin = f"""
{_BEGIN}
  %places = add i64 %params, 2
  %argv = alloca ptr, i64 %places, align 16
  %arguments = getelementptr i8, ptr %argv, i64 8
  %flags = or i64 %params, {-OFFSET_FLAG}
"""
    take = (
        "".join(
            f"  %file{i} = getelementptr i8, ptr %file, i64 {REGISTER * i}\n"
            f"  store {kind} %r{i}, ptr %file{i}\n"
            for i, kind in enumerate(_PARAM_TYPES)
        )
        + "  call void @ww_gather(ptr %values, ptr %param.records, i64 %params, ptr %file, ptr %rt)\n"
    )
    box = "  %bad = call i1 @ww_box_all(ptr %ctx, ptr %rt, ptr %values, ptr %param.records, i64 %params, ptr %arguments)\n"
    drops = "  call void @ww_drop_all(ptr %arguments, i64 %params)\n"
    convert = f"""
  switch i64 %results, label %several [ i64 0, label %keep i64 1, label %one ]
one:
  %only.kind = load i32, ptr %result.records
  %only = call i32 @ww_unbox(ptr %ctx, i64 %record.int, i32 %only.kind, ptr %returned, i64 0, i64 {RESULT}, ptr %values)
  %only.bad = icmp ne i32 %only, 0
  br i1 %only.bad, label %spoiled, label %keep
several:
  %tuple = call ptr @PySequence_Tuple(ptr %returned)
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %spoiled, label %measure
measure:
  %length = call i64 @PyTuple_Size(ptr %tuple)
  %right = icmp eq i64 %length, %results
  br i1 %right, label %unpack, label %wrong
wrong:
  call void @ww_raise(i64 {HELPER_VALUE}, ptr %tuple, i64 {ord("n")}, i64 %results, i64 0)
  br label %unpacked
unpacked:
  call void @Py_DecRef(ptr %tuple)
  br label %spoiled
unpack:
  %all = call i32 @ww_unbox_tuple(ptr %ctx, i64 %record.int, ptr %values, ptr %result.records, i64 %results, ptr %tuple, i64 {RESULT})
  %all.bad = icmp ne i32 %all, 0
  br i1 %all.bad, label %unpacked, label %unpacked.well
unpacked.well:
  call void @Py_DecRef(ptr %tuple)
  br label %keep
keep:
  %pinned = call i32 @ww_pin_all(ptr %rt, ptr %values, ptr %result.records, i64 %results)
  %not_pinned = icmp ne i32 %pinned, 0
  br i1 %not_pinned, label %unpinned, label %kept
kept:
"""
    leave = "  call void @ww_scatter(ptr %values, ptr %result.records, i64 %results, ptr %file, ptr %rt)\n"
    previous = "poison"
    for i, (kind, place) in enumerate(zip(_RESULT_TYPES, _RESULT_PLACES, strict=True)):
        leave += load(f"%left{i}", kind, "%file", place)
        leave += f"  %packed{i} = insertvalue {_RETURNED} {previous}, {kind} %left{i}, {i}\n"
        previous = f"%packed{i}"
    leave += f"  ret {_RETURNED} {previous}\n"
    return leaving(
        f"{_RETURNED} @host_{NAME}(ptr nest %signature, ptr %ctx, {native})",
        begin,
        take,
        box,
        "%bad",
        drops,
        "%flags",
        convert,
        leave,
    )
