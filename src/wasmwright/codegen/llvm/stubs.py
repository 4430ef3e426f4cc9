"""The stubs of each signature, as LLVM IR: Python calls wasm, and wasm calls Python.

Produces IR text: for each signature key an *entry stub* ``entry_KEY``, a vectorcall function that
converts, enters and calls, and a *host stub* ``host_KEY``, a function in the ABI's convention that
calls a Python callable. What they share is in :mod:`wasmwright.codegen.llvm.native`.
"""

from __future__ import annotations

from typing import Final

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.codegen.heap_layout import is_traced
from wasmwright.codegen.llvm.native import (
    ACT_COUNT,
    ACT_FRAME,
    ACT_HELD,
    ACT_SIZE,
    ACT_THREAD,
    ATTRIBUTES,
    DECLARATIONS,
    FUNC_RECORD,
    HELPER_ARITY,
    HELPER_FROM_REF,
    HELPER_TO_REF,
    HELPER_VALUE,
    HOST_CALLABLE,
    HOST_SIZE,
    LANDED_EXCEPTION,
    LANDED_WASM,
    STATE_ARRAY_TYPE,
    STATE_INTERRUPTED,
    STATE_STRUCT_TYPE,
    at,
    load,
    store,
)
from wasmwright.model import types

# Kinds of values at the Python boundary, one letter each in a signature key: F is funcref, E
# externref, A anyref, and G and R are all other references, to functions and not, whose types
# Python checks.
_KINDS: Final[dict[int, str]] = {
    types.I32: "i",
    types.I64: "l",
    types.F32: "f",
    types.F64: "d",
    types.V128: "v",
}
_LLVM: Final[dict[str, str]] = {
    "i": "i32",
    "l": "i64",
    "f": "float",
    "d": "double",
    "v": "<2 x i64>",
    "F": "ptr",
    "G": "ptr",
    "E": "ptr",
    "A": "ptr",
    "R": "ptr",
}
_REFERENCES: Final = "FGEAR"
_TRACED: Final = "EAR"  # the heap knows of what these refer to

# Marks a position, for HELPER_TO_REF, as one among a function's results.
RESULT: Final = 1 << 16

_STUB_DECLARATIONS: Final = """
declare void @ww_walk(ptr, ptr)
declare ptr @ww_helper(i64, ptr, i64, i64, i64, i64)
declare i32 @ww_as_i64(ptr, ptr)
declare void @ww_raise(i64, ptr, i64, i64, i64)
declare ptr @ww_enter(ptr, ptr)
declare void @ww_trap(ptr, i32) noreturn
declare void @ww_leave(ptr, ptr, ptr)
declare ptr @ww_landed(ptr, ptr, i32)
declare ptr @ww_host_exception(ptr)
declare void @ww_throw(ptr, ptr)
declare i32 @ww_gc_pin_word(ptr, i64)
declare ptr @PyErr_NoMemory()
@PyLong_Type = external global i8
"""


def signature_key(func_type: types.FuncType, kinds: list[int]) -> str:
    """Names the stubs of a function type: one letter a value, ``_`` between the sides.

    ``kinds`` has the abstract type above each concrete one.
    """
    sides = (func_type.params, func_type.results)
    return "_".join("".join([_kind(each, kinds) for each in side]) for side in sides)


def _kind(valtype: int, kinds: list[int]) -> str:
    if not valtype & types.REF:
        return _KINDS[valtype]
    if valtype == types.FUNCREF:
        return "F"
    if valtype == types.EXTERNREF:
        return "E"
    if valtype == types.ANYREF:
        return "A"
    return "R" if is_traced(valtype, kinds) else "G"


def _valtypes(kinds: str) -> tuple[int, ...]:
    """Value types that the ABI treats as it does these kinds."""
    codes = {letter: code for code, letter in _KINDS.items()}
    return tuple(codes.get(kind, types.REF) for kind in kinds)


def _returned(results: str) -> tuple[str, str]:
    """The LLVM type that a function returns, and the IR that makes ``%result0`` ... of its
    ``%result`` and of what it left in the argument area of ``%rt``.
    """
    places = abi.area_offsets(_valtypes(results), abi.RESULT_INTS, abi.RESULT_FLOATS)
    registers = [i for i, place in enumerate(places) if place < 0]
    parts = []
    kinds = [_LLVM[results[i]] for i in registers]
    whole = kinds[0] if len(kinds) == 1 else "{ " + ", ".join(kinds) + " }" if kinds else "void"
    for i, place in enumerate(places):
        if place >= 0:
            parts.append(load(f"%result{i}", _LLVM[results[i]], "%rt", place))
        elif len(registers) == 1:
            parts.append(f"  %result{i} = select i1 true, {whole} %result, {whole} %result\n")
        else:
            parts.append(f"  %result{i} = extractvalue {whole} %result, {registers.index(i)}\n")
    return whole, "".join(parts)


def stub_ir(keys: list[str]) -> str:
    """The IR of the entry stub ``entry_KEY`` and the host stub ``host_KEY`` of each key."""
    parts = [DECLARATIONS, _STUB_DECLARATIONS]
    for key in keys:
        params, results = key.split("_")
        parts.append(_entry_stub(key, params, results))
        parts.append(_host_stub(key, params, results))
    parts.append(ATTRIBUTES)
    return "".join(parts)


def _to_native(kind: str, tag: str, obj: str, position: int, bad: str, owner: str) -> str:
    """IR that converts the Python object ``obj`` to ``%tag``, or goes to the label ``bad`` with
    an error set. Falls through in a new block. ``owner`` is the context that the value enters.
    """
    if kind in "il":
        text = f"""
  %{tag}.status = call i32 @ww_as_i64(ptr {obj}, ptr %cell)
  %{tag}.failed = icmp slt i32 %{tag}.status, 0
  br i1 %{tag}.failed, label %{bad}, label %{tag}.read
{tag}.read:
"""
        if kind == "l":
            return text + f"  %{tag} = load i64, ptr %cell\n"
        return (
            text
            + f"""
  %{tag}.wide = load i64, ptr %cell
  %{tag}.biased = add i64 %{tag}.wide, 2147483648
  %{tag}.near = icmp ult i64 %{tag}.biased, 6442450944
  %{tag}.plain = icmp eq i32 %{tag}.status, 0
  %{tag}.fits = and i1 %{tag}.near, %{tag}.plain
  br i1 %{tag}.fits, label %{tag}.narrow, label %{tag}.range
{tag}.range:
  call void @ww_raise(i64 {HELPER_VALUE}, ptr {obj}, i64 {ord(kind)}, i64 {position}, i64 0)
  br label %{bad}
{tag}.narrow:
  %{tag} = trunc i64 %{tag}.wide to i32
"""
        )
    if kind in "fd":
        text = f"""
  %{tag}.double = call double @PyFloat_AsDouble(ptr {obj})
  %{tag}.suspect = fcmp oeq double %{tag}.double, -1.0
  br i1 %{tag}.suspect, label %{tag}.check, label %{tag}.fine
{tag}.check:
  %{tag}.error = call ptr @PyErr_Occurred()
  %{tag}.ok = icmp eq ptr %{tag}.error, null
  br i1 %{tag}.ok, label %{tag}.fine, label %{bad}
{tag}.fine:
"""
        if kind == "d":
            return text + f"  %{tag} = bitcast double %{tag}.double to double\n"
        return text + f"  %{tag} = fptrunc double %{tag}.double to float\n"
    if kind == "v":
        return f"""
  %{tag}.status = call i32 @PyBytes_AsStringAndSize(ptr {obj}, ptr %cell, ptr %size)
  %{tag}.failed = icmp ne i32 %{tag}.status, 0
  br i1 %{tag}.failed, label %{bad}, label %{tag}.sized
{tag}.sized:
  %{tag}.size = load i64, ptr %size
  %{tag}.right = icmp eq i64 %{tag}.size, 16
  br i1 %{tag}.right, label %{tag}.read, label %{tag}.range
{tag}.range:
  call void @ww_raise(i64 {HELPER_VALUE}, ptr {obj}, i64 {ord(kind)}, i64 {position}, i64 0)
  br label %{bad}
{tag}.read:
  %{tag}.data = load ptr, ptr %cell
  %{tag} = load <2 x i64>, ptr %{tag}.data, align 1
"""
    return _reference(kind, tag, obj, position, bad, owner)


def _reference(kind: str, tag: str, obj: str, position: int, bad: str, owner: str) -> str:
    """`_to_native` for references. A Python object's address may not be kept before it is pinned
    (`_pin`). The helper is asked whenever more than identity is at stake.
    """
    quick = f"  br label %{tag}.ask\n"
    arms = f"[ %{tag}.address, %{tag}.unbox ]"
    if kind in "FEA":
        quick = f"""
  %{tag}.none = icmp eq ptr {obj}, @_Py_NoneStruct
  br i1 %{tag}.none, label %{tag}.join, label %{tag}.some
{tag}.some:
{_quick(kind, tag, obj)}
"""
        arms += f", [ null, %{tag}.first ]"
        if kind in "EA":
            arms += f", [ {obj}, %{tag}.look ]"
    return f"""
  br label %{tag}.first
{tag}.first:
{quick}
{tag}.ask:
  %{tag}.owner = ptrtoint ptr {owner} to i64
  %{tag}.number = call ptr @ww_helper(i64 {HELPER_TO_REF}, ptr {obj}, i64 {ord(kind)}, i64 {position}, i64 %{tag}.owner, i64 %record.int)
  %{tag}.failed = icmp eq ptr %{tag}.number, null
  br i1 %{tag}.failed, label %{bad}, label %{tag}.unbox
{tag}.unbox:
  %{tag}.address = call ptr @PyLong_AsVoidPtr(ptr %{tag}.number)
  call void @Py_DecRef(ptr %{tag}.number)
  br label %{tag}.join
{tag}.join:
  %{tag} = phi ptr {arms}
"""


def _quick(kind: str, tag: str, obj: str) -> str:
    """Goes to ``ask``, or to ``join`` from ``look`` with an object that stands for itself: one of
    a type that is neither a proxy's nor (for an anyref) ``int``.
    """
    if kind == "F":
        return f"  br label %{tag}.ask\n"
    text = load(f"%{tag}.type", "ptr", obj, 8)
    text += f"  br label %{tag}.look\n{tag}.look:\n"
    for name, place in (("struct", STATE_STRUCT_TYPE), ("array", STATE_ARRAY_TYPE)):
        text += load(f"%{tag}.{name}", "ptr", "@ww_state", place)
        text += f"  %{tag}.is_{name} = icmp eq ptr %{tag}.type, %{tag}.{name}\n"
    text += f"  %{tag}.proxy = or i1 %{tag}.is_struct, %{tag}.is_array\n"
    special = f"%{tag}.proxy"
    if kind == "A":
        text += f"  %{tag}.is_int = icmp eq ptr %{tag}.type, @PyLong_Type\n"
        text += f"  %{tag}.special = or i1 {special}, %{tag}.is_int\n"
        special = f"%{tag}.special"
    return text + f"  br i1 {special}, label %{tag}.ask, label %{tag}.join\n"


def _pin(tag: str, bad: str) -> str:
    """Keeps the Python object that ``%tag`` may refer to alive for wasm, in the block ``%rt``,
    which this thread is in; without memory for that, goes to ``bad`` with an error set.
    """
    return f"""
  %{tag}.word = ptrtoint ptr %{tag} to i64
  %{tag}.pinned = call i32 @ww_gc_pin_word(ptr %rt, i64 %{tag}.word)
  %{tag}.unpinned = icmp ne i32 %{tag}.pinned, 0
  br i1 %{tag}.unpinned, label %{bad}, label %{tag}.kept
{tag}.kept:
"""


def _to_python(kind: str, tag: str, value: str) -> str:
    """IR that converts the native ``value`` to the new reference ``%tag`` (null on error)."""
    if kind == "i":
        return f"""
  %{tag}.wide = sext i32 {value} to i64
  %{tag} = call ptr @PyLong_FromLongLong(i64 %{tag}.wide)
"""
    if kind == "l":
        return f"  %{tag} = call ptr @PyLong_FromLongLong(i64 {value})\n"
    if kind == "d":
        return f"  %{tag} = call ptr @PyFloat_FromDouble(double {value})\n"
    if kind == "f":
        return f"""
  %{tag}.wide = fpext float {value} to double
  %{tag} = call ptr @PyFloat_FromDouble(double %{tag}.wide)
"""
    if kind == "v":
        return f"""
  store <2 x i64> {value}, ptr %vector
  %{tag} = call ptr @PyBytes_FromStringAndSize(ptr %vector, i64 16)
"""
    ask = f"""
  %{tag}.owner = ptrtoint ptr %ctx to i64
  %{tag}.made = call ptr @ww_helper(i64 {HELPER_FROM_REF}, ptr null, i64 %{tag}.int, i64 {ord(kind)}, i64 %{tag}.owner, i64 0)
"""
    if kind not in _TRACED:
        made = f"  %{tag} = select i1 true, ptr %{tag}.made, ptr null\n"
        return f"  %{tag}.int = ptrtoint ptr {value} to i64\n{ask}{made}"
    # An object that stands for itself needs no help.
    return f"""
  %{tag}.int = ptrtoint ptr {value} to i64
{load(f"%{tag}.arena", "i64", "%rt", abi.RT_ARENA)}
{load(f"%{tag}.arena_size", "i64", "%rt", abi.RT_ARENA_SIZE)}
  %{tag}.offset = sub i64 %{tag}.int, %{tag}.arena
  %{tag}.inside = icmp ult i64 %{tag}.offset, %{tag}.arena_size
  %{tag}.low = and i64 %{tag}.int, 1
  %{tag}.odd = icmp ne i64 %{tag}.low, 0
  %{tag}.null = icmp eq ptr {value}, null
  %{tag}.other = or i1 %{tag}.inside, %{tag}.odd
  br i1 %{tag}.other, label %{tag}.ask, label %{tag}.object
{tag}.ask:
{ask}
  br label %{tag}.join
{tag}.object:
  %{tag}.itself = select i1 %{tag}.null, ptr @_Py_NoneStruct, ptr {value}
  call void @Py_IncRef(ptr %{tag}.itself)
  br label %{tag}.join
{tag}.join:
  %{tag} = phi ptr [ %{tag}.made, %{tag}.ask ], [ %{tag}.itself, %{tag}.object ]
"""


_SCRATCH: Final = """
  %cell = alloca i64, align 16
  %size = alloca i64
  %vector = alloca <2 x i64>, align 16
"""


def _entry_stub(key: str, params: str, results: str) -> str:
    converts = []
    arguments = ["ptr %ctx"]
    spilled = []
    pins = []
    places = abi.area_offsets(_valtypes(params), abi.PARAM_INTS, abi.PARAM_FLOATS)
    for i, kind in enumerate(params):
        if kind in _TRACED:
            pins.append(_pin(f"p{i}", "unpinned"))
        converts.append(load(f"%object{i}", "ptr", "%args", 8 * i))
        converts.append(_to_native(kind, f"p{i}", f"%object{i}", i, "fail", "%ctx"))
        if places[i] < 0:
            arguments.append(f"{_LLVM[kind]} %p{i}")
        else:
            spilled.append(store(f"area{i}", _LLVM[kind], f"%p{i}", "%rt", places[i]))
    returned, unpack = _returned(results)
    leave = "  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)\n"
    if any(kind in _TRACED for kind in results):
        # Before this thread leaves, what it has in its hands is safe.
        finish = _results_to_python(results, leave)
    else:
        finish = leave + _results_to_python(results, "")
    call = f"call {returned} %code({', '.join(arguments)})"
    if returned != "void":
        call = f"%result = {call}"
    return f"""
define ptr @entry_{key}(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames) #0 {{
  %act = alloca [{ACT_SIZE} x i8], align 16
{_SCRATCH}
  %nargs = and i64 %nargsf, 9223372036854775807
  %right = icmp eq i64 %nargs, {len(params)}
  %plain = icmp eq ptr %kwnames, null
  %good = and i1 %right, %plain
  br i1 %good, label %convert, label %arity
arity:
  %named = zext i1 %plain to i64
  call void @ww_raise(i64 {HELPER_ARITY}, ptr %self, i64 %nargs, i64 %named, i64 0)
  ret ptr null
fail:
  ret ptr null
convert:
{load("%record", "ptr", "%self", FUNC_RECORD)}
{load("%ctx", "ptr", "%record", abi.FUNCREF_CTX)}
  %record.int = ptrtoint ptr %record to i64
{"".join(converts)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
{store("frame", "ptr", "%frame", "%act", ACT_FRAME)}
  %key = load i32, ptr @ww_state
  %outer = call ptr @pthread_getspecific(i32 %key)
  %ts = call ptr @ww_enter(ptr %ctx, ptr %act)
  %refused = icmp eq ptr %ts, null
  br i1 %refused, label %fail, label %mark
mark:
  %rt = load ptr, ptr %ctx
{"".join(pins)}
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
{"".join(spilled)}
  {call}
{unpack}
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
        return _to_python(results, "boxed", "%result0") + leave + "  ret ptr %boxed\n"
    text = f"""
  %tuple = call ptr @PyTuple_New(i64 {len(results)})
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %no_results, label %fill0
"""
    for i, each in enumerate(results):
        text += f"""
fill{i}:
{_to_python(each, f"boxed{i}", f"%result{i}")}
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


def _host_stub(key: str, params: str, results: str) -> str:
    count = len(params)
    boxes = []
    for i, kind in enumerate(params):
        boxes.append(_to_python(kind, f"a{i}", f"%p{i}"))
        boxes.append(store(f"arg{i}", "ptr", f"%a{i}", "%argv", 8 + 8 * i))
        boxes.append(f"  %none{i} = icmp eq ptr %a{i}, null\n")
    checks = ""
    bad = "false"
    for i in range(count):
        checks += f"  %any{i} = or i1 {bad}, %none{i}\n"
        bad = f"%any{i}"
    # Py_DecRef accepts null, so a failed conversion needs no separate path.
    drops = "".join(f"  call void @Py_DecRef(ptr %a{i})\n" for i in range(count))
    places = abi.area_offsets(_valtypes(params), abi.PARAM_INTS, abi.PARAM_FLOATS)
    native = ["ptr %ctx"]
    taken = []
    for i, kind in enumerate(params):
        if places[i] < 0:
            native.append(f"{_LLVM[kind]} %p{i}")
        else:
            taken.append(load(f"%p{i}", _LLVM[kind], "%rt", places[i]))
    returned, convert, leave = _results_to_native(results)
    for i, kind in enumerate(results):
        if kind in _TRACED:
            convert += _pin(f"n{i}", "unpinned")
    return f"""
define {returned} @host_{key}({", ".join(native)}) #1 {{
  %argv = alloca [{count + 2} x ptr], align 16
{_SCRATCH}
  %rt = load ptr, ptr %ctx
  %ctx.int = ptrtoint ptr %ctx to i64
{"".join(taken)}
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
{"".join(boxes)}
{checks}
  br i1 {bad}, label %unboxed, label %call
unboxed:
{drops}
  br label %fail
call:
{at("%argv.first", "%argv", 8)}
  %returned = call ptr @PyObject_Vectorcall(ptr %callable, ptr %argv.first, i64 {count - (1 << 63)}, ptr null)
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
    places = abi.area_offsets(_valtypes(results), abi.RESULT_INTS, abi.RESULT_FLOATS)
    registers = [i for i, place in enumerate(places) if place < 0]
    leave = "".join(
        store(f"left{i}", _LLVM[results[i]], f"%n{i}", "%rt", place)
        for i, place in enumerate(places)
        if place >= 0
    )
    kind, _ = _returned(results)
    if not registers:
        leave += "  ret void\n"
    elif len(registers) == 1:
        leave += f"  ret {kind} %n{registers[0]}\n"
    else:
        previous = "poison"
        for at_, i in enumerate(registers):
            leave += f"  %packed{at_} = insertvalue {kind} {previous}, {_LLVM[results[i]]} %n{i}, {at_}\n"
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
    position = number | RESULT if kind in _REFERENCES else number
    return _to_native(kind, f"n{number}", obj, position, bad, "%ctx")
