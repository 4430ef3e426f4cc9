"""Stopping wasm code from another thread, as LLVM IR.

A runtime block has a *stop word*: its activations at addresses below the word, which are those
that began later than something, are to end; 0 ends none. Who wants that sets the word with the GIL
held, so that it is about calls in progress and no others, and sends the thread inside a signal. If
that finds the thread in wasm code, the handler leaves by a trap. If it does not, the sender tries
again a little later (``runtime.interrupts``), and what wasm code calls looks at the word when it
returns. So compiled loops need no poll. Leaving the last activation that is to end clears the word.
"""

from __future__ import annotations

from typing import Final

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.codegen.arch import HERE, Arch
from wasmwright.codegen.llvm import native
from wasmwright.codegen.llvm.builder import I32, I64, PTR, VOID, Function, Value

_SIG_SETMASK: Final = 2


def stop_ir(arch: Arch = HERE) -> str:
    """The handler and what sets and reads stop words; goes behind the core's IR."""
    functions = (_handler(arch), _check(), _leaf(), _request(), _spread(), _pending(), _here())
    return (
        "\ndeclare i32 @pthread_kill(i64, i32)\ndeclare i32 @pthread_sigmask(i32, ptr, ptr)\n"
        + "\n".join(f.text() for f in functions)
    )


def _ending(f: Function, rt: Value, act: Value) -> Value:
    """Whether an activation of a block is to end."""
    word = f.define(I64, f"load volatile i64, ptr {(rt + abi.RT_STOP).use()}")
    return act.integer() < word


def _innermost(f: Function) -> Value:
    """This thread's innermost activation, or null."""
    key = f.load(I32, f.symbol("ww_state"), native.STATE_KEY)
    return f.call("pthread_getspecific", PTR, key)


def _handler(arch: Arch) -> Function:
    """The signal's handler: in wasm code no lock is held, so it can be left anywhere."""
    f = Function("ww_stop", VOID, signal=I32, info=PTR, context=PTR)
    state = f.symbol("ww_state")
    act = _innermost(f)
    with f.when(act.differs(0)):
        pc = f.load(I64, f.arg("context"), arch.UCONTEXT_PC)
        above = pc >= f.load(I64, state, native.STATE_CODE_START)
        below = pc < f.load(I64, state, native.STATE_CODE_END)
        with f.when(_ending(f, f.load(PTR, act, native.ACT_BLOCK), act)):
            free = f.load(I32, act, native.ACT_HELD).equals(0)
            inside, outside = f.branch(above & below & free)
            with inside:
                # The signal is blocked while its handler runs, which does not return.
                mask = f.arg("context") + arch.UCONTEXT_MASK
                f.call("pthread_sigmask", I32, f.const(_SIG_SETMASK, I32), mask, f.const(0, PTR))
                f.call("ww_walk_from", VOID, act, f.arg("context"))
                _end(f, act)
            with outside:
                f.store(act, state, native.STATE_STOPPING)
    f.ret()
    return f


def _end(f: Function, act: Value) -> None:
    """Leaves by a trap, whose backtrace is there."""
    f.store(errors.TRAP_INTERRUPT, act, native.ACT_KIND, I32)
    f.call("_longjmp", VOID, act, f.const(native.LANDED_TRAP, I32))


def _check() -> Function:
    """What something that wasm code called does when it returns, without the GIL."""
    f = Function("ww_stop_check", VOID, act=PTR)
    act = f.arg("act")
    with f.when(_ending(f, f.load(PTR, act, native.ACT_BLOCK), act)):
        f.store(0, act, native.ACT_COUNT)
        f.call("ww_walk", VOID, act, f.define(PTR, "call ptr @llvm.frameaddress.p0(i32 0)"))
        _end(f, act)
    f.ret()
    return f


def _leaf() -> Function:
    """The same for functions that do not know their activation, if the signal came to it."""
    f = Function("ww_stop_leaf", VOID, stopping=PTR)
    act = _innermost(f)
    with f.when(act.equals(f.arg("stopping"))):
        f.store(f.const(0, PTR), f.symbol("ww_state"), native.STATE_STOPPING)
        f.call("ww_stop_check", VOID, act)
    f.ret()
    return f


def _kill(f: Function, rt: Value) -> None:
    # The owner cannot leave the block without the GIL, which the caller has: the thread lives.
    f.call("pthread_kill", I32, f.load(I64, rt, abi.RT_PTHREAD), f.arg("signal"))


def _raise_word(f: Function, rt: Value, word: Value) -> None:
    old = f.load(I64, rt, abi.RT_STOP)
    f.store((old > word).either(old, word), rt, abi.RT_STOP)


def _request() -> Function:
    """Ends the activations of ``rt`` below ``word``, if ``thread`` (0: any) is inside them.

    Gives whether there are any.
    """
    f = Function("ww_stop_request", I32, rt=PTR, thread=I64, word=I64, signal=I32)
    rt, thread = f.arg("rt"), f.arg("thread")
    with f.when(f.load(PTR, rt, abi.RT_OWNER).equals(0)):
        f.ret(0)
    inside = f.load(I64, rt, abi.RT_PTHREAD).equals(thread) | thread.equals(0)
    act = f.load(PTR, rt, abi.RT_ACTIVATION)
    with f.when(inside & (act.integer() < f.arg("word"))):
        _raise_word(f, rt, f.arg("word"))
        _kill(f, rt)
        f.ret(1)
    f.ret(0)
    return f


def _spread() -> Function:
    """Sees a request for ``rt`` through to ``other``, if that is what its thread is in now.

    Gives 0 if ``rt`` has no activation any more that is to end, 2 if ``other`` now has, else 1.
    """
    f = Function("ww_stop_spread", I32, rt=PTR, other=PTR, signal=I32)
    rt, other = f.arg("rt"), f.arg("other")
    owner = f.load(PTR, rt, abi.RT_OWNER)
    act = f.load(PTR, rt, abi.RT_ACTIVATION)
    with f.when(owner.equals(0)):
        f.ret(0)
    with f.when(act.integer() >= f.load(I64, rt, abi.RT_STOP)):
        f.ret(0)
    with f.when(other.equals(rt)):
        _kill(f, rt)
        f.ret(1)
    same = f.load(PTR, other, abi.RT_OWNER).equals(owner)
    with f.when(same & (f.load(PTR, other, abi.RT_ACTIVATION) < act)):
        _raise_word(f, other, act.integer())
        _kill(f, other)
        f.ret(2)
    f.ret(1)
    return f


def _pending() -> Function:
    """The block of this thread's innermost activation if that is to end, else null."""
    f = Function("ww_stop_pending", PTR)
    act = _innermost(f)
    with f.when(act.equals(0)):
        f.ret(0)
    rt = f.load(PTR, act, native.ACT_BLOCK)
    f.ret(_ending(f, rt, act).either(rt, f.const(0, PTR), PTR))
    return f


def _here() -> Function:
    """The stop word for what this thread begins from now on."""
    f = Function("ww_stop_here", I64)
    act = _innermost(f)
    with f.when(act.equals(0)):
        f.ret(abi.STOP_EVERYTHING)
    f.ret(act.integer())
    return f
