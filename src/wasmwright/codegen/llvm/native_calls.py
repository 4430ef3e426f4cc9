"""What compiled code calls of the runtime, as LLVM IR."""

from __future__ import annotations

from wasmwright.codegen import abi
from wasmwright.codegen.arch import Arch
from wasmwright.codegen.llvm.native import (
    ACT_COUNT,
    ACT_THREAD,
    HELPER_ATOMIC_NOTIFY,
    HELPER_ATOMIC_WAIT,
    HELPER_MEMORY_GROW,
    HELPER_TABLE_GROW,
    LANDED_EXCEPTION,
    at,
    load,
    store,
)


def calls_ir(arch: Arch) -> str:
    """All of it."""
    return _stack_ir() + _callback_ir(arch)


def _stack_ir() -> str:
    return """
define i64 @ww_stack_pointer() #0 {
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %address = ptrtoint ptr %frame to i64
  ret i64 %address
}
"""


def _callback_ir(arch: Arch) -> str:
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
        + _lazy_entry(arch)
    )


def _lazy_entry(arch: Arch) -> str:
    """Where an uncompiled function's code pointer leads, with the function's number and the
    compiling callable in registers that the calling convention does not use. Saves every argument
    register, has the function compiled, and goes on into it as if it had been called.
    """
    return arch.lazy_entry()
