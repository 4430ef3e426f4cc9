"""What exists once a process, as LLVM IR: how Python enters compiled wasm, and how that is left.

:func:`core_ir` has all of it, with the parts of the modules beside this one but for exceptions.
"""

from __future__ import annotations

from typing import Final

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.codegen.arch import HERE, Arch
from wasmwright.codegen.llvm import native_calls, native_guard, native_objects, native_signals
from wasmwright.codegen.llvm.native import (
    ACT_BLOCK,
    ACT_COUNT,
    ACT_FRAME,
    ACT_KIND,
    ACT_PREVIOUS,
    ACT_THREAD,
    ACT_TRACE,
    ACT_TRACE_MAX,
    ATTRIBUTES,
    DECLARATIONS,
    HELPER_BUSY,
    HELPER_EXCEPTION_OUT,
    HELPER_NAMED,
    HELPER_THREAD,
    HELPER_TRAP,
    HELPER_UNWIND,
    LANDED_EXCEPTION,
    LANDED_TRAP,
    LANDED_WASM,
    STATE_HELPERS,
    TRACE_BELOW,
    TRACE_KINDS,
    TRACE_STACK,
    at,
    load,
    store,
)

_CORE_DECLARATIONS: Final = """
declare i32 @sigaction(i32, ptr, ptr)
declare i32 @raise(i32)
declare ptr @memset(ptr, i32, i64)
declare ptr @memcpy(ptr, ptr, i64)
declare ptr @memmove(ptr, ptr, i64)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare void @PyObject_GC_UnTrack(ptr)
declare void @PyObject_GC_Del(ptr)
declare void @PyObject_ClearWeakRefs(ptr)
declare void @PyObject_Free(ptr)
declare void @PyErr_WriteUnraisable(ptr)
declare ptr @PyBytes_AsString(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i32 @PyBuffer_FillInfo(ptr, ptr, ptr, i64, i32, i32)
"""


def _named_ir() -> str:
    """A call with keywords, which entry stubs leave to a Python helper: it is rare."""
    return f"""
define ptr @ww_call_named(ptr %self, ptr %args, i64 %nargs, ptr %kwnames) #0 {{
  %named = call i64 @PyTuple_Size(ptr %kwnames)
  %given = add i64 %nargs, %named
  %count = add i64 %given, 1
  %argv = alloca ptr, i64 %count, align 16
  store ptr %self, ptr %argv
{at("%rest", "%argv", 8)}
  %size = mul i64 %given, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %args, i64 %size, i1 false)
{load("%helper", "ptr", "@ww_state", STATE_HELPERS + 8 * HELPER_NAMED)}
  %positional = add i64 %nargs, 1
  %result = call ptr @PyObject_Vectorcall(ptr %helper, ptr %argv, i64 %positional, ptr %kwnames)
  ret ptr %result
}}
"""


def core_ir(arch: Arch = HERE) -> str:
    """The IR of what exists once a process."""
    return "".join(
        (
            DECLARATIONS,
            _CORE_DECLARATIONS,
            _helper_ir(),
            _named_ir(),
            _enter_ir(),
            _trap_ir(arch),
            native_signals.signals_ir(arch),
            native_guard.guard_ir(),
            native_calls.calls_ir(arch),
            native_objects.objects_ir(),
            ATTRIBUTES,
        )
    )


def _helper_ir() -> str:
    """Calling a Python helper, and the conversions that every stub needs."""
    return (
        f"""
define ptr @ww_helper(i64 %which, ptr %object, i64 %a, i64 %b, i64 %c, i64 %d) #0 {{
  %argv = alloca [6 x ptr], align 16
  %offset = mul i64 %which, 8
  %slot.base = getelementptr i8, ptr @ww_state, i64 {STATE_HELPERS}
  %slot = getelementptr i8, ptr %slot.base, i64 %offset
  %helper = load ptr, ptr %slot
  %none = icmp eq ptr %object, null
  %first = select i1 %none, ptr @_Py_NoneStruct, ptr %object
  store ptr %first, ptr %argv
"""
        + "".join(
            f"  %o{i} = call ptr @PyLong_FromLongLong(i64 %{name})\n"
            + store(f"arg{i}", "ptr", f"%o{i}", "%argv", 8 * i)
            for i, name in enumerate("abcd", 1)
        )
        + """
  %result = call ptr @PyObject_Vectorcall(ptr %helper, ptr %argv, i64 5, ptr null)
"""
        + "".join(f"  call void @Py_DecRef(ptr %o{i})\n" for i in range(1, 5))
        + """
  ret ptr %result
}

; Raises the exception that a helper makes.
define void @ww_raise(i64 %which, ptr %object, i64 %a, i64 %b, i64 %c) #0 {
  %error = call ptr @ww_helper(i64 %which, ptr %object, i64 %a, i64 %b, i64 %c, i64 0)
  %failed = icmp eq ptr %error, null
  br i1 %failed, label %done, label %raise
raise:
  %type.at = getelementptr i8, ptr %error, i64 8
  %type = load ptr, ptr %type.at
  call void @PyErr_SetObject(ptr %type, ptr %error)
  call void @Py_DecRef(ptr %error)
  br label %done
done:
  ret void
}

; An integer of 64 bits, signed or unsigned, into %out; 0, or -1 with an error set, or 1 where
; it is beyond the signed ones.
define i32 @ww_as_i64(ptr %object, ptr %out) #0 {
  %value = call i64 @PyLong_AsLongLong(ptr %object)
  store i64 %value, ptr %out
  %suspect = icmp eq i64 %value, -1
  br i1 %suspect, label %check, label %good
good:
  ret i32 0
check:
  %error = call ptr @PyErr_Occurred()
  %fine = icmp eq ptr %error, null
  br i1 %fine, label %good, label %failed
failed:
  %overflow = load ptr, ptr @PyExc_OverflowError
  %matches = call i32 @PyErr_ExceptionMatches(ptr %overflow)
  %large = icmp ne i32 %matches, 0
  br i1 %large, label %unsigned, label %bad
unsigned:
  call void @PyErr_Clear()
  %index = call ptr @PyNumber_Index(ptr %object)
  %no_index = icmp eq ptr %index, null
  br i1 %no_index, label %bad, label %convert
convert:
  %wide = call i64 @PyLong_AsUnsignedLongLong(ptr %index)
  call void @Py_DecRef(ptr %index)
  store i64 %wide, ptr %out
  %suspect2 = icmp eq i64 %wide, -1
  br i1 %suspect2, label %check2, label %beyond
check2:
  %error2 = call ptr @PyErr_Occurred()
  %fine2 = icmp eq ptr %error2, null
  br i1 %fine2, label %beyond, label %bad
beyond:
  ret i32 1
bad:
  ret i32 -1
}
"""
    )


def _enter_ir() -> str:
    """Taking and giving back the runtime block; what an entry stub does after a landing."""
    return f"""
; Takes the runtime block of %ctx for this thread and pushes the activation.
; Returns the thread state, or null with an error set.
define ptr @ww_enter(ptr %ctx, ptr %act) #0 {{
  %ts = call ptr @PyThreadState_Get()
  br label %again
again:
; every helper runs Python code, which may let in another thread or join the block to another one
  %rt = load ptr, ptr %ctx
{load("%owner", "ptr", "%rt", abi.RT_OWNER)}
  %nested = icmp eq ptr %owner, %ts
  br i1 %nested, label %go, label %other
other:
  %free = icmp eq ptr %owner, null
  br i1 %free, label %turn, label %busy
turn:
{load("%next", "ptr", "%rt", abi.RT_TURN)}
  %mine = icmp eq ptr %next, %ts
  %anybody = icmp eq ptr %next, null
  %may = or i1 %mine, %anybody
  br i1 %may, label %take, label %busy
busy:
  %rt.int = ptrtoint ptr %rt to i64
  %ts.int = ptrtoint ptr %ts to i64
  %waited = call ptr @ww_helper(i64 {HELPER_BUSY}, ptr null, i64 %rt.int, i64 %ts.int, i64 0, i64 0)
  %gave_up = icmp eq ptr %waited, null
  br i1 %gave_up, label %fail, label %waited_for
waited_for:
  call void @Py_DecRef(ptr %waited)
  br label %again
take:
  %id = call i64 @PyThreadState_GetID(ptr %ts)
{load("%known", "i64", "%rt", abi.RT_THREAD_ID)}
  %same = icmp eq i64 %id, %known
  br i1 %same, label %taken, label %measure
measure:
  %measured = call ptr @ww_helper(i64 {HELPER_THREAD}, ptr null, i64 %id, i64 0, i64 0, i64 0)
  %unmeasured = icmp eq ptr %measured, null
  br i1 %unmeasured, label %pass, label %measured_ok
pass:
{store("pass", "ptr", "null", "%rt", abi.RT_TURN)}
  br label %fail
measured_ok:
; unless a thread came in meanwhile, in which case these are not its limits
  %rt.now = load ptr, ptr %ctx
{load("%came", "ptr", "%rt.now", abi.RT_OWNER)}
  %still = icmp eq ptr %came, null
  br i1 %still, label %limits, label %again_later
limits:
  %words = call ptr @PyBytes_AsString(ptr %measured)
{at("%limits.at", "%rt.now", abi.RT_THREAD_ID)}
  call void @llvm.memcpy.p0.p0.i64(ptr %limits.at, ptr %words, i64 {abi.RT_LIMITS_SIZE}, i1 false)
  br label %again_later
again_later:
  call void @Py_DecRef(ptr %measured)
  br label %again
taken:
{store("own", "ptr", "%ts", "%rt", abi.RT_OWNER)}
{store("turned", "ptr", "null", "%rt", abi.RT_TURN)}
{load("%real", "i64", "%rt", abi.RT_REAL_LIMIT)}
{load("%size", "i64", "%rt", abi.RT_STACK_SIZE)}
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  %here.int = ptrtoint ptr %here to i64
  %lowest = call i64 @llvm.usub.sat.i64(i64 %here.int, i64 %size)
  %unbounded = icmp eq i64 %size, 0
  %own = select i1 %unbounded, i64 0, i64 %lowest
  %limit = call i64 @llvm.umax.i64(i64 %real, i64 %own)
{store("limit", "i64", "%limit", "%rt", abi.RT_STACK_LIMIT)}
  br label %go
go:
{load("%bound", "i64", "%rt", abi.RT_STACK_LIMIT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %frame.int = ptrtoint ptr %frame to i64
  %room = icmp ugt i64 %frame.int, %bound
  br i1 %room, label %push, label %exhausted
exhausted:
  br i1 %nested, label %raise, label %disown
disown:
{store("own2", "ptr", "null", "%rt", abi.RT_OWNER)}
  br label %raise
raise:
{store("kind", "i32", errors.TRAP_STACK, "%act", ACT_KIND)}
{store("count", "i64", "0", "%act", ACT_COUNT)}
  %act.int = ptrtoint ptr %act to i64
  call void @ww_raise(i64 {HELPER_TRAP}, ptr null, i64 %act.int, i64 0, i64 0)
  br label %fail
fail:
  ret ptr null
push:
{load("%previous", "ptr", "%rt", abi.RT_ACTIVATION)}
{store("previous", "ptr", "%previous", "%act", ACT_PREVIOUS)}
{store("block", "ptr", "%rt", "%act", ACT_BLOCK)}
{store("thread", "ptr", "%ts", "%act", ACT_THREAD)}
{store("top", "ptr", "%act", "%rt", abi.RT_ACTIVATION)}
  %key = load i32, ptr @ww_state
  %ignored = call i32 @pthread_setspecific(i32 %key, ptr %act)
  ret ptr %ts
}}

; Pops the activation; %outer is what the thread's slot held before.
define void @ww_leave(ptr %rt, ptr %act, ptr %outer) #0 {{
{load("%release", "ptr", "%rt", abi.RT_GC_RELEASE)}
  %nothing = icmp eq ptr %release, null
  br i1 %nothing, label %pop, label %let_go
let_go:
  call void %release(ptr %rt)
  br label %pop
pop:
{load("%previous", "ptr", "%act", ACT_PREVIOUS)}
{store("top", "ptr", "%previous", "%rt", abi.RT_ACTIVATION)}
  %key = load i32, ptr @ww_state
  %ignored = call i32 @pthread_setspecific(i32 %key, ptr %outer)
  %last = icmp eq ptr %previous, null
  br i1 %last, label %free, label %inner
inner:
; a stop word that ends none of the activations that are left is done with
{load("%word", "i64", "%rt", abi.RT_STOP)}
  %previous.int = ptrtoint ptr %previous to i64
  %ends = icmp ugt i64 %word, %previous.int
  %left = select i1 %ends, i64 %word, i64 0
{store("word", "i64", "%left", "%rt", abi.RT_STOP)}
  br label %done
free:
{store("stop", "i64", 0, "%rt", abi.RT_STOP)}
{store("owner", "ptr", "null", "%rt", abi.RT_OWNER)}
  br label %done
done:
  ret void
}}

; Turns a landing into a Python exception, with the GIL held; returns null.
define ptr @ww_landed(ptr %self, ptr %act, i32 %how) #0 {{
  %type = alloca ptr
  %value = alloca ptr
  %traceback = alloca ptr
  %act.int = ptrtoint ptr %act to i64
  %exception = icmp eq i32 %how, {LANDED_EXCEPTION}
  br i1 %exception, label %unwind, label %raise
raise:
  %wasm = icmp eq i32 %how, {LANDED_WASM}
  %helper = select i1 %wasm, i64 {HELPER_EXCEPTION_OUT}, i64 {HELPER_TRAP}
  call void @ww_raise(i64 %helper, ptr %self, i64 %act.int, i64 0, i64 0)
  ret ptr null
unwind:
  call void @PyErr_Fetch(ptr %type, ptr %value, ptr %traceback)
  call void @PyErr_NormalizeException(ptr %type, ptr %value, ptr %traceback)
  %error = load ptr, ptr %value
  %trace = load ptr, ptr %traceback
  %traceless = icmp eq ptr %trace, null
  %trace.object = select i1 %traceless, ptr @_Py_NoneStruct, ptr %trace
  %set = call i32 @PyException_SetTraceback(ptr %error, ptr %trace.object)
  %noted = call ptr @ww_helper(i64 {HELPER_UNWIND}, ptr %error, i64 %act.int, i64 0, i64 0, i64 0)
  %failed = icmp eq ptr %noted, null
  br i1 %failed, label %clear, label %drop
clear:
  call void @PyErr_Clear()
  br label %restore
drop:
  call void @Py_DecRef(ptr %noted)
  br label %restore
restore:
  %t = load ptr, ptr %type
  %v = load ptr, ptr %value
  %tb = load ptr, ptr %traceback
  call void @PyErr_Restore(ptr %t, ptr %v, ptr %tb)
  ret ptr null
}}
"""


def _return_places(arch: Arch) -> str:
    """IR for %top and %below: where code that a signal stopped may have its return address."""
    if arch.UCONTEXT_LINK:
        return load("%top", "i64", "%context", arch.UCONTEXT_LINK) + "  %below = add i64 0, 0\n"
    return (
        load("%sp", "ptr", "%context", arch.UCONTEXT_SP)
        + "\n"
        + load("%top", "i64", "%sp", 0)
        + "\n"
        + load("%below", "i64", "%sp", 8)
    )


def _trap_ir(arch: Arch) -> str:
    """The trap function of the ABI, and the walk over the wasm frames."""
    return f"""
; Appends return addresses, from the frame %start out to the activation's own frame.
; Every frame below the activation keeps its frame pointer, so the chain is unbroken; the
; bounds check ends it all the same if it should not grow.
define void @ww_walk(ptr %act, ptr %start) #0 {{
entry:
{load("%end", "i64", "%act", ACT_FRAME)}
{at("%count.at", "%act", ACT_COUNT)}
{at("%trace", "%act", ACT_TRACE)}
  br label %loop
loop:
  %frame = phi ptr [ %start, %entry ], [ %next, %more ]
  %frame.int = ptrtoint ptr %frame to i64
  %inside = icmp ult i64 %frame.int, %end
  %count = load i64, ptr %count.at
  %space = icmp ult i64 %count, {ACT_TRACE_MAX}
  %on = and i1 %inside, %space
  br i1 %on, label %record, label %done
record:
{load("%pc", "i64", "%frame", 8)}
  %slot = getelementptr i64, ptr %trace, i64 %count
  store i64 %pc, ptr %slot
  %count1 = add i64 %count, 1
  store i64 %count1, ptr %count.at
  %next = load ptr, ptr %frame
  %next.int = ptrtoint ptr %next to i64
  %grows = icmp ugt i64 %next.int, %frame.int
  br i1 %grows, label %more, label %done
more:
  br label %loop
done:
  ret void
}}

; The same for code that a signal stopped, which need not have its frame: then the address it
; returns to is on the stack, at the top or below the frame pointer of its caller. Python finds out.
define void @ww_walk_from(ptr %act, ptr %context) #0 {{
{load("%pc", "i64", "%context", arch.UCONTEXT_PC)}
{_return_places(arch)}
  %pc.next = add i64 %pc, 1
  %top.bits = and i64 %top, {(1 << TRACE_KINDS) - 1}
  %top.entry = or i64 %top.bits, {TRACE_STACK << TRACE_KINDS}
  %below.bits = and i64 %below, {(1 << TRACE_KINDS) - 1}
  %below.entry = or i64 %below.bits, {(TRACE_BELOW << TRACE_KINDS) - (1 << 64)}
{store("first", "i64", "%pc.next", "%act", ACT_TRACE)}
{store("second", "i64", "%top.entry", "%act", ACT_TRACE + 8)}
{store("third", "i64", "%below.entry", "%act", ACT_TRACE + 16)}
{store("count", "i64", "3", "%act", ACT_COUNT)}
{load("%frame", "ptr", "%context", arch.UCONTEXT_FP)}
  call void @ww_walk(ptr %act, ptr %frame)
  ret void
}}

define void @ww_trap(ptr %ctx, i32 %kind) noreturn #0 {{
  %rt = load ptr, ptr %ctx
{load("%act", "ptr", "%rt", abi.RT_ACTIVATION)}
{store("kind", "i32", "%kind", "%act", ACT_KIND)}
{store("count", "i64", "0", "%act", ACT_COUNT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_TRAP})
  unreachable
}}
"""
