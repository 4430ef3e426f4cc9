"""The stubs by which wasm calls Python, as LLVM IR."""

from __future__ import annotations

from typing import Final

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.codegen.llvm.native import (
    ACT_COUNT,
    ACT_THREAD,
    HELPER_VALUE,
    HOST_CALLABLE,
    HOST_SIZE,
    LANDED_EXCEPTION,
    STATE_INTERRUPTED,
    at,
    load,
    store,
)
from wasmwright.codegen.llvm.stub_values import (
    LLVM,
    REFERENCES,
    RESULT,
    SCRATCH,
    TRACED,
    pin,
    return_type,
    to_native,
    to_python,
    valtypes,
)


def host_stub(key: str, params: str, results: str) -> str:
    """The function ``host_KEY``; ``params`` and ``results`` are the kinds of a key's sides."""
    count = len(params)
    boxes = []
    for i, kind in enumerate(params):
        boxes.append(to_python(kind, f"a{i}", f"%p{i}"))
        boxes.append(store(f"arg{i}", "ptr", f"%a{i}", "%argv", 8 + 8 * i))
        boxes.append(f"  %none{i} = icmp eq ptr %a{i}, null\n")
    checks = ""
    bad = "false"
    for i in range(count):
        checks += f"  %any{i} = or i1 {bad}, %none{i}\n"
        bad = f"%any{i}"
    # Py_DecRef accepts null, so a failed conversion needs no separate path.
    drops = "".join(f"  call void @Py_DecRef(ptr %a{i})\n" for i in range(count))
    places = abi.area_offsets(valtypes(params), abi.PARAM_INTS, abi.PARAM_FLOATS)
    native = ["ptr %ctx"]
    taken = []
    for i, kind in enumerate(params):
        if places[i] < 0:
            native.append(f"{LLVM[kind]} %p{i}")
        else:
            taken.append(load(f"%p{i}", LLVM[kind], "%rt", places[i]))
    returned, convert, leave = _results_to_native(results)
    for i, kind in enumerate(results):
        if kind in TRACED:
            convert += pin(f"n{i}", "unpinned")
    argv = f"  %argv = alloca [{count + 2} x ptr], align 16\n{SCRATCH}"
    return leaving(
        f"{returned} @host_{key}({', '.join(native)})",
        argv,
        "".join(taken),
        "".join(boxes) + checks,
        bad,
        drops,
        str(count - OFFSET_FLAG),
        convert,
        leave,
    )


# Tells a vectorcall function that it may use the place before the arguments.
OFFSET_FLAG: Final = 1 << 63


def leaving(
    prototype: str,
    begin: str,
    take: str,
    box: str,
    bad: str,
    drops: str,
    flags: str,
    convert: str,
    leave: str,
) -> str:
    """A function that calls a Python callable, from the IR of its parts.

    ``begin`` is the first of all, with ``%argv``; ``take`` reads the argument area; ``box`` puts
    Python objects into ``%argv`` from its second place on, and ``bad`` is then whether one is
    null; ``drops`` gives them back; ``flags`` has the count of arguments. ``convert`` makes native
    values of ``%returned``, pinned, or goes to ``spoiled`` or ``unpinned``; ``leave`` returns them.
    """
    return f"""
define {prototype} #1 {{
{begin}
  %rt = load ptr, ptr %ctx
  %ctx.int = ptrtoint ptr %ctx to i64
{take}
{load("%act", "ptr", "%rt", abi.RT_ACTIVATION)}
{load("%ts", "ptr", "%act", ACT_THREAD)}
{load("%callable", "ptr", "%ctx", HOST_CALLABLE)}
{load("%bound", "i64", "%rt", abi.RT_HOST_LIMIT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %frame.int = ptrtoint ptr %frame to i64
  %room = icmp ugt i64 %frame.int, %bound
  br i1 %room, label %enter, label %exhausted
exhausted:
  call void @ww_trap(ptr %ctx, i32 {errors.TRAP_STACK})
  unreachable
enter:
  %record.int = add i64 %ctx.int, {HOST_SIZE}
  call void @PyEval_RestoreThread(ptr %ts)
{box}
  br i1 {bad}, label %unboxed, label %call
unboxed:
{drops}
  br label %fail
call:
{at("%argv.first", "%argv", 8)}
  %returned = call ptr @PyObject_Vectorcall(ptr %callable, ptr %argv.first, i64 {flags}, ptr null)
{drops}
  %raised = icmp eq ptr %returned, null
  br i1 %raised, label %fail, label %convert
convert:
{convert}
  call void @Py_DecRef(ptr %returned)
{load("%interrupted", "ptr", "@ww_state", STATE_INTERRUPTED)}
  %signalled = icmp eq ptr %interrupted, %act
  br i1 %signalled, label %signals, label %return
signals:
{store("handled", "ptr", "null", "@ww_state", STATE_INTERRUPTED)}
  %stop = call i32 @PyErr_CheckSignals()
  %stopped = icmp ne i32 %stop, 0
  br i1 %stopped, label %fail, label %return
return:
{load("%release", "ptr", "%rt", abi.RT_GC_RELEASE)}
  %nothing = icmp eq ptr %release, null
  br i1 %nothing, label %out, label %let_go
let_go:
  call void %release(ptr %rt)
  br label %out
out:
  %saved = call ptr @PyEval_SaveThread()
{at("%word.at", "%rt", abi.RT_STOP)}
  %word = load volatile i64, ptr %word.at
  %act.int = ptrtoint ptr %act to i64
  %ending = icmp ult i64 %act.int, %word
  br i1 %ending, label %halt, label %back
halt:
  call void @ww_trap(ptr %ctx, i32 {errors.TRAP_INTERRUPT})
  unreachable
back:
{leave}
unpinned:
  %no_memory = call ptr @PyErr_NoMemory()
  br label %spoiled
spoiled:
  call void @Py_DecRef(ptr %returned)
  br label %fail
fail:
  %wasm = call ptr @ww_host_exception(ptr %ctx)
  %other = icmp eq ptr %wasm, null
  br i1 %other, label %unwind, label %throw
throw:
  %released = call ptr @PyEval_SaveThread()
  call void @ww_throw(ptr %ctx, ptr %wasm)
  unreachable
unwind:
{store("count", "i64", "0", "%act", ACT_COUNT)}
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
}}
"""


def _results_to_native(results: str) -> tuple[str, str, str]:
    """What a host stub returns: the LLVM type, the IR that converts ``%returned`` to ``%n0`` ...,
    and the IR that passes those on.
    """
    places = abi.area_offsets(valtypes(results), abi.RESULT_INTS, abi.RESULT_FLOATS)
    registers = [i for i, place in enumerate(places) if place < 0]
    leave = "".join(
        store(f"left{i}", LLVM[results[i]], f"%n{i}", "%rt", place)
        for i, place in enumerate(places)
        if place >= 0
    )
    kind, _ = return_type(results)
    if not registers:
        leave += "  ret void\n"
    elif len(registers) == 1:
        leave += f"  ret {kind} %n{registers[0]}\n"
    else:
        previous = "poison"
        for at_, i in enumerate(registers):
            leave += (
                f"  %packed{at_} = insertvalue {kind} {previous}, {LLVM[results[i]]} %n{i}, {at_}\n"
            )
            previous = f"%packed{at_}"
        leave += f"  ret {kind} {previous}\n"
    return kind, _convert_results(results), leave


def _convert_results(results: str) -> str:
    if not results:
        return ""
    if len(results) == 1:
        return _result_to_native(results, 0, "%returned", "spoiled")
    text = f"""
  %tuple = call ptr @PySequence_Tuple(ptr %returned)
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %spoiled, label %measure
measure:
  %length = call i64 @PyTuple_Size(ptr %tuple)
  %right = icmp eq i64 %length, {len(results)}
  br i1 %right, label %unpack, label %wrong
wrong:
  call void @ww_raise(i64 {HELPER_VALUE}, ptr %tuple, i64 {ord("n")}, i64 {len(results)}, i64 0)
  br label %unpacked
unpacked:
  call void @Py_DecRef(ptr %tuple)
  br label %spoiled
unpack:
"""
    for i, each in enumerate(results):
        text += f"  %item{i} = call ptr @PyTuple_GetItem(ptr %tuple, i64 {i})\n"
        text += _result_to_native(each, i, f"%item{i}", "unpacked")
    return text + "  call void @Py_DecRef(ptr %tuple)\n"


def _result_to_native(kind: str, number: int, obj: str, bad: str) -> str:
    position = number | RESULT if kind in REFERENCES else number
    return to_native(kind, f"n{number}", obj, position, bad, "%ctx")
