"""The runtime's own native parts, as LLVM IR: what runs between Python and compiled wasm.

Produces IR text. :func:`core_ir` has what exists once a process: the trap function, the fault and
interrupt handlers, the lazy-compilation entry, and the slots of two Python types.
The stubs of each signature are in :mod:`wasmwright.codegen.llvm.stubs`. All of it uses
the C API of the running CPython by symbol name; the loader resolves the names, and ``ww_state`` is a block of native memory (``runtime.native``).

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
from wasmwright.codegen import abi, heap_layout

# The activation, on the entry stub's frame.
ACT_JMPBUF: Final = 0
ACT_BLOCK: Final = 312  # (the jump buffer of x86-64 has 200 bytes)
ACT_PREVIOUS: Final = 320
ACT_THREAD: Final = 328
ACT_FRAME: Final = 336
ACT_KIND: Final = 344
ACT_EXCEPTION: Final = 344  # of LANDED_WASM, instead of a trap's kind
ACT_COUNT: Final = 352
ACT_HELD: Final = 360  # 32 bits: 1 if wasm code runs with the GIL held
ACT_TRACE: Final = 368
ACT_TRACE_MAX: Final = 64
ACT_SIZE: Final = ACT_TRACE + 8 * ACT_TRACE_MAX

# How control came back to the entry stub (the value of _setjmp).
LANDED_TRAP: Final = 1
LANDED_EXCEPTION: Final = 2
LANDED_WASM: Final = 3

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
STATE_STRUCT_TYPE: Final = 88  # the Python types of structures and arrays, or 0
STATE_ARRAY_TYPE: Final = 96
STATE_UNWIND: Final = 104  # the table of native_throw
STATE_STOPPING: Final = 120  # the activation that has yet to look at its stop word, or 0
STATE_HELPERS: Final = 128
STATE_SIZE: Final = 512

# Python callables in ww_state, all called as helper(object, int, int, int, int).
HELPER_ARITY: Final = 0  # -> exception: wrong number of arguments
HELPER_BUSY: Final = 1  # waits until the runtime block is free, and it is this thread's turn
HELPER_THREAD: Final = 2  # sets the stack limit for a thread new to the block
HELPER_TRAP: Final = 3  # -> exception for a trap
HELPER_UNWIND: Final = 4  # attaches the wasm backtrace to a Python exception
HELPER_TO_REF: Final = 5  # -> address, from a Python object
HELPER_FROM_REF: Final = 6  # -> Python object, from an address
HELPER_MEMORY_GROW: Final = 7
HELPER_TABLE_GROW: Final = 8
HELPER_VALUE: Final = 9  # -> exception: an argument or result does not convert
HELPER_CALL_SITE: Final = 10  # puts a return address into the table of native_throw
HELPER_EXCEPTION_IN: Final = 11  # -> address of the wasm exception to throw for a Python one, or 0
HELPER_EXCEPTION_OUT: Final = 12  # -> exception for a wasm exception that nobody caught
HELPER_ATOMIC_WAIT: Final = 13
HELPER_ATOMIC_NOTIFY: Final = 14
HELPER_COUNT: Final = 15

# Fields of the exported-function object (after PyObject_HEAD) and of the buffer object.
FUNC_VECTORCALL: Final = 16
FUNC_RECORD: Final = 24
FUNC_INFO: Final = 32
FUNC_WEAKREFS: Final = 40
FUNC_SIZE: Final = 48
BUFFER_RECORD: Final = 16
BUFFER_SIZE: Final = 24
RESOURCE_RELEASE: Final = 16
RESOURCE_SIZE: Final = 24

# The context of a host function: like an instance's, it begins with the runtime block.
HOST_CALLABLE: Final = 8
HOST_SIZE: Final = 16

# Where ucontext_t keeps the program counter and the frame pointer (x86-64 Linux), and where
# siginfo_t keeps the cause and the fault address.
UCONTEXT_PC: Final = 168
UCONTEXT_FP: Final = 120
UCONTEXT_MASK: Final = 296
_SIGINFO_CODE: Final = 8
_SIGINFO_ADDRESS: Final = 16

# Functions of the C library that compiled code calls and that may take long, with the type of
# their second parameter: each is called through one of ours, `ww_NAME`, so that Ctrl-C ends it.
LEAVES: Final = {"memset": "i32", "memcpy": "ptr", "memmove": "ptr"}

DECLARATIONS: Final = """
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
declare i32 @PyException_SetTraceback(ptr, ptr)
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
declare void @PyObject_Free(ptr)
declare void @PyErr_WriteUnraisable(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i32 @PyBuffer_FillInfo(ptr, ptr, ptr, i64, i32, i32)
"""

# Wasm exceptions pass through what has #1.
ATTRIBUTES: Final = """
attributes #0 = { nounwind "frame-pointer"="all" }
attributes #1 = { nounwind uwtable(sync) "frame-pointer"="all" }
"""


def at(result: str, base: str, offset: int) -> str:
    """IR for the address ``offset`` bytes behind ``base``."""
    return f"  {result} = getelementptr i8, ptr {base}, i64 {offset}\n"


def load(result: str, kind: str, base: str, offset: int) -> str:
    """IR that loads a value of LLVM type ``kind`` from there."""
    return at(f"{result}.at", base, offset) + f"  {result} = load {kind}, ptr {result}.at\n"


def store(tag: str, kind: str, value: str | int, base: str, offset: int) -> str:
    """IR that stores it there; ``tag`` makes the name of the address unique."""
    return at(f"%{tag}.to", base, offset) + f"  store {kind} {value}, ptr %{tag}.to\n"


def core_ir() -> str:
    """The IR of what exists once a process."""
    return "".join(
        (
            DECLARATIONS,
            _CORE_DECLARATIONS,
            _helper_ir(),
            _enter_ir(),
            _trap_ir(),
            _fault_ir(),
            _interrupt_ir(),
            _stack_ir(),
            _callback_ir(),
            _types_ir(),
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
  %rt.int2 = ptrtoint ptr %rt to i64
  %measured = call ptr @ww_helper(i64 {HELPER_THREAD}, ptr null, i64 %rt.int2, i64 %id, i64 0, i64 0)
  %unmeasured = icmp eq ptr %measured, null
  br i1 %unmeasured, label %pass, label %measured_ok
pass:
{store("pass", "ptr", "null", "%rt", abi.RT_TURN)}
  br label %fail
measured_ok:
  call void @Py_DecRef(ptr %measured)
  br label %again
taken:
{store("own", "ptr", "%ts", "%rt", abi.RT_OWNER)}
{store("turned", "ptr", "null", "%rt", abi.RT_TURN)}
{load("%real", "i64", "%rt", abi.RT_REAL_LIMIT)}
{store("limit", "i64", "%real", "%rt", abi.RT_STACK_LIMIT)}
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


def _trap_ir() -> str:
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


def _fault_ir() -> str:
    """The handler of SIGSEGV. A fault is a wasm trap when this thread is in wasm (it has an
    activation), the faulting code is wasm code, and the address is inside a reserved memory;
    anything else goes to whoever had the signal before.
    """
    return f"""
define void @ww_fault(i32 %signal, ptr %info, ptr %context) #0 {{
entry:
  %key = load i32, ptr @ww_state
  %act = call ptr @pthread_getspecific(i32 %key)
  %outside = icmp eq ptr %act, null
  br i1 %outside, label %chain, label %where
where:
{load("%pc", "i64", "%context", UCONTEXT_PC)}
{load("%low", "i64", "@ww_state", STATE_CODE_START)}
{load("%high", "i64", "@ww_state", STATE_CODE_END)}
  %above = icmp uge i64 %pc, %low
  %below = icmp ult i64 %pc, %high
  %ours = and i1 %above, %below
  br i1 %ours, label %search, label %chain
search:
{load("%address", "i64", "%info", _SIGINFO_ADDRESS)}
{load("%regions", "ptr", "@ww_state", STATE_REGIONS)}
{load("%regions.count", "i64", "@ww_state", STATE_REGION_COUNT)}
  br label %loop
loop:
  %i = phi i64 [ 0, %search ], [ %i1, %miss ]
  %some = icmp ult i64 %i, %regions.count
  br i1 %some, label %look, label %chain
look:
  %region = getelementptr {{ i64, i64 }}, ptr %regions, i64 %i
{load("%start", "i64", "%region", 0)}
{load("%stop", "i64", "%region", 8)}
  %after = icmp uge i64 %address, %start
  %before = icmp ult i64 %address, %stop
  %hit = and i1 %after, %before
  br i1 %hit, label %trap, label %miss
miss:
  %i1 = add i64 %i, 1
  br label %loop
trap:
{store("kind", "i32", errors.TRAP_MEMORY, "%act", ACT_KIND)}
{store("count", "i64", "1", "%act", ACT_COUNT)}
  %pc.next = add i64 %pc, 1
{store("first", "i64", "%pc.next", "%act", ACT_TRACE)}
{load("%frame", "ptr", "%context", UCONTEXT_FP)}
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_TRAP})
  unreachable
chain:
{load("%handler", "ptr", "@ww_state", STATE_FAULT_HANDLER)}
{load("%flags", "i64", "@ww_state", STATE_FAULT_FLAGS)}
{load("%code", "i32", "%info", _SIGINFO_CODE)}
{load("%chaining", "i64", "@ww_state", STATE_CHAINING)}
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
{store("unchained", "i64", "0", "@ww_state", STATE_CHAINING)}
  ret void
forward:
{store("chained", "i64", "1", "@ww_state", STATE_CHAINING)}
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
    need no poll for this. Where it interrupts what wasm code called, that looks at its end.
    """
    return f"""
define void @ww_interrupt(i32 %signal, ptr %info, ptr %context) #0 {{
{load("%handler", "ptr", "@ww_state", STATE_INTERRUPT_HANDLER)}
{load("%flags", "i64", "@ww_state", STATE_INTERRUPT_FLAGS)}
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
{load("%pc", "i64", "%context", UCONTEXT_PC)}
{load("%low", "i64", "@ww_state", STATE_CODE_START)}
{load("%high", "i64", "@ww_state", STATE_CODE_END)}
  %above = icmp uge i64 %pc, %low
  %below = icmp ult i64 %pc, %high
  %ours = and i1 %above, %below
{load("%held", "i32", "%act", ACT_HELD)}
  %free = icmp eq i32 %held, 0
; (what runs with the GIL held is over before one could tell)
  %stoppable = and i1 %ours, %free
  br i1 %stoppable, label %check, label %later
later:
{store("later", "ptr", "%act", "@ww_state", STATE_INTERRUPTED)}
  br label %done
check:
  %area.kept = alloca [{abi.AREA_SIZE} x i8], align 16
{load("%rt", "ptr", "%act", ACT_BLOCK)}
{at("%area", "%rt", abi.RT_AREA)}
  call void @llvm.memcpy.p0.p0.i64(ptr %area.kept, ptr %area, i64 {abi.AREA_SIZE}, i1 false)
; compiled code may have been about to make an object: nothing is allocated behind it, and no
; collection looks for it
  %alloc.kept = call {{ i64, i64, ptr }} @ww_quiet(ptr %rt)
{load("%ts", "ptr", "%act", ACT_THREAD)}
  call void @PyEval_RestoreThread(ptr %ts)
  %raised = call i32 @PyErr_CheckSignals()
  call void @ww_unquiet(ptr %rt, {{ i64, i64, ptr }} %alloc.kept)
  %stop = icmp ne i32 %raised, 0
  br i1 %stop, label %leave, label %resume
resume:
  call void @llvm.memcpy.p0.p0.i64(ptr %area, ptr %area.kept, i64 {abi.AREA_SIZE}, i1 false)
  %ignored = call ptr @PyEval_SaveThread()
  br label %done
leave:
{store("count", "i64", "1", "%act", ACT_COUNT)}
  %pc.next = add i64 %pc, 1
{store("first", "i64", "%pc.next", "%act", ACT_TRACE)}
{load("%frame", "ptr", "%context", UCONTEXT_FP)}
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
done:
  ret void
}}

; Takes from compiled code what it allocates from, and has the heap not be collected. (If there is
; one, it stays the block's while a thread is inside.)
define {{ i64, i64, ptr }} @ww_quiet(ptr %rt) #0 {{
{load("%alloc", "i64", "%rt", abi.RT_ALLOC)}
{load("%limit", "i64", "%rt", abi.RT_ALLOC_LIMIT)}
{store("no_alloc", "i64", 0, "%rt", abi.RT_ALLOC)}
{store("no_limit", "i64", 0, "%rt", abi.RT_ALLOC_LIMIT)}
  %one = insertvalue {{ i64, i64, ptr }} poison, i64 %alloc, 0
  %two = insertvalue {{ i64, i64, ptr }} %one, i64 %limit, 1
{load("%heap", "ptr", "%rt", abi.RT_HEAP)}
  %kept = insertvalue {{ i64, i64, ptr }} %two, ptr %heap, 2
  call void @ww_pause(ptr %heap, i64 1)
  ret {{ i64, i64, ptr }} %kept
}}

define void @ww_unquiet(ptr %rt, {{ i64, i64, ptr }} %kept) #0 {{
  %alloc = extractvalue {{ i64, i64, ptr }} %kept, 0
  %limit = extractvalue {{ i64, i64, ptr }} %kept, 1
{store("alloc", "i64", "%alloc", "%rt", abi.RT_ALLOC)}
{store("limit", "i64", "%limit", "%rt", abi.RT_ALLOC_LIMIT)}
  %heap = extractvalue {{ i64, i64, ptr }} %kept, 2
  call void @ww_pause(ptr %heap, i64 -1)
  ret void
}}

define void @ww_pause(ptr %heap, i64 %count) #0 {{
  %none = icmp eq ptr %heap, null
  br i1 %none, label %done, label %add
add:
{load("%paused", "i64", "%heap", heap_layout.HEAP_PAUSED)}
  %changed = add i64 %paused, %count
{store("changed", "i64", "%changed", "%heap", heap_layout.HEAP_PAUSED)}
  br label %done
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
{store("handled", "ptr", "null", "@ww_state", STATE_INTERRUPTED)}
{load("%rt", "ptr", "%act", ACT_BLOCK)}
  %alloc.kept = call {{ i64, i64, ptr }} @ww_quiet(ptr %rt)
{load("%ts", "ptr", "%act", ACT_THREAD)}
  call void @PyEval_RestoreThread(ptr %ts)
  %raised = call i32 @PyErr_CheckSignals()
  call void @ww_unquiet(ptr %rt, {{ i64, i64, ptr }} %alloc.kept)
  %stop = icmp ne i32 %raised, 0
  br i1 %stop, label %leave, label %resume
resume:
  %ignored = call ptr @PyEval_SaveThread()
  br label %done
leave:
{store("count", "i64", "0", "%act", ACT_COUNT)}
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
{load("%interrupted", "ptr", "@ww_state", STATE_INTERRUPTED)}
  %none = icmp eq ptr %interrupted, null
  br i1 %none, label %quiet, label %look
look:
  call void @ww_look(ptr %interrupted)
  br label %quiet
quiet:
{load("%stopping", "ptr", "@ww_state", STATE_STOPPING)}
  %nobody = icmp eq ptr %stopping, null
  br i1 %nobody, label %done, label %stop
stop:
  call void @ww_stop_leaf(ptr %stopping)
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
  %key = load i32, ptr @ww_state
  %act = call ptr @pthread_getspecific(i32 %key)
{load("%ts", "ptr", "%act", ACT_THREAD)}
  call void @PyEval_RestoreThread(ptr %ts)
{call}
  %failed = icmp eq ptr %result, null
  br i1 %failed, label %fail, label %good
good:
{finish}
  call void @Py_DecRef(ptr %result)
  %ignored = call ptr @PyEval_SaveThread()
  call void @ww_stop_check(ptr %act)
  ret {"ptr" if name == "ww_lazy" else "i64"} %value
fail:
{store("count", "i64", "0", "%act", ACT_COUNT)}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  call void @ww_walk(ptr %act, ptr %frame)
  call void @_longjmp(ptr %act, i32 {LANDED_EXCEPTION})
  unreachable
}}
"""

    # The argument area may hold what the function to be compiled has yet to read, and Python code
    # that runs meanwhile may call wasm.
    lazy_call = f"""
  %argv = alloca [1 x ptr], align 16
  %area.kept = alloca [{abi.AREA_SIZE} x i8], align 16
  %rt = load ptr, ptr %ctx
{at("%area", "%rt", abi.RT_AREA)}
  call void @llvm.memcpy.p0.p0.i64(ptr %area.kept, ptr %area, i64 {abi.AREA_SIZE}, i1 false)
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
    wait_call = f"""
  %at.int = ptrtoint ptr %at to i64
  %result = call ptr @ww_helper(i64 {HELPER_ATOMIC_WAIT}, ptr null, i64 %at.int, i64 %size, i64 %expected, i64 %timeout)
"""
    notify_call = f"""
  %at.int = ptrtoint ptr %at to i64
  %result = call ptr @ww_helper(i64 {HELPER_ATOMIC_NOTIFY}, ptr null, i64 %at.int, i64 %count, i64 0, i64 0)
"""
    as_integer = "  %value = call i64 @PyLong_AsLongLong(ptr %result)\n"
    return (
        callback(
            "ww_lazy",
            "ptr @ww_lazy(ptr %compile, i64 %index, ptr %ctx)",
            lazy_call,
            f"""
  %value = call ptr @PyLong_AsVoidPtr(ptr %result)
  call void @llvm.memcpy.p0.p0.i64(ptr %area, ptr %area.kept, i64 {abi.AREA_SIZE}, i1 false)
""",
        )
        + callback(
            "ww_memory_grow",
            "i64 @ww_memory_grow(ptr %ctx, i32 %index, i64 %delta)",
            memory_call,
            as_integer,
        )
        + callback(
            "ww_atomic_wait",
            "i64 @ww_atomic_wait(ptr %ctx, ptr %at, i64 %size, i64 %expected, i64 %timeout)",
            wait_call,
            as_integer,
        )
        + callback(
            "ww_atomic_notify",
            "i64 @ww_atomic_notify(ptr %ctx, ptr %at, i64 %count)",
            notify_call,
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
    in eax, `lazy_bridge` the compiling callable in r10, neither of which the calling convention
    uses. Saves every argument register, has the function compiled, and goes on into it as if it
    had been called.
    """
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
        "mov rdx, rdi",
        "mov rdi, r10",
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
    return (
        b"\xb8"
        + number.to_bytes(4, "little")
        + b"\xe9"
        + distance.to_bytes(4, "little", signed=True)
    )


LAZY_THUNK_SIZE: Final = 16


def lazy_bridge(compiler: int, entry: int) -> bytes:
    """The machine code that all thunks of a module lead through on their way to ``entry``.

    ``compiler`` is the Python callable that gives a function's code by its number.
    """
    load = b"\x49\xba" + compiler.to_bytes(8, "little")  # mov r10, compiler
    return load + b"\xff\x25\0\0\0\0" + entry.to_bytes(8, "little")  # jmp [rip]


LAZY_BRIDGE_SIZE: Final = 32


def _types_ir() -> str:
    """Slots of the exported-function type and the buffer type."""
    return f"""
define ptr @ww_new_func(ptr %type, ptr %vectorcall, ptr %record, ptr %info) #0 {{
  %self = call ptr @PyType_GenericAlloc(ptr %type, i64 0)
  %failed = icmp eq ptr %self, null
  br i1 %failed, label %done, label %fill
fill:
{store("call", "ptr", "%vectorcall", "%self", FUNC_VECTORCALL)}
{store("record", "ptr", "%record", "%self", FUNC_RECORD)}
{store("info", "ptr", "%info", "%self", FUNC_INFO)}
  call void @Py_IncRef(ptr %info)
  br label %done
done:
  ret ptr %self
}}

define i32 @ww_func_traverse(ptr %self, ptr %visit, ptr %arg) #0 {{
{load("%type", "ptr", "%self", 8)}
  %first = call i32 %visit(ptr %type, ptr %arg)
  %stop = icmp ne i32 %first, 0
  br i1 %stop, label %out, label %info
info:
{load("%info.object", "ptr", "%self", FUNC_INFO)}
  %none = icmp eq ptr %info.object, null
  br i1 %none, label %out, label %visit_info
visit_info:
  %second = call i32 %visit(ptr %info.object, ptr %arg)
  ret i32 %second
out:
  ret i32 %first
}}

define i32 @ww_func_clear(ptr %self) #0 {{
{load("%info", "ptr", "%self", FUNC_INFO)}
  %none = icmp eq ptr %info, null
  br i1 %none, label %done, label %drop
drop:
{store("info", "ptr", "null", "%self", FUNC_INFO)}
  call void @Py_DecRef(ptr %info)
  br label %done
done:
  ret i32 0
}}

define void @ww_func_dealloc(ptr %self) #0 {{
  call void @PyObject_GC_UnTrack(ptr %self)
{load("%weak", "ptr", "%self", FUNC_WEAKREFS)}
  %none = icmp eq ptr %weak, null
  br i1 %none, label %clear, label %weakrefs
weakrefs:
  call void @PyObject_ClearWeakRefs(ptr %self)
  br label %clear
clear:
  %ignored = call i32 @ww_func_clear(ptr %self)
{load("%type", "ptr", "%self", 8)}
  call void @PyObject_GC_Del(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}}

define ptr @ww_new_resource(ptr %type, ptr %release) #0 {{
  %self = call ptr @PyType_GenericAlloc(ptr %type, i64 0)
  %failed = icmp eq ptr %self, null
  br i1 %failed, label %done, label %fill
fill:
{store("release", "ptr", "%release", "%self", RESOURCE_RELEASE)}
  call void @Py_IncRef(ptr %release)
  br label %done
done:
  ret ptr %self
}}

define void @ww_resource_dealloc(ptr %self) #0 {{
  %error = alloca ptr
  %value = alloca ptr
  %traceback = alloca ptr
{load("%release", "ptr", "%self", RESOURCE_RELEASE)}
  %none = icmp eq ptr %release, null
  br i1 %none, label %free, label %call
call:
  call void @PyErr_Fetch(ptr %error, ptr %value, ptr %traceback)
  %result = call ptr @PyObject_Vectorcall(ptr %release, ptr null, i64 0, ptr null)
  %failed = icmp eq ptr %result, null
  br i1 %failed, label %report, label %released
report:
  call void @PyErr_WriteUnraisable(ptr %release)
  br label %released
released:
  call void @Py_DecRef(ptr %result)
  call void @Py_DecRef(ptr %release)
  %e = load ptr, ptr %error
  %v = load ptr, ptr %value
  %t = load ptr, ptr %traceback
  call void @PyErr_Restore(ptr %e, ptr %v, ptr %t)
  br label %free
free:
{load("%type", "ptr", "%self", 8)}
  call void @PyObject_Free(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}}

define i32 @ww_get_buffer(ptr %self, ptr %view, i32 %flags) #0 {{
{load("%record", "ptr", "%self", BUFFER_RECORD)}
  %unset = icmp eq ptr %record, null
  br i1 %unset, label %empty, label %fill
empty:
  %nothing = call i32 @PyBuffer_FillInfo(ptr %view, ptr %self, ptr %self, i64 0, i32 0, i32 %flags)
  ret i32 %nothing
fill:
{load("%length", "i64", "%record", abi.MEMORY_LENGTH)}
{load("%base", "ptr", "%record", abi.MEMORY_BASE)}
  %result = call i32 @PyBuffer_FillInfo(ptr %view, ptr %self, ptr %base, i64 %length, i32 0, i32 %flags)
  ret i32 %result
}}
"""
