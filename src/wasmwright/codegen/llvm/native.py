"""The runtime's own native parts, as LLVM IR: what runs between Python and compiled wasm.

Produces IR text. :func:`core_ir` has what exists once a process: the trap function, the fault and
interrupt handlers, the lazy-compilation entry, and the slots of two Python types.
:func:`stub_ir` has, per signature, an *entry stub* (Python calls wasm) and a *host stub* (wasm
calls Python). All of it uses the C API of the running CPython by symbol name; the loader
resolves the names, and ``ww_state`` is a block of native memory (``runtime.native``).

How a call enters and leaves: the entry stub takes the *runtime block* for its thread, pushes an
*activation* on its own stack frame, calls ``_setjmp``, drops the GIL and calls the code. A trap
records itself in the innermost activation and ``_longjmp``s there: only wasm frames and leaf
helpers are jumped over, never a Python frame, because a host call has an activation of its own
below any wasm it calls again. A Python exception in a host call takes the same way with the
error indicator set and the GIL held.
"""

from __future__ import annotations

from typing import Final

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.model import types

# Kinds of values at the Python boundary, one letter each in a signature key.
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
    "E": "ptr",
}

# The activation, on the entry stub's frame.
ACT_JMPBUF: Final = 0
ACT_PREVIOUS: Final = 320
ACT_THREAD: Final = 328
ACT_FRAME: Final = 336
ACT_KIND: Final = 344
ACT_OFFSET: Final = 348
ACT_COUNT: Final = 352
ACT_TRACE: Final = 360
ACT_TRACE_MAX: Final = 64
ACT_SIZE: Final = ACT_TRACE + 8 * ACT_TRACE_MAX

# How control came back to the entry stub (the value of _setjmp).
LANDED_TRAP: Final = 1
LANDED_EXCEPTION: Final = 2

# ww_state: what native code shares with runtime.native.
STATE_KEY: Final = 0
STATE_CODE_START: Final = 8
STATE_CODE_END: Final = 16
STATE_REGIONS: Final = 24
STATE_REGION_COUNT: Final = 32
STATE_FAULT_HANDLER: Final = 40
STATE_FAULT_FLAGS: Final = 48
STATE_INTERRUPT_HANDLER: Final = 56
STATE_INTERRUPT_FLAGS: Final = 64
STATE_INTERRUPTED: Final = 72  # the activation that has yet to look at a signal, or 0
STATE_CHAINING: Final = 80  # whether a fault is with the handler that was there before us
STATE_HELPERS: Final = 128
STATE_SIZE: Final = 512

# Python callables in ww_state, all called as helper(object, int, int, int, int).
HELPER_ARITY: Final = 0  # -> exception: wrong number of arguments
HELPER_BUSY: Final = 1  # waits until the runtime block is free
HELPER_THREAD: Final = 2  # sets the stack limit for a thread new to the block
HELPER_TRAP: Final = 3  # -> exception for a trap
HELPER_UNWIND: Final = 4  # attaches the wasm backtrace to a Python exception
HELPER_TO_REF: Final = 5  # -> address, from a Python object
HELPER_FROM_REF: Final = 6  # -> Python object, from an address
HELPER_MEMORY_GROW: Final = 7
HELPER_TABLE_GROW: Final = 8
HELPER_VALUE: Final = 9  # -> exception: an argument or result does not convert
HELPER_COUNT: Final = 10

# Fields of the exported-function object (after PyObject_HEAD) and of the buffer object.
FUNC_VECTORCALL: Final = 16
FUNC_RECORD: Final = 24
FUNC_INFO: Final = 32
FUNC_WEAKREFS: Final = 40
FUNC_SIZE: Final = 48
BUFFER_RECORD: Final = 16
BUFFER_SIZE: Final = 24

# The context of a host function: like an instance's, it begins with the runtime block.
HOST_CALLABLE: Final = 8
HOST_SIZE: Final = 16

# Where ucontext_t keeps the program counter and the frame pointer (x86-64 Linux), and where
# siginfo_t keeps the cause and the fault address.
_UCONTEXT_PC: Final = 168
_UCONTEXT_FP: Final = 120
_SIGINFO_CODE: Final = 8
_SIGINFO_ADDRESS: Final = 16

# Functions of the C library that compiled code calls and that may take long, with the type of
# their second parameter: each is called through one of ours, `ww_NAME`, so that Ctrl-C ends it.
LEAVES: Final = {"memset": "i32", "memcpy": "ptr", "memmove": "ptr"}

_DECLARATIONS: Final = """
@ww_state = external global i8
@_Py_NoneStruct = external global i8
declare i32 @_setjmp(ptr) returns_twice
declare void @_longjmp(ptr, i32) noreturn
declare ptr @pthread_getspecific(i32)
declare i32 @pthread_setspecific(i32, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyThreadState_Get()
declare i64 @PyThreadState_GetID(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsUnsignedLongLong(ptr)
declare ptr @PyLong_AsVoidPtr(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyLong_FromUnsignedLongLong(i64)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyFloat_FromDouble(double)
declare i32 @PyBytes_AsStringAndSize(ptr, ptr, ptr)
declare ptr @PyBytes_FromStringAndSize(ptr, i64)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PySequence_Tuple(ptr)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare void @PyErr_SetObject(ptr, ptr)
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_NormalizeException(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
declare i32 @PyErr_CheckSignals()
declare i32 @PyErr_ExceptionMatches(ptr)
declare ptr @PyNumber_Index(ptr)
@PyExc_OverflowError = external global ptr
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @llvm.frameaddress.p0(i32)
"""

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
declare i32 @PyBuffer_FillInfo(ptr, ptr, ptr, i64, i32, i32)
"""

_STUB_DECLARATIONS: Final = """
declare void @ww_walk(ptr, ptr)
declare ptr @ww_helper(i64, ptr, i64, i64, i64, i64)
declare i32 @ww_as_i64(ptr, ptr)
declare void @ww_raise(i64, ptr, i64, i64, i64)
declare ptr @ww_enter(ptr, ptr)
declare void @ww_trap(ptr, i32, i32) noreturn
declare void @ww_leave(ptr, ptr, ptr)
declare ptr @ww_landed(ptr, ptr, i32)
"""

_ATTRIBUTES: Final = '\nattributes #0 = { nounwind "frame-pointer"="all" }\n'


def _at(result: str, base: str, offset: int) -> str:
    return f"  {result} = getelementptr i8, ptr {base}, i64 {offset}\n"


def _load(result: str, kind: str, base: str, offset: int) -> str:
    return _at(f"{result}.at", base, offset) + f"  {result} = load {kind}, ptr {result}.at\n"


def _store(tag: str, kind: str, value: str | int, base: str, offset: int) -> str:
    return _at(f"%{tag}.to", base, offset) + f"  store {kind} {value}, ptr %{tag}.to\n"


def core_ir() -> str:
    """The IR of what exists once a process."""
    return "".join(
        (
            _DECLARATIONS,
            _CORE_DECLARATIONS,
            _helper_ir(),
            _enter_ir(),
            _trap_ir(),
            _fault_ir(),
            _interrupt_ir(),
            _stack_ir(),
            _callback_ir(),
            _types_ir(),
            _ATTRIBUTES,
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
            + _store(f"arg{i}", "ptr", f"%o{i}", "%argv", 8 * i)
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
    return (
        f"""
; Takes the runtime block of %ctx for this thread and pushes the activation.
; Returns the thread state, or null with an error set.
define ptr @ww_enter(ptr %ctx, ptr %act) #0 {{
  %ts = call ptr @PyThreadState_Get()
  br label %again
again:
; every helper runs Python code, which may let in another thread or join the block to another one
  %rt = load ptr, ptr %ctx
{_load("%owner", "ptr", "%rt", abi.RT_OWNER)}
  %nested = icmp eq ptr %owner, %ts
  br i1 %nested, label %go, label %other
other:
  %free = icmp eq ptr %owner, null
  br i1 %free, label %take, label %busy
busy:
  %rt.int = ptrtoint ptr %rt to i64
  %waited = call ptr @ww_helper(i64 {HELPER_BUSY}, ptr null, i64 %rt.int, i64 0, i64 0, i64 0)
  %gave_up = icmp eq ptr %waited, null
  br i1 %gave_up, label %fail, label %waited_for
waited_for:
  call void @Py_DecRef(ptr %waited)
  br label %again
take:
  %id = call i64 @PyThreadState_GetID(ptr %ts)
{_load("%known", "i64", "%rt", abi.RT_THREAD_ID)}
  %same = icmp eq i64 %id, %known
  br i1 %same, label %taken, label %measure
measure:
  %rt.int2 = ptrtoint ptr %rt to i64
  %measured = call ptr @ww_helper(i64 {HELPER_THREAD}, ptr null, i64 %rt.int2, i64 %id, i64 0, i64 0)
  %unmeasured = icmp eq ptr %measured, null
  br i1 %unmeasured, label %fail, label %measured_ok
measured_ok:
  call void @Py_DecRef(ptr %measured)
  br label %again
taken:
{_store("own", "ptr", "%ts", "%rt", abi.RT_OWNER)}
{_load("%real", "i64", "%rt", abi.RT_REAL_LIMIT)}
{_store("limit", "i64", "%real", "%rt", abi.RT_STACK_LIMIT)}
  br label %go
go:
{_load("%bound", "i64", "%rt", abi.RT_STACK_LIMIT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %frame.int = ptrtoint ptr %frame to i64
  %room = icmp ugt i64 %frame.int, %bound
  br i1 %room, label %push, label %exhausted
exhausted:
  br i1 %nested, label %raise, label %disown
disown:
{_store("own2", "ptr", "null", "%rt", abi.RT_OWNER)}
  br label %raise
raise:
{_store("kind", "i32", errors.TRAP_STACK, "%act", ACT_KIND)}
{_store("count", "i64", "0", "%act", ACT_COUNT)}
  %act.int = ptrtoint ptr %act to i64
  call void @ww_raise(i64 {HELPER_TRAP}, ptr null, i64 %act.int, i64 0, i64 0)
  br label %fail
fail:
  ret ptr null
push:
{_load("%previous", "ptr", "%rt", abi.RT_ACTIVATION)}
{_store("previous", "ptr", "%previous", "%act", ACT_PREVIOUS)}
{_store("thread", "ptr", "%ts", "%act", ACT_THREAD)}
{_store("top", "ptr", "%act", "%rt", abi.RT_ACTIVATION)}
  %key = load i32, ptr @ww_state
  %ignored = call i32 @pthread_setspecific(i32 %key, ptr %act)
  ret ptr %ts
}}

; Pops the activation; %outer is what the thread's slot held before.
define void @ww_leave(ptr %rt, ptr %act, ptr %outer) #0 {{
{_load("%previous", "ptr", "%act", ACT_PREVIOUS)}
{_store("top", "ptr", "%previous", "%rt", abi.RT_ACTIVATION)}
  %key = load i32, ptr @ww_state
  %ignored = call i32 @pthread_setspecific(i32 %key, ptr %outer)
  %last = icmp eq ptr %previous, null
  br i1 %last, label %free, label %done
free:
{_store("owner", "ptr", "null", "%rt", abi.RT_OWNER)}
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
  br i1 %exception, label %unwind, label %trap
trap:
  call void @ww_raise(i64 {HELPER_TRAP}, ptr %self, i64 %act.int, i64 0, i64 0)
  ret ptr null
unwind:
  call void @PyErr_Fetch(ptr %type, ptr %value, ptr %traceback)
  call void @PyErr_NormalizeException(ptr %type, ptr %value, ptr %traceback)
  %error = load ptr, ptr %value
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
    )


def _trap_ir() -> str:
    """The trap function of the ABI, and the walk over the wasm frames."""
    return f"""
; Appends return addresses, from the frame %start out to the activation's own frame.
; Every frame below the activation keeps its frame pointer, so the chain is unbroken; the
; bounds check ends it all the same if it should not grow.
define void @ww_walk(ptr %act, ptr %start) #0 {{
entry:
{_load("%end", "i64", "%act", ACT_FRAME)}
{_at("%count.at", "%act", ACT_COUNT)}
{_at("%trace", "%act", ACT_TRACE)}
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
{_load("%pc", "i64", "%frame", 8)}
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

define void @ww_trap(ptr %ctx, i32 %kind, i32 %offset) noreturn #0 {{
  %rt = load ptr, ptr %ctx
{_load("%act", "ptr", "%rt", abi.RT_ACTIVATION)}
{_store("kind", "i32", "%kind", "%act", ACT_KIND)}
{_store("offset", "i32", "%offset", "%act", ACT_OFFSET)}
{_store("count", "i64", "0", "%act", ACT_COUNT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_TRAP})
  unreachable
}}
"""


def _fault_ir() -> str:
    """The handler of SIGSEGV. A fault is a wasm trap when this thread is in wasm (it has an
    activation), the faulting code is wasm code, and the address is inside a reserved memory;
    anything else goes to whoever had the signal before."""
    return f"""
define void @ww_fault(i32 %signal, ptr %info, ptr %context) #0 {{
entry:
  %key = load i32, ptr @ww_state
  %act = call ptr @pthread_getspecific(i32 %key)
  %outside = icmp eq ptr %act, null
  br i1 %outside, label %chain, label %where
where:
{_load("%pc", "i64", "%context", _UCONTEXT_PC)}
{_load("%low", "i64", "@ww_state", STATE_CODE_START)}
{_load("%high", "i64", "@ww_state", STATE_CODE_END)}
  %above = icmp uge i64 %pc, %low
  %below = icmp ult i64 %pc, %high
  %ours = and i1 %above, %below
  br i1 %ours, label %search, label %chain
search:
{_load("%address", "i64", "%info", _SIGINFO_ADDRESS)}
{_load("%regions", "ptr", "@ww_state", STATE_REGIONS)}
{_load("%regions.count", "i64", "@ww_state", STATE_REGION_COUNT)}
  br label %loop
loop:
  %i = phi i64 [ 0, %search ], [ %i1, %miss ]
  %some = icmp ult i64 %i, %regions.count
  br i1 %some, label %look, label %chain
look:
  %region = getelementptr {{ i64, i64 }}, ptr %regions, i64 %i
{_load("%start", "i64", "%region", 0)}
{_load("%stop", "i64", "%region", 8)}
  %after = icmp uge i64 %address, %start
  %before = icmp ult i64 %address, %stop
  %hit = and i1 %after, %before
  br i1 %hit, label %trap, label %miss
miss:
  %i1 = add i64 %i, 1
  br label %loop
trap:
{_store("kind", "i32", errors.TRAP_MEMORY, "%act", ACT_KIND)}
{_store("offset", "i32", "-1", "%act", ACT_OFFSET)}
{_store("count", "i64", "1", "%act", ACT_COUNT)}
  %pc.next = add i64 %pc, 1
{_store("first", "i64", "%pc.next", "%act", ACT_TRACE)}
{_load("%frame", "ptr", "%context", _UCONTEXT_FP)}
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_TRAP})
  unreachable
chain:
{_load("%handler", "ptr", "@ww_state", STATE_FAULT_HANDLER)}
{_load("%flags", "i64", "@ww_state", STATE_FAULT_FLAGS)}
{_load("%code", "i32", "%info", _SIGINFO_CODE)}
{_load("%chaining", "i64", "@ww_state", STATE_CHAINING)}
  %handler.int = ptrtoint ptr %handler to i64
  %real = icmp ugt i64 %handler.int, 1
; faulthandler ends by putting back whom it found, which may be us, and raising the signal again
  %sent = icmp sle i32 %code, 0
  %inside.chain = icmp ne i64 %chaining, 0
  %again = and i1 %sent, %inside.chain
  %first = xor i1 %again, true
  %call = and i1 %real, %first
  br i1 %call, label %forward, label %default
default:
; nobody has it: with the default action back in place, the fault repeats and ends the process
  %action = alloca [152 x i8], align 16
  call void @llvm.memset.p0.i64(ptr %action, i8 0, i64 152, i1 false)
  %restored = call i32 @sigaction(i32 %signal, ptr %action, ptr null)
  br i1 %sent, label %repeat, label %return
repeat:
  %raised = call i32 @raise(i32 %signal)
  br label %return
return:
{_store("unchained", "i64", "0", "@ww_state", STATE_CHAINING)}
  ret void
forward:
{_store("chained", "i64", "1", "@ww_state", STATE_CHAINING)}
  %siginfo = and i64 %flags, 4
  %three = icmp ne i64 %siginfo, 0
  br i1 %three, label %with_info, label %plain
with_info:
  call void %handler(i32 %signal, ptr %info, ptr %context)
  br label %return
plain:
  call void %handler(i32 %signal)
  br label %return
}}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def _interrupt_ir() -> str:
    """The handler of SIGINT. Python's own handler only sets a flag that bytecode looks at.
    Where the signal interrupts wasm code itself, no lock is held and the GIL is released, so
    Python's signal handlers can run right here; if one raises, wasm is left. Compiled loops
    need no poll for this. Where it interrupts what wasm code called, that looks at its end."""
    return f"""
define void @ww_interrupt(i32 %signal, ptr %info, ptr %context) #0 {{
{_load("%handler", "ptr", "@ww_state", STATE_INTERRUPT_HANDLER)}
{_load("%flags", "i64", "@ww_state", STATE_INTERRUPT_FLAGS)}
  %handler.int = ptrtoint ptr %handler to i64
  %real = icmp ugt i64 %handler.int, 1
  br i1 %real, label %forward, label %where
forward:
  %siginfo = and i64 %flags, 4
  %three = icmp ne i64 %siginfo, 0
  br i1 %three, label %with_info, label %plain
with_info:
  call void %handler(i32 %signal, ptr %info, ptr %context)
  br label %where
plain:
  call void %handler(i32 %signal)
  br label %where
where:
  %key = load i32, ptr @ww_state
  %act = call ptr @pthread_getspecific(i32 %key)
  %outside = icmp eq ptr %act, null
  br i1 %outside, label %done, label %code
code:
{_load("%pc", "i64", "%context", _UCONTEXT_PC)}
{_load("%low", "i64", "@ww_state", STATE_CODE_START)}
{_load("%high", "i64", "@ww_state", STATE_CODE_END)}
  %above = icmp uge i64 %pc, %low
  %below = icmp ult i64 %pc, %high
  %ours = and i1 %above, %below
  br i1 %ours, label %check, label %later
later:
{_store("later", "ptr", "%act", "@ww_state", STATE_INTERRUPTED)}
  br label %done
check:
{_load("%ts", "ptr", "%act", ACT_THREAD)}
  call void @PyEval_RestoreThread(ptr %ts)
  %raised = call i32 @PyErr_CheckSignals()
  %stop = icmp ne i32 %raised, 0
  br i1 %stop, label %leave, label %resume
resume:
  %ignored = call ptr @PyEval_SaveThread()
  br label %done
leave:
{_store("count", "i64", "1", "%act", ACT_COUNT)}
  %pc.next = add i64 %pc, 1
{_store("first", "i64", "%pc.next", "%act", ACT_TRACE)}
{_load("%frame", "ptr", "%context", _UCONTEXT_FP)}
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
done:
  ret void
}}

; Runs Python's signal handlers if the signal came to this activation.
define void @ww_look(ptr %interrupted) #0 {{
  %key = load i32, ptr @ww_state
  %act = call ptr @pthread_getspecific(i32 %key)
  %ours = icmp eq ptr %act, %interrupted
  br i1 %ours, label %check, label %done
check:
{_store("handled", "ptr", "null", "@ww_state", STATE_INTERRUPTED)}
{_load("%ts", "ptr", "%act", ACT_THREAD)}
  call void @PyEval_RestoreThread(ptr %ts)
  %raised = call i32 @PyErr_CheckSignals()
  %stop = icmp ne i32 %raised, 0
  br i1 %stop, label %leave, label %resume
resume:
  %ignored = call ptr @PyEval_SaveThread()
  br label %done
leave:
{_store("count", "i64", "0", "%act", ACT_COUNT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
done:
  ret void
}}
""" + "".join(
        f"""
define ptr @ww_{name}(ptr %to, {kind} %from, i64 %size) #0 {{
  %result = call ptr @{name}(ptr %to, {kind} %from, i64 %size)
{_load("%interrupted", "ptr", "@ww_state", STATE_INTERRUPTED)}
  %none = icmp eq ptr %interrupted, null
  br i1 %none, label %done, label %look
look:
  call void @ww_look(ptr %interrupted)
  br label %done
done:
  ret ptr %result
}}
"""
        for name, kind in LEAVES.items()
    )


def _stack_ir() -> str:
    return """
define i64 @ww_stack_pointer() #0 {
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %address = ptrtoint ptr %frame to i64
  ret i64 %address
}
"""


def _callback_ir() -> str:
    """From compiled code into Python: lazy compilation and growing."""

    def callback(name: str, params: str, call: str, finish: str) -> str:
        return f"""
define {params} #0 {{
  %rt = load ptr, ptr %ctx
{_load("%act", "ptr", "%rt", abi.RT_ACTIVATION)}
{_load("%ts", "ptr", "%act", ACT_THREAD)}
  call void @PyEval_RestoreThread(ptr %ts)
{call}
  %failed = icmp eq ptr %result, null
  br i1 %failed, label %fail, label %good
good:
{finish}
  call void @Py_DecRef(ptr %result)
  %ignored = call ptr @PyEval_SaveThread()
  ret {"ptr" if name == "ww_lazy" else "i64"} %value
fail:
{_store("count", "i64", "0", "%act", ACT_COUNT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
}}
"""

    lazy_call = f"""
  %argv = alloca [1 x ptr], align 16
{_load("%compile", "ptr", "%ctx", HOST_CALLABLE)}
  %number = call ptr @PyLong_FromLongLong(i64 %index)
  store ptr %number, ptr %argv
  %result = call ptr @PyObject_Vectorcall(ptr %compile, ptr %argv, i64 1, ptr null)
  call void @Py_DecRef(ptr %number)
"""
    memory_call = f"""
  %ctx.int = ptrtoint ptr %ctx to i64
  %index.wide = zext i32 %index to i64
  %result = call ptr @ww_helper(i64 {HELPER_MEMORY_GROW}, ptr null, i64 %ctx.int, i64 %index.wide, i64 %delta, i64 0)
"""
    table_call = f"""
  %ctx.int = ptrtoint ptr %ctx to i64
  %init.int = ptrtoint ptr %init to i64
  %index.wide = zext i32 %index to i64
  %result = call ptr @ww_helper(i64 {HELPER_TABLE_GROW}, ptr null, i64 %ctx.int, i64 %index.wide, i64 %delta, i64 %init.int)
"""
    as_integer = "  %value = call i64 @PyLong_AsLongLong(ptr %result)\n"
    return (
        callback(
            "ww_lazy",
            "ptr @ww_lazy(ptr %ctx, i64 %index)",
            lazy_call,
            "  %value = call ptr @PyLong_AsVoidPtr(ptr %result)\n",
        )
        + callback(
            "ww_memory_grow",
            "i64 @ww_memory_grow(ptr %ctx, i32 %index, i64 %delta)",
            memory_call,
            as_integer,
        )
        + callback(
            "ww_table_grow",
            "i64 @ww_table_grow(ptr %ctx, i32 %index, ptr %init, i64 %delta)",
            table_call,
            as_integer,
        )
        + _lazy_entry()
    )


def _lazy_entry() -> str:
    """Where an uncompiled function's code pointer leads: `lazy_thunk` puts the function's number
    in eax and jumps here. Saves every argument register, has the function compiled, and goes on
    into it as if it had been called."""
    vectors = [f"movups [rsp + {16 * i}], xmm{i}" for i in range(8)]
    restore = [f"movups xmm{i}, [rsp + {16 * i}]" for i in range(8)]
    body = [
        ".intel_syntax noprefix",
        ".text",
        ".globl ww_lazy_entry",
        ".type ww_lazy_entry, @function",
        ".p2align 4",
        "ww_lazy_entry:",
        "push rbp",
        "mov rbp, rsp",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        "sub rsp, 128",
        *vectors,
        "mov esi, eax",
        "call ww_lazy",
        "mov r11, rax",
        *restore,
        "add rsp, 128",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rbp",
        "jmp r11",
        ".size ww_lazy_entry, . - ww_lazy_entry",
        ".att_syntax",
    ]
    return "\n" + "".join(f'module asm "{line}"\n' for line in body)


def lazy_thunk(number: int, at: int, entry: int) -> bytes:
    """The machine code, to stand at address ``at``, of an uncompiled function's entry."""
    distance = entry - (at + 10)
    return b"\xb8" + number.to_bytes(4, "little") + b"\xe9" + distance.to_bytes(4, "little", signed=True)


LAZY_THUNK_SIZE: Final = 16


def _types_ir() -> str:
    """Slots of the exported-function type and the buffer type."""
    return f"""
define ptr @ww_new_func(ptr %type, ptr %vectorcall, ptr %record, ptr %info) #0 {{
  %self = call ptr @PyType_GenericAlloc(ptr %type, i64 0)
  %failed = icmp eq ptr %self, null
  br i1 %failed, label %done, label %fill
fill:
{_store("call", "ptr", "%vectorcall", "%self", FUNC_VECTORCALL)}
{_store("record", "ptr", "%record", "%self", FUNC_RECORD)}
{_store("info", "ptr", "%info", "%self", FUNC_INFO)}
  call void @Py_IncRef(ptr %info)
  br label %done
done:
  ret ptr %self
}}

define i32 @ww_func_traverse(ptr %self, ptr %visit, ptr %arg) #0 {{
{_load("%type", "ptr", "%self", 8)}
  %first = call i32 %visit(ptr %type, ptr %arg)
  %stop = icmp ne i32 %first, 0
  br i1 %stop, label %out, label %info
info:
{_load("%info.object", "ptr", "%self", FUNC_INFO)}
  %none = icmp eq ptr %info.object, null
  br i1 %none, label %out, label %visit_info
visit_info:
  %second = call i32 %visit(ptr %info.object, ptr %arg)
  ret i32 %second
out:
  ret i32 %first
}}

define i32 @ww_func_clear(ptr %self) #0 {{
{_load("%info", "ptr", "%self", FUNC_INFO)}
  %none = icmp eq ptr %info, null
  br i1 %none, label %done, label %drop
drop:
{_store("info", "ptr", "null", "%self", FUNC_INFO)}
  call void @Py_DecRef(ptr %info)
  br label %done
done:
  ret i32 0
}}

define void @ww_func_dealloc(ptr %self) #0 {{
  call void @PyObject_GC_UnTrack(ptr %self)
{_load("%weak", "ptr", "%self", FUNC_WEAKREFS)}
  %none = icmp eq ptr %weak, null
  br i1 %none, label %clear, label %weakrefs
weakrefs:
  call void @PyObject_ClearWeakRefs(ptr %self)
  br label %clear
clear:
  %ignored = call i32 @ww_func_clear(ptr %self)
{_load("%type", "ptr", "%self", 8)}
  call void @PyObject_GC_Del(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}}

define i32 @ww_get_buffer(ptr %self, ptr %view, i32 %flags) #0 {{
{_load("%record", "ptr", "%self", BUFFER_RECORD)}
  %unset = icmp eq ptr %record, null
  br i1 %unset, label %empty, label %fill
empty:
  %nothing = call i32 @PyBuffer_FillInfo(ptr %view, ptr %self, ptr %self, i64 0, i32 0, i32 %flags)
  ret i32 %nothing
fill:
{_load("%length", "i64", "%record", abi.MEMORY_LENGTH)}
{_load("%base", "ptr", "%record", abi.MEMORY_BASE)}
  %result = call i32 @PyBuffer_FillInfo(ptr %view, ptr %self, ptr %base, i64 %length, i32 0, i32 %flags)
  ret i32 %result
}}
"""


def signature_key(func_type: types.FuncType) -> str:
    """Names the stubs of a function type: one letter a value, ``_`` between the sides."""
    return "_".join("".join(map(_kind, side)) for side in (func_type.params, func_type.results))


def _kind(valtype: int) -> str:
    if not valtype & types.REF:
        return _KINDS[valtype]
    return "E" if valtype & types.HEAP_MASK in (types.EXTERN, types.NOEXTERN) else "F"


def _result_type(results: str) -> str:
    if not results:
        return "void"
    if len(results) == 1:
        return _LLVM[results]
    return "{ " + ", ".join(_LLVM[kind] for kind in results) + " }"


def stub_ir(keys: list[str]) -> str:
    """The IR of the entry stub ``entry_KEY`` and the host stub ``host_KEY`` of each key."""
    parts = [_DECLARATIONS, _STUB_DECLARATIONS]
    for key in keys:
        params, results = key.split("_")
        parts.append(_entry_stub(key, params, results))
        parts.append(_host_stub(key, params, results))
    parts.append(_ATTRIBUTES)
    return "".join(parts)


def _to_native(kind: str, tag: str, obj: str, position: int, bad: str, owner: str) -> str:
    """IR that converts the Python object ``obj`` to ``%tag``, or goes to the label ``bad`` with
    an error set. Falls through in a new block. ``owner`` is the context that the value enters."""
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
    return f"""
  %{tag}.none = icmp eq ptr {obj}, @_Py_NoneStruct
  br i1 %{tag}.none, label %{tag}.null, label %{tag}.object
{tag}.null:
  br label %{tag}.join
{tag}.object:
  %{tag}.owner = ptrtoint ptr {owner} to i64
  %{tag}.number = call ptr @ww_helper(i64 {HELPER_TO_REF}, ptr {obj}, i64 {ord(kind)}, i64 {position}, i64 %{tag}.owner, i64 0)
  %{tag}.failed = icmp eq ptr %{tag}.number, null
  br i1 %{tag}.failed, label %{bad}, label %{tag}.unbox
{tag}.unbox:
  %{tag}.address = call ptr @PyLong_AsVoidPtr(ptr %{tag}.number)
  call void @Py_DecRef(ptr %{tag}.number)
  br label %{tag}.join
{tag}.join:
  %{tag} = phi ptr [ null, %{tag}.null ], [ %{tag}.address, %{tag}.unbox ]
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
    return f"""
  %{tag}.int = ptrtoint ptr {value} to i64
  %{tag} = call ptr @ww_helper(i64 {HELPER_FROM_REF}, ptr null, i64 %{tag}.int, i64 {ord(kind)}, i64 0, i64 0)
"""


_SCRATCH: Final = """
  %cell = alloca i64, align 16
  %size = alloca i64
  %vector = alloca <2 x i64>, align 16
"""


def _entry_stub(key: str, params: str, results: str) -> str:
    converts = []
    arguments = ["ptr %ctx"]
    for i, kind in enumerate(params):
        converts.append(_load(f"%object{i}", "ptr", "%args", 8 * i))
        converts.append(_to_native(kind, f"p{i}", f"%object{i}", i, "fail", "%ctx"))
        arguments.append(f"{_LLVM[kind]} %p{i}")
    kind = _result_type(results)
    call = f"call {abi.CALLING_CONVENTION} {kind} %code({', '.join(arguments)})"
    if results:
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
{_load("%record", "ptr", "%self", FUNC_RECORD)}
{_load("%ctx", "ptr", "%record", abi.FUNCREF_CTX)}
{"".join(converts)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
{_store("frame", "ptr", "%frame", "%act", ACT_FRAME)}
  %key = load i32, ptr @ww_state
  %outer = call ptr @pthread_getspecific(i32 %key)
  %ts = call ptr @ww_enter(ptr %ctx, ptr %act)
  %refused = icmp eq ptr %ts, null
  br i1 %refused, label %fail, label %mark
mark:
  %rt = load ptr, ptr %ctx
  %how = call i32 @_setjmp(ptr %act) returns_twice
  %first = icmp eq i32 %how, 0
  br i1 %first, label %run, label %landed
run:
  %code = load ptr, ptr %record
  %saved = call ptr @PyEval_SaveThread()
  {call}
  call void @PyEval_RestoreThread(ptr %ts)
  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)
{_results_to_python(results)}
landed:
  %held = icmp eq i32 %how, {LANDED_EXCEPTION}
  br i1 %held, label %unwound, label %restore
restore:
  call void @PyEval_RestoreThread(ptr %ts)
  br label %unwound
unwound:
  call void @ww_leave(ptr %rt, ptr %act, ptr %outer)
  %nothing = call ptr @ww_landed(ptr %self, ptr %act, i32 %how)
  ret ptr null
}}
"""


def _results_to_python(results: str) -> str:
    if not results:
        return "  call void @Py_IncRef(ptr @_Py_NoneStruct)\n  ret ptr @_Py_NoneStruct\n"
    if len(results) == 1:
        return _to_python(results, "boxed", "%result") + "  ret ptr %boxed\n"
    kind = _result_type(results)
    text = f"""
  %tuple = call ptr @PyTuple_New(i64 {len(results)})
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %fail, label %fill0
"""
    for i, each in enumerate(results):
        text += f"""
fill{i}:
  %r{i} = extractvalue {kind} %result, {i}
{_to_python(each, f"boxed{i}", f"%r{i}")}
  %bad{i} = icmp eq ptr %boxed{i}, null
  br i1 %bad{i}, label %spoiled, label %set{i}
set{i}:
  %ignored{i} = call i32 @PyTuple_SetItem(ptr %tuple, i64 {i}, ptr %boxed{i})
  br label %{f"fill{i + 1}" if i + 1 < len(results) else "filled"}
"""
    return (
        text
        + """
filled:
  ret ptr %tuple
spoiled:
  call void @Py_DecRef(ptr %tuple)
  ret ptr null
"""
    )


def _host_stub(key: str, params: str, results: str) -> str:
    count = len(params)
    boxes = []
    for i, kind in enumerate(params):
        boxes.append(_to_python(kind, f"a{i}", f"%p{i}"))
        boxes.append(_store(f"arg{i}", "ptr", f"%a{i}", "%argv", 8 + 8 * i))
        boxes.append(f"  %none{i} = icmp eq ptr %a{i}, null\n")
    checks = ""
    bad = "false"
    for i in range(count):
        checks += f"  %any{i} = or i1 {bad}, %none{i}\n"
        bad = f"%any{i}"
    # Py_DecRef accepts null, so a failed conversion needs no separate path.
    drops = "".join(f"  call void @Py_DecRef(ptr %a{i})\n" for i in range(count))
    native = ", ".join(["ptr %ctx", *(f"{_LLVM[k]} %p{i}" for i, k in enumerate(params))])
    kind = _result_type(results)
    return f"""
define {abi.CALLING_CONVENTION} {kind} @host_{key}({native}) #0 {{
  %argv = alloca [{count + 2} x ptr], align 16
{_SCRATCH}
  %rt = load ptr, ptr %ctx
{_load("%act", "ptr", "%rt", abi.RT_ACTIVATION)}
{_load("%ts", "ptr", "%act", ACT_THREAD)}
{_load("%callable", "ptr", "%ctx", HOST_CALLABLE)}
{_load("%bound", "i64", "%rt", abi.RT_HOST_LIMIT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %frame.int = ptrtoint ptr %frame to i64
  %room = icmp ugt i64 %frame.int, %bound
  br i1 %room, label %enter, label %exhausted
exhausted:
  call void @ww_trap(ptr %ctx, i32 {errors.TRAP_STACK}, i32 -1)
  unreachable
enter:
  call void @PyEval_RestoreThread(ptr %ts)
{"".join(boxes)}
{checks}
  br i1 {bad}, label %unboxed, label %call
unboxed:
{drops}
  br label %fail
call:
{_at("%argv.first", "%argv", 8)}
  %returned = call ptr @PyObject_Vectorcall(ptr %callable, ptr %argv.first, i64 {count - (1 << 63)}, ptr null)
{drops}
  %raised = icmp eq ptr %returned, null
  br i1 %raised, label %fail, label %convert
convert:
{_results_to_native(results)}
  call void @Py_DecRef(ptr %returned)
{_load("%interrupted", "ptr", "@ww_state", STATE_INTERRUPTED)}
  %signalled = icmp eq ptr %interrupted, %act
  br i1 %signalled, label %signals, label %return
signals:
{_store("handled", "ptr", "null", "@ww_state", STATE_INTERRUPTED)}
  %stop = call i32 @PyErr_CheckSignals()
  %stopped = icmp ne i32 %stop, 0
  br i1 %stopped, label %fail, label %return
return:
  %saved = call ptr @PyEval_SaveThread()
  {"ret void" if not results else f"ret {kind} %native"}
spoiled:
  call void @Py_DecRef(ptr %returned)
  br label %fail
fail:
{_store("count", "i64", "0", "%act", ACT_COUNT)}
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
}}
"""


def _results_to_native(results: str) -> str:
    if not results:
        return ""
    if len(results) == 1:
        return _to_native(results, "native", "%returned", 0, "spoiled", "%ctx")
    kind = _result_type(results)
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
    previous = "poison"
    for i, each in enumerate(results):
        last = i + 1 == len(results)
        text += f"  %item{i} = call ptr @PyTuple_GetItem(ptr %tuple, i64 {i})\n"
        text += _to_native(each, f"n{i}", f"%item{i}", i, "unpacked", "%ctx")
        name = "%native" if last else f"%packed{i}"
        text += f"  {name} = insertvalue {kind} {previous}, {_LLVM[each]} %n{i}, {i}\n"
        previous = name
    return text + "  call void @Py_DecRef(ptr %tuple)\n"
