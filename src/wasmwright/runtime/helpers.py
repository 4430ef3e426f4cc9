"""The Python callables that native code calls; see HELPER_* in ``codegen.llvm.native``.

Each takes ``(object, int, int, int, int)``, `_named` excepted. Addresses arrive as signed 64-bit
integers.
"""

from __future__ import annotations

from typing import Any

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.codegen.llvm import native as ir
from wasmwright.codegen.llvm import stub_values
from wasmwright.model import types
from wasmwright.model.canon import CANON
from wasmwright.runtime import atomics, backtraces, block, native, references, traps, turns

_NAMES = {"i": "i32", "l": "i64", "f": "f32", "d": "f64", "v": "v128"}


def _arity(function: Any, given: int, _b: int, _c: int, _d: int) -> TypeError:
    info = function._info
    wanted = len(info.func_type.params)
    plural = "" if wanted == 1 else "s"
    return TypeError(f"{info.name}() takes {wanted} argument{plural} ({given} given)")


def _named(function: Any, /, *args: Any, **named: Any) -> Any:
    timeout = named.pop("timeout", None)
    if named:
        raise TypeError(f"{function._info.name}() takes no keyword arguments but timeout")
    if timeout is None:
        return function(*args)
    from wasmwright.runtime.interrupts import Deadline

    with Deadline(timeout):
        return function(*args)


def _busy(_object: object, address: int, thread: int, _c: int, _d: int) -> None:
    turns.wait(address, thread)


def _thread(_object: object, thread_id: int, _b: int, _c: int, _d: int) -> bytes:
    return block.limits(thread_id)


def _trap(_function: object, activation: int, _b: int, _c: int, _d: int) -> BaseException:
    return traps.exception(activation)


def _unwind(error: BaseException, activation: int, _b: int, _c: int, _d: int) -> None:
    backtraces.attach(error, activation)


def _to_ref(value: Any, _kind: int, position: int, context: int, record: int) -> int:
    func_type = CANON.comps[native.read32(record + abi.FUNCREF_TYPE)]
    assert isinstance(func_type, types.FuncType)
    side = func_type.results if position & stub_values.RESULT else func_type.params
    owner = references.owners[context]
    return references.from_python(value, side[position & ~stub_values.RESULT], owner)


def _from_ref(_object: object, word: int, kind: int, context: int, _d: int) -> Any:
    valtype = types.FUNCREF if chr(kind) in "FG" else types.ANYREF
    return references.to_python(word, valtype, references.owners[context].block)


def _memory_grow(_object: object, context: int, index: int, delta: int, _d: int) -> int:
    return int(references.owners[context].grow_memory(index, delta))


def _atomic_wait(_object: object, address: int, size: int, expected: int, timeout: int) -> int:
    return atomics.wait(address, size, expected, timeout)


def _atomic_notify(_object: object, address: int, count: int, _c: int, _d: int) -> int:
    return atomics.notify(address, count)


def _table_grow(_object: object, context: int, index: int, delta: int, init: int) -> int:
    return int(references.owners[context].grow_table(index, delta, init))


def _value(value: Any, kind: int, position: int, _c: int, _d: int) -> Exception:
    letter = chr(kind)
    if letter == "n":
        return TypeError(f"the function returned {len(value)} values, its type has {position}")
    if letter == "v":
        return ValueError(f"value {position}: v128 is 16 bytes, not {len(value)}")
    return OverflowError(f"value {position}: {value} does not fit {_NAMES[letter]}")


def _call_site(_object: object, return_address: int, _b: int, _c: int, _d: int) -> None:
    native.get().unwinder.resolve(return_address)


def _exception_in(error: BaseException, context: int, _b: int, _c: int, _d: int) -> int:
    from wasmwright.runtime import exceptions

    return exceptions.thrown(error, references.owners[context])


def _exception_out(
    function: Any, activation: int, _b: int, _c: int, _d: int
) -> errors.WasmException:
    from wasmwright.runtime import exceptions

    return exceptions.uncaught(activation, function._info.owner)


def install(core: native.Native) -> None:
    """Hands the helpers to native code."""
    for number, helper in (
        (ir.HELPER_ARITY, _arity),
        (ir.HELPER_BUSY, _busy),
        (ir.HELPER_THREAD, _thread),
        (ir.HELPER_TRAP, _trap),
        (ir.HELPER_UNWIND, _unwind),
        (ir.HELPER_TO_REF, _to_ref),
        (ir.HELPER_FROM_REF, _from_ref),
        (ir.HELPER_MEMORY_GROW, _memory_grow),
        (ir.HELPER_ATOMIC_WAIT, _atomic_wait),
        (ir.HELPER_ATOMIC_NOTIFY, _atomic_notify),
        (ir.HELPER_TABLE_GROW, _table_grow),
        (ir.HELPER_VALUE, _value),
        (ir.HELPER_CALL_SITE, _call_site),
        (ir.HELPER_EXCEPTION_IN, _exception_in),
        (ir.HELPER_EXCEPTION_OUT, _exception_out),
        (ir.HELPER_NAMED, _named),
    ):
        core.set_helper(number, helper)
