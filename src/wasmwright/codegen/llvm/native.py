"""What the runtime's native parts share: layouts, and the beginnings of their LLVM IR.

The native parts are what runs between Python and compiled wasm: ``native_core`` (entering and
leaving), ``native_signals`` (faults and Ctrl-C), ``native_calls`` (what compiled code calls),
``native_objects`` (the slots of Python types), ``native_throw``, ``stop``, and the stubs of each
signature (``stubs``). All of it uses the C API of the running CPython by symbol name; the loader
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

# The activation, on the entry stub's frame.
ACT_JMPBUF: Final = 0
ACT_BLOCK: Final = 312  # (glibc's jump buffer has 200 bytes on x86-64, 312 on AArch64)
ACT_PREVIOUS: Final = 320
ACT_THREAD: Final = 328
ACT_FRAME: Final = 336
ACT_KIND: Final = 344
ACT_EXCEPTION: Final = 344  # of LANDED_WASM, instead of a trap's kind
ACT_COUNT: Final = 352
ACT_HELD: Final = 360  # 32 bits: 1 if wasm code runs with the GIL held
ACT_TRACE: Final = 368
ACT_TRACE_MAX: Final = 64
TRACE_KINDS: Final = 62  # the bits from here on tell the kind of an entry of the trace
TRACE_STACK: Final = 1  # what is on top of the stack of stopped code
TRACE_BELOW: Final = 2  # what is below it
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
STATE_GUARD_KEY: Final = 400  # native_guard: its slot of each thread, and who had SIGABRT before
STATE_ABORT_HANDLER: Final = 408
STATE_ABORT_FLAGS: Final = 416
STATE_ABORTING: Final = 424  # whether it is with who had it
STATE_SIZE: Final = 512

# Python callables in ww_state, all called as helper(object, int, int, int, int).
HELPER_ARITY: Final = 0  # -> exception: wrong number of arguments
HELPER_BUSY: Final = 1  # waits until the runtime block is free, and it is this thread's turn
HELPER_THREAD: Final = 2  # the stack limits of a thread new to a block
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
HELPER_NAMED: Final = (
    15  # calls a function with keywords; called as helper(function, *args, **named)
)
HELPER_COUNT: Final = 16

# PyObject_HEAD, as it is in every CPython that has a GIL and does not trace references; the type
# comes last in it. Nothing else is known of the inside of Python's objects.
OBJECT_HEAD: Final = 16

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
declare i64 @llvm.usub.sat.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)
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
