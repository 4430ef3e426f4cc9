"""What compiled code calls of the runtime, as LLVM IR; thunks of functions not yet compiled."""

from __future__ import annotations

from array import array
from typing import Final

from wasmwright.codegen import abi
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


def calls_ir() -> str:
    """All of it."""
    return _stack_ir() + _callback_ir()


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


# Of a thunk's four words, those that are not its number and its distance: a nop of three bytes and
# then `mov eax, number` and `jmp distance`.
_MOV: Final = 0xB8001F0F
_JMP: Final = 0xE9001F0F


def lazy_thunks(count: int, at: int, entry: int) -> bytes:
    """The machine code, to stand at address ``at``, of the entries of uncompiled functions.

    Each is ``LAZY_THUNK_SIZE`` bytes; they lead to ``entry``, which is at a lower address.
    """
    size = LAZY_THUNK_SIZE
    words = array("I", bytes(size * count))
    words[0::4] = array("I", [_MOV]) * count
    words[1::4] = array("I", range(count))
    words[2::4] = array("I", [_JMP]) * count
    # Distances count from the end of a thunk; they are negative.
    first = (1 << 32) + entry - (at + size)
    words[3::4] = array("I", range(first, first - size * count, -size))
    return words.tobytes()


LAZY_THUNK_SIZE: Final = 16


def lazy_bridge(compiler: int, entry: int) -> bytes:
    """The machine code that all thunks of a module lead through on their way to ``entry``.

    ``compiler`` is the Python callable that gives a function's code by its number.
    """
    load = b"\x49\xba" + compiler.to_bytes(8, "little")  # mov r10, compiler
    return load + b"\xff\x25\0\0\0\0" + entry.to_bytes(8, "little")  # jmp [rip]


LAZY_BRIDGE_SIZE: Final = 32
