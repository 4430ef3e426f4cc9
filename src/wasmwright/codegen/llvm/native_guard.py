"""A way out where LLVM aborts, as LLVM IR: it fails an assertion of its own, or gives up.

A function is called through ``ww_guarded``; if it aborts, that returns 0, and the next call of
``ww_aborted`` in the thread says so. What the function had allocated and locked stays as it is.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm.native import (
    STATE_ABORT_FLAGS,
    STATE_ABORT_HANDLER,
    STATE_ABORTING,
    STATE_GUARD_KEY,
    load,
    store,
)
from wasmwright.codegen.llvm.native_signals import RESTORE_DEFAULT, forward

_JUMP_BUFFER: Final = 512  # bytes; a jmp_buf takes 200 (x86-64) or 312 (aarch64)


def guard_ir() -> str:
    """The handler of SIGABRT, and what calls functions under its guard.

    A thread that is in such a function has its jump buffer in the slot of the guard's key; one
    whose function aborted, 1. In all others the signal goes to whoever had it before, once
    (faulthandler raises it again for whom it found, which may be us), or ends the process.
    """
    return f"""
define void @ww_abort(i32 %signal, ptr %info, ptr %context) #0 {{
{load("%key", "i32", "@ww_state", STATE_GUARD_KEY)}
  %buffer = call ptr @pthread_getspecific(i32 %key)
  %buffer.int = ptrtoint ptr %buffer to i64
  %guarded = icmp ugt i64 %buffer.int, 1
  br i1 %guarded, label %leave, label %others
leave:
  call void @_longjmp(ptr %buffer, i32 1)
  unreachable
others:
{load("%handler", "ptr", "@ww_state", STATE_ABORT_HANDLER)}
{load("%flags", "i64", "@ww_state", STATE_ABORT_FLAGS)}
  %handler.int = ptrtoint ptr %handler to i64
  %ignored = icmp eq i64 %handler.int, 1
  br i1 %ignored, label %done, label %look
look:
{load("%aborting", "i64", "@ww_state", STATE_ABORTING)}
  %real = icmp ne i64 %handler.int, 0
  %first = icmp eq i64 %aborting, 0
  %call = and i1 %real, %first
  br i1 %call, label %forward, label %default
forward:
{store("begin", "i64", 1, "@ww_state", STATE_ABORTING)}
{forward("forwarded")}forwarded:
{store("end", "i64", 0, "@ww_state", STATE_ABORTING)}
  br label %done
default:
{RESTORE_DEFAULT}  %raised = call i32 @raise(i32 %signal)
  br label %done
done:
  ret void
}}

define i64 @ww_guarded(ptr %function, i64 %a, i64 %b, i64 %c, i64 %d) #0 {{
  %buffer = alloca [{_JUMP_BUFFER} x i8], align 16
{load("%key", "i32", "@ww_state", STATE_GUARD_KEY)}
  %how = call i32 @_setjmp(ptr %buffer) returns_twice
  %first = icmp eq i32 %how, 0
  br i1 %first, label %call, label %aborted
call:
  %set = call i32 @pthread_setspecific(i32 %key, ptr %buffer)
  %result = call i64 %function(i64 %a, i64 %b, i64 %c, i64 %d)
  %cleared = call i32 @pthread_setspecific(i32 %key, ptr null)
  ret i64 %result
aborted:
  %noted = call i32 @pthread_setspecific(i32 %key, ptr inttoptr (i64 1 to ptr))
  ret i64 0
}}

define i32 @ww_aborted() #0 {{
{load("%key", "i32", "@ww_state", STATE_GUARD_KEY)}
  %slot = call ptr @pthread_getspecific(i32 %key)
  %cleared = call i32 @pthread_setspecific(i32 %key, ptr null)
  %some = icmp ne ptr %slot, null
  %aborted = zext i1 %some to i32
  ret i32 %aborted
}}
"""
