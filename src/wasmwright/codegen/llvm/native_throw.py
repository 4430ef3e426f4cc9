"""Throwing, as LLVM IR: the walk from a throw to the landing pad that takes the exception.

Produces, next to what :func:`native_core.core_ir` has: ``ww_throw(ctx, exception)``, which compiled code
calls and which does not return; the allocation of exceptions; and what host stubs do about a
``WasmException`` that a Python function raised.

The walk goes up frame by frame. What it has to know of each call it finds, by the return address,
in a hash table: where registers were saved, and the landing pad.
The table only has calls that an exception went through before; at any other the walk asks
Python (``runtime.unwind``), which reads LLVM's tables. So code that does not throw pays nothing,
not even to load those tables.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen.arch import HERE, Arch
from wasmwright.codegen.heap_layout import OBJECT_TYPE, TYPE_SIZE
from wasmwright.codegen.llvm import native
from wasmwright.codegen.llvm.builder import I32, I64, PTR, VOID, Function, Value
from wasmwright.errors import TRAP_HEAP

# The table: {mask of an entry's offset}, then from TABLE_FIRST on entries, a power of two of them.
# The search for a return address begins at its hash and goes on until that is an entry's key, or
# the key is 0.
TABLE_MASK: Final = 0
TABLE_FIRST: Final = 64
ENTRY_KEY: Final = 0
ENTRY_PAD: Final = 8
ENTRY_KIND: Final = 16
ENTRY_CFA: Final = 20
ENTRY_STACK: Final = 24
ENTRY_SAVED: Final = 28  # the callee-saved registers; i32 each
HASH_FACTOR: Final = 0x1E3779B97F4A7C15
HASH_SHIFT: Final = 24

KIND_FRAME: Final = 0  # a call without a landing pad
KIND_PAD: Final = 1
KIND_ENTRY: Final = 2  # an entry stub's call: nobody in wasm took the exception


class _File:
    """The register file that ``ww_throw`` keeps on its stack frame: first what callees save."""

    def __init__(self, arch: Arch) -> None:
        self.saved = len(arch.SAVED_REGISTERS)
        self.frame = 8 * self.saved
        self.pc = self.frame + 8
        self.stack = self.pc + 8
        self.size = self.stack + 8 + 15 & -16


# What functions with landing pads name as their personality: LLVM lays out their tables as C++
# has them, which the walk reads.
PERSONALITY: Final = "__gxx_personality_v0"


def entry_size(arch: Arch) -> int:
    """Bytes of an entry of the table, a power of two."""
    return 1 << (ENTRY_SAVED + 4 * len(arch.SAVED_REGISTERS) - 1).bit_length()


ENTRY_SIZE: Final = entry_size(HERE)


def hash_of(return_address: int) -> int:
    """The number of the entry where the search begins, in a table without end."""
    return ((return_address * HASH_FACTOR & (1 << 64) - 1) >> HASH_SHIFT) // ENTRY_SIZE


def throw_ir(arch: Arch = HERE) -> str:
    """The IR, to be appended to that of ``native_core.core_ir``."""
    file = _File(arch)
    return "".join(
        (
            _throw_entry(arch, file),
            _unwind(entry_size(arch), file),
            _uncaught(file),
            _missing(),
            _new_exception(),
            _host_exception(),
        )
    )


def _throw_entry(arch: Arch, file: _File) -> str:
    """Stores the callee-saved registers, and goes on in the landing pad with those of its frame."""
    return arch.throw_entry(file.frame, file.pc, file.stack, file.size)


def _signed(f: Function, value: Value) -> Value:
    """An i32 as an i64, with its sign."""
    return f.define(I64, f"sext i32 {value.use()} to i64")


def _find(f: Function, pc: Value, missing: str, size: int) -> Value:
    """The entry of a return address; control goes to the label ``missing`` if there is none."""
    table = f.load(PTR, f.symbol("ww_state"), native.STATE_UNWIND)
    mask = f.load(I64, table, TABLE_MASK)
    offset = f.var(I64, (pc * HASH_FACTOR >> HASH_SHIFT) & mask)
    entry = f.var(PTR)
    with f.loop() as loop:
        entry.set(table + offset.get() + TABLE_FIRST)
        key = f.load(I64, entry.get(), ENTRY_KEY)
        loop.leave_if(key.equals(pc))
        on = f.label()
        f.split(key.equals(0), missing, on)
        f.begin(on)
        offset.set((offset.get() + size) & mask)
    return entry.get()


def _unwind(size: int, registers: _File) -> str:
    """Makes the register file that of the landing pad's frame; does not return if there is none."""
    f = Function("ww_unwind", PTR, ctx=PTR, exception=PTR, file=PTR)
    ctx, exception, file = f.arg("ctx"), f.arg("exception"), f.arg("file")
    # Code that throws all the time is seldom found in itself by who wants to stop it.
    act = f.load(PTR, f.load(PTR, ctx, abi.CTX_RT), abi.RT_ACTIVATION)
    f.call("ww_stop_check", VOID, act)
    frame = f.var(PTR, f.load(PTR, file, registers.frame))
    pc = f.var(I64, f.load(I64, file, registers.pc))
    missing, found = f.label(), f.label()
    with f.loop():
        again = f.label()
        f.jump(again)
        f.begin(again)
        entry = _find(f, pc.get(), missing, size)
        f.jump(found)
        f.begin(missing)
        f.call("ww_unwind_missing", VOID, ctx, pc.get())
        f.jump(again)
        f.begin(found)
        kind = f.load(I32, entry, ENTRY_KIND)
        cfa = frame.get() + _signed(f, f.load(I32, entry, ENTRY_CFA))
        with f.when(kind.differs(KIND_FRAME)):
            with f.when(kind.equals(KIND_ENTRY)):
                f.call("ww_uncaught", VOID, ctx, exception, file)
                f.emit("unreachable")
                f.ended = True
            f.store(frame.get(), file, registers.frame)
            f.store(f.load(I64, entry, ENTRY_PAD), file, registers.pc)
            stack = cfa + _signed(f, f.load(I32, entry, ENTRY_STACK))
            f.store(stack, file, registers.stack)
            f.ret(exception)
        for i in range(registers.saved):
            offset = _signed(f, f.load(I32, entry, ENTRY_SAVED + 4 * i))
            here = file + 8 * i
            place = offset.equals(0).either(here, cfa + offset, PTR)
            f.store(f.load(I64, place), here)
        pc.set(f.load(I64, frame.get(), 8))
        frame.set(f.load(PTR, frame.get()))
    return f.text()


def _activation(f: Function) -> Value:
    runtime = f.load(PTR, f.arg("ctx"), abi.CTX_RT)
    return f.load(PTR, runtime, abi.RT_ACTIVATION)


def _land(f: Function, activation: Value, how: int) -> None:
    """Leaves for the entry stub of the innermost activation."""
    f.call("_longjmp", VOID, activation, f.const(how, I32))
    f.emit("unreachable")
    f.ended = True


def _uncaught(registers: _File) -> str:
    """Nobody in wasm took the exception: the entry stub raises it in Python."""
    f = Function("ww_uncaught", VOID, attributes="noreturn ", ctx=PTR, exception=PTR, file=PTR)
    activation = _activation(f)
    f.store(f.arg("exception"), activation, native.ACT_EXCEPTION)
    # The register file still is the thrower's.
    f.store(f.load(I64, f.arg("file"), registers.pc), activation, native.ACT_TRACE)
    f.store(1, activation, native.ACT_COUNT)
    f.call("ww_walk", VOID, activation, f.load(PTR, f.arg("file"), registers.frame))
    _land(f, activation, native.LANDED_WASM)
    return f.text()


def _missing() -> str:
    """Has Python put a return address into the table."""
    f = Function("ww_unwind_missing", VOID, attributes="noinline ", ctx=PTR, pc=I64)
    activation = _activation(f)
    f.call("PyEval_RestoreThread", VOID, f.load(PTR, activation, native.ACT_THREAD))
    done = _helper(f, native.HELPER_CALL_SITE, f.define(PTR, "inttoptr i64 0 to ptr"), f.arg("pc"))
    with f.when(done.equals(0)):
        f.store(0, activation, native.ACT_COUNT)
        _land(f, activation, native.LANDED_EXCEPTION)
    f.call("Py_DecRef", VOID, done)
    f.call("PyEval_SaveThread", PTR)
    return f.text()


def _helper(f: Function, number: int, subject: Value, argument: Value) -> Value:
    zero = f.const(0)
    return f.call("ww_helper", PTR, f.const(number), subject, argument, zero, zero, zero)


def _new_exception() -> str:
    """A new exception of a tag; its payload is all zeros."""
    f = Function("ww_new_exception", PTR, ctx=PTR, tag=PTR)
    tag = f.arg("tag")
    runtime = f.load(PTR, f.arg("ctx"), abi.CTX_RT)
    size = f.load(I32, tag, TYPE_SIZE).to(I64)
    at = f.load(PTR, runtime, abi.RT_ALLOC)
    end = at + size
    with f.when(end.integer() <= f.load(I64, runtime, abi.RT_ALLOC_LIMIT)):
        f.store(end, runtime, abi.RT_ALLOC)
        f.store(tag, at, OBJECT_TYPE)
        f.ret(at)
    allocate = f.load(PTR, runtime, abi.RT_GC_ALLOC).use()
    operands = f"ptr {runtime.use()}, ptr {tag.use()}, i64 {size.use()}, i64 0"
    found = f.define(PTR, f"call ptr {allocate}({operands})")
    with f.when(found.equals(0)):
        f.call("ww_trap", VOID, f.arg("ctx"), f.const(TRAP_HEAP, I32))
    f.ret(found)
    return f.text()


def _host_exception() -> str:
    """The wasm exception that a host stub has to throw for the Python one that is set.

    That one is cleared then; otherwise it stays, or another is set in its place.
    """
    f = Function("ww_host_exception", PTR, ctx=PTR)
    parts = [f.define(PTR, "alloca ptr") for _ in range(3)]
    f.call("PyErr_Fetch", VOID, *parts)
    f.call("PyErr_NormalizeException", VOID, *parts)
    error = [f.load(PTR, part) for part in parts]
    with f.when(error[2].integer().differs(0)):
        f.call("PyException_SetTraceback", I32, error[1], error[2])
    number = _helper(f, native.HELPER_EXCEPTION_IN, error[1], f.arg("ctx").integer())
    exception = f.var(PTR, 0)
    with f.when(number.differs(0)):
        exception.set(f.call("PyLong_AsVoidPtr", PTR, number))
        f.call("Py_DecRef", VOID, number)
        with f.when(exception.equals(0)):
            f.call("PyErr_Restore", VOID, *error)
            f.ret(0)
    for part in error:
        f.call("Py_DecRef", VOID, part)
    f.ret(exception)
    return f.text()
