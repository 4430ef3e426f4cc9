"""The signal handlers of the native parts, as LLVM IR."""

from __future__ import annotations

from typing import Final

from wasmwright import errors
from wasmwright.codegen import abi, heap_layout
from wasmwright.codegen.arch import Arch
from wasmwright.codegen.llvm.native import (
    ACT_BLOCK,
    ACT_COUNT,
    ACT_HELD,
    ACT_KIND,
    ACT_THREAD,
    LANDED_EXCEPTION,
    LANDED_TRAP,
    LEAVES,
    STATE_CHAINING,
    STATE_CODE_END,
    STATE_CODE_START,
    STATE_FAULT_FLAGS,
    STATE_FAULT_HANDLER,
    STATE_INTERRUPT_FLAGS,
    STATE_INTERRUPT_HANDLER,
    STATE_INTERRUPTED,
    STATE_REGION_COUNT,
    STATE_REGIONS,
    STATE_STOPPING,
    at,
    load,
    store,
)

# IR that puts the default action of %signal back in place.
RESTORE_DEFAULT: Final = """\
  %action = alloca [152 x i8], align 16
  call void @llvm.memset.p0.i64(ptr %action, i8 0, i64 152, i1 false)
  %restored = call i32 @sigaction(i32 %signal, ptr %action, ptr null)
"""

# Where siginfo_t keeps the cause and the fault address.
_SIGINFO_CODE: Final = 8
_SIGINFO_ADDRESS: Final = 16


def signals_ir(arch: Arch) -> str:
    """The handlers of faults and of Ctrl-C, and what looks at signals later."""
    return _fault_ir(arch) + _interrupt_ir(arch)


def _in_code(arch: Arch) -> str:
    """IR for %ours, whether the signal interrupted compiled code, and %pc, where."""
    return f"""\
{load("%pc", "i64", "%context", arch.UCONTEXT_PC)}
{load("%low", "i64", "@ww_state", STATE_CODE_START)}
{load("%high", "i64", "@ww_state", STATE_CODE_END)}
  %above = icmp uge i64 %pc, %low
  %below = icmp ult i64 %pc, %high
  %ours = and i1 %above, %below
"""


def forward(then: str) -> str:
    """IR that calls %handler, who had the signal before us, as its %flags say; then goes on."""
    return f"""\
  %siginfo = and i64 %flags, 4
  %three = icmp ne i64 %siginfo, 0
  br i1 %three, label %with_info, label %plain
with_info:
  call void %handler(i32 %signal, ptr %info, ptr %context)
  br label %{then}
plain:
  call void %handler(i32 %signal)
  br label %{then}
"""


def _fault_ir(arch: Arch) -> str:
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
{_in_code(arch)}  br i1 %ours, label %search, label %chain
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
  call void @ww_walk_from(ptr %act, ptr %context)
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
{RESTORE_DEFAULT}  br i1 %sent, label %repeat, label %return
repeat:
  %raised = call i32 @raise(i32 %signal)
  br label %return
return:
{store("unchained", "i64", "0", "@ww_state", STATE_CHAINING)}
  ret void
forward:
{store("chained", "i64", "1", "@ww_state", STATE_CHAINING)}
{forward("return")}}}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def _interrupt_ir(arch: Arch) -> str:
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
{forward("where")}where:
  %key = load i32, ptr @ww_state
  %act = call ptr @pthread_getspecific(i32 %key)
  %outside = icmp eq ptr %act, null
  br i1 %outside, label %done, label %code
code:
{_in_code(arch)}{load("%held", "i32", "%act", ACT_HELD)}
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
  call void @ww_walk_from(ptr %act, ptr %context)
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
