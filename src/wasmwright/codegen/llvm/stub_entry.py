"""The stubs by which Python calls wasm, as LLVM IR."""

from __future__ import annotations

from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen.llvm.native import (
    ACT_FRAME,
    ACT_HELD,
    ACT_SIZE,
    FUNC_RECORD,
    HELPER_ARITY,
    LANDED_EXCEPTION,
    LANDED_WASM,
    load,
    store,
)
from wasmwright.codegen.llvm.stub_values import (
    LLVM,
    SCRATCH,
    TRACED,
    pin,
    return_type,
    to_native,
    to_python,
    valtypes,
)


def entry_stub(key: str, params: str, results: str) -> str:
    """The function ``entry_KEY``; ``params`` and ``results`` are the kinds of a key's sides."""
    converts = []
    arguments = ["ptr %ctx"]
    spilled = []
    pins = []
    places = abi.area_offsets(valtypes(params), abi.PARAM_INTS, abi.PARAM_FLOATS)
    for i, kind in enumerate(params):
        if kind in TRACED:
            pins.append(pin(f"p{i}", "unpinned"))
        converts.append(load(f"%object{i}", "ptr", "%args", 8 * i))
        converts.append(to_native(kind, f"p{i}", f"%object{i}", i, "fail", "%ctx"))
        if places[i] < 0:
            arguments.append(f"{LLVM[kind]} %p{i}")
        else:
            spilled.append(store(f"area{i}", LLVM[kind], f"%p{i}", "%rt", places[i]))
    returned, unpack = return_type(results)
    if any(kind in TRACED for kind in results):
        # Before this thread leaves, what it has in its hands is safe.
        finish = _results_to_python(results, LEAVE)
    else:
        finish = LEAVE + _results_to_python(results, "")
    call = f"call {returned} %code({', '.join(arguments)})"
    if returned != "void":
        call = f"%result = {call}"
    return entering(
        f"ptr @entry_{key}(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames)",
        SCRATCH,
        str(len(params)),
        "".join(converts),
        "".join(pins),
        f"{''.join(spilled)}\n  {call}\n{unpack}",
        finish,
    )


# Gives back the runtime block.
LEAVE: Final = "  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)\n"


def entering(
    prototype: str, begin: str, count: str, convert: str, pins: str, call: str, finish: str
) -> str:
    """A vectorcall function that enters wasm, from the IR of its parts.

    ``begin`` is the first of all, ``count`` of parameters; ``convert`` makes native values of
    ``%args`` or goes to ``fail``; ``pins`` keeps objects among them alive or goes to ``unpinned``;
    ``call`` calls ``%code``; ``finish`` returns what it returned.
    """
    return f"""
define {prototype} #0 {{
  %act = alloca [{ACT_SIZE} x i8], align 16
{begin}
  %nargs = and i64 %nargsf, 9223372036854775807
  %right = icmp eq i64 %nargs, {count}
  %plain = icmp eq ptr %kwnames, null
  %good = and i1 %right, %plain
  br i1 %good, label %convert, label %arity
arity:
  br i1 %plain, label %wrong, label %named
wrong:
  call void @ww_raise(i64 {HELPER_ARITY}, ptr %self, i64 %nargs, i64 0, i64 0)
  ret ptr null
named:
  %called = call ptr @ww_call_named(ptr %self, ptr %args, i64 %nargs, ptr %kwnames)
  ret ptr %called
fail:
  ret ptr null
convert:
{load("%record", "ptr", "%self", FUNC_RECORD)}
{load("%ctx", "ptr", "%record", abi.FUNCREF_CTX)}
  %record.int = ptrtoint ptr %record to i64
{convert}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
{store("frame", "ptr", "%frame", "%act", ACT_FRAME)}
  %key = load i32, ptr @ww_state
  %outer = call ptr @pthread_getspecific(i32 %key)
  %ts = call ptr @ww_enter(ptr %ctx, ptr %act)
  %refused = icmp eq ptr %ts, null
  br i1 %refused, label %fail, label %mark
mark:
  %rt = load ptr, ptr %ctx
{pins}
  %how = call i32 @_setjmp(ptr %act) returns_twice
  %first = icmp eq i32 %how, 0
  br i1 %first, label %run, label %landed
run:
  %code = load ptr, ptr %record
{load("%short", "i32", "%record", abi.FUNCREF_SHORT)}
{store("keep", "i32", "%short", "%act", ACT_HELD)}
  %kept = icmp ne i32 %short, 0
  br i1 %kept, label %go, label %release
release:
  %saved = call ptr @PyEval_SaveThread()
  br label %go
go:
{call}
  br i1 %kept, label %finish, label %acquire
acquire:
  call void @PyEval_RestoreThread(ptr %ts)
  br label %finish
finish:
{finish}
unpinned:
  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)
  %no_memory = call ptr @PyErr_NoMemory()
  ret ptr null
landed:
; wherever wasm was left, an object that it was about to make must not be in the way
{store("no_alloc", "i64", 0, "%rt", abi.RT_ALLOC)}
{store("no_limit", "i64", 0, "%rt", abi.RT_ALLOC_LIMIT)}
{load("%still", "i32", "%act", ACT_HELD)}
  %exception = icmp eq i32 %how, {LANDED_EXCEPTION}
  %holding = icmp ne i32 %still, 0
  %held = or i1 %exception, %holding
  br i1 %held, label %unwound, label %restore
restore:
  call void @PyEval_RestoreThread(ptr %ts)
  br label %unwound
unwound:
  %wasm = icmp eq i32 %how, {LANDED_WASM}
  br i1 %wasm, label %thrown, label %left
thrown:
; an exception is kept alive by this thread's stack as long as the thread is inside
  %ignored = call ptr @ww_landed(ptr %self, ptr %act, i32 %how)
  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)
  ret ptr null
left:
  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)
  %nothing = call ptr @ww_landed(ptr %self, ptr %act, i32 %how)
  ret ptr null
}}
"""


def _results_to_python(results: str, leave: str) -> str:
    """IR that returns the Python form of ``%result0`` ..., with ``leave`` before each return."""
    if not results:
        return "  call void @Py_IncRef(ptr @_Py_NoneStruct)\n  ret ptr @_Py_NoneStruct\n"
    if len(results) == 1:
        return to_python(results, "boxed", "%result0") + leave + "  ret ptr %boxed\n"
    text = f"""
  %tuple = call ptr @PyTuple_New(i64 {len(results)})
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %no_results, label %fill0
"""
    for i, each in enumerate(results):
        text += f"""
fill{i}:
{to_python(each, f"boxed{i}", f"%result{i}")}
  %bad{i} = icmp eq ptr %boxed{i}, null
  br i1 %bad{i}, label %spoiled, label %set{i}
set{i}:
  %ignored{i} = call i32 @PyTuple_SetItem(ptr %tuple, i64 {i}, ptr %boxed{i})
  br label %{f"fill{i + 1}" if i + 1 < len(results) else "filled"}
"""
    return (
        text
        + f"""
filled:
{leave}
  ret ptr %tuple
spoiled:
  call void @Py_DecRef(ptr %tuple)
  br label %no_results
no_results:
{leave}
  ret ptr null
"""
    )
