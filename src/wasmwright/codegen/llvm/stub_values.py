"""Values at the Python boundary, as LLVM IR: kinds, conversions both ways, pins."""

from __future__ import annotations

from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen.heap_layout import is_traced
from wasmwright.codegen.llvm.native import (
    HELPER_FROM_REF,
    HELPER_TO_REF,
    HELPER_VALUE,
    STATE_ARRAY_TYPE,
    STATE_STRUCT_TYPE,
    load,
)
from wasmwright.model import types

# Kinds of values at the Python boundary, one letter each in a signature key: F is funcref, E
# externref, A anyref, and G and R are all other references, to functions and not, whose types
# Python checks.
_KINDS: Final[dict[int, str]] = {
    types.I32: "i",
    types.I64: "l",
    types.F32: "f",
    types.F64: "d",
    types.V128: "v",
}
LLVM: Final[dict[str, str]] = {
    "i": "i32",
    "l": "i64",
    "f": "float",
    "d": "double",
    "v": "<2 x i64>",
    "F": "ptr",
    "G": "ptr",
    "E": "ptr",
    "A": "ptr",
    "R": "ptr",
}
REFERENCES: Final = "FGEAR"
TRACED: Final = "EAR"  # the heap knows of what these refer to

# Marks a position, for HELPER_TO_REF, as one among a function's results.
RESULT: Final = 1 << 16

SCRATCH: Final = """
  %cell = alloca i64, align 16
  %size = alloca i64
  %vector = alloca <2 x i64>, align 16
"""


def signature_key(func_type: types.FuncType, kinds: list[int]) -> str:
    """Names the stubs of a function type: one letter a value, ``_`` between the sides.

    ``kinds`` has the abstract type above each concrete one.
    """
    sides = (func_type.params, func_type.results)
    return "_".join("".join([_kind(each, kinds) for each in side]) for side in sides)


def _kind(valtype: int, kinds: list[int]) -> str:
    if not valtype & types.REF:
        return _KINDS[valtype]
    if valtype == types.FUNCREF:
        return "F"
    if valtype == types.EXTERNREF:
        return "E"
    if valtype == types.ANYREF:
        return "A"
    return "R" if is_traced(valtype, kinds) else "G"


def valtypes(kinds: str) -> tuple[int, ...]:
    """Value types that the ABI treats as it does these kinds."""
    codes = {letter: code for code, letter in _KINDS.items()}
    return tuple(codes.get(kind, types.REF) for kind in kinds)


def return_type(results: str) -> tuple[str, str]:
    """The LLVM type that a function returns, and the IR that makes ``%result0`` ... of its
    ``%result`` and of what it left in the argument area of ``%rt``.
    """
    places = abi.area_offsets(valtypes(results), abi.RESULT_INTS, abi.RESULT_FLOATS)
    registers = [i for i, place in enumerate(places) if place < 0]
    parts = []
    kinds = [LLVM[results[i]] for i in registers]
    whole = kinds[0] if len(kinds) == 1 else "{ " + ", ".join(kinds) + " }" if kinds else "void"
    for i, place in enumerate(places):
        if place >= 0:
            parts.append(load(f"%result{i}", LLVM[results[i]], "%rt", place))
        elif len(registers) == 1:
            parts.append(f"  %result{i} = select i1 true, {whole} %result, {whole} %result\n")
        else:
            parts.append(f"  %result{i} = extractvalue {whole} %result, {registers.index(i)}\n")
    return whole, "".join(parts)


def to_native(kind: str, tag: str, obj: str, position: int | str, bad: str, owner: str) -> str:
    """IR that converts the Python object ``obj`` to ``%tag``, or goes to the label ``bad`` with
    an error set. Falls through in a new block. ``owner`` is the context that the value enters.
    """
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
    return _reference(kind, tag, obj, position, bad, owner)


def _reference(kind: str, tag: str, obj: str, position: int | str, bad: str, owner: str) -> str:
    """`to_native` for references. A Python object's address may not be kept before it is pinned
    (`pin`). The helper is asked whenever more than identity is at stake.
    """
    quick = f"  br label %{tag}.ask\n"
    arms = f"[ %{tag}.address, %{tag}.unbox ]"
    if kind in "FEA":
        quick = f"""
  %{tag}.none = icmp eq ptr {obj}, @_Py_NoneStruct
  br i1 %{tag}.none, label %{tag}.join, label %{tag}.some
{tag}.some:
{_quick(kind, tag, obj)}
"""
        arms += f", [ null, %{tag}.first ]"
        if kind in "EA":
            arms += f", [ {obj}, %{tag}.look ]"
    return f"""
  br label %{tag}.first
{tag}.first:
{quick}
{tag}.ask:
  %{tag}.owner = ptrtoint ptr {owner} to i64
  %{tag}.number = call ptr @ww_helper(i64 {HELPER_TO_REF}, ptr {obj}, i64 {ord(kind)}, i64 {position}, i64 %{tag}.owner, i64 %record.int)
  %{tag}.failed = icmp eq ptr %{tag}.number, null
  br i1 %{tag}.failed, label %{bad}, label %{tag}.unbox
{tag}.unbox:
  %{tag}.address = call ptr @PyLong_AsVoidPtr(ptr %{tag}.number)
  call void @Py_DecRef(ptr %{tag}.number)
  br label %{tag}.join
{tag}.join:
  %{tag} = phi ptr {arms}
"""


def _quick(kind: str, tag: str, obj: str) -> str:
    """Goes to ``ask``, or to ``join`` from ``look`` with an object that stands for itself: one of
    a type that is neither a proxy's nor (for an anyref) ``int``.
    """
    if kind == "F":
        return f"  br label %{tag}.ask\n"
    text = load(f"%{tag}.type", "ptr", obj, 8)
    text += f"  br label %{tag}.look\n{tag}.look:\n"
    for name, place in (("struct", STATE_STRUCT_TYPE), ("array", STATE_ARRAY_TYPE)):
        text += load(f"%{tag}.{name}", "ptr", "@ww_state", place)
        text += f"  %{tag}.is_{name} = icmp eq ptr %{tag}.type, %{tag}.{name}\n"
    text += f"  %{tag}.proxy = or i1 %{tag}.is_struct, %{tag}.is_array\n"
    special = f"%{tag}.proxy"
    if kind == "A":
        text += f"  %{tag}.is_int = icmp eq ptr %{tag}.type, @PyLong_Type\n"
        text += f"  %{tag}.special = or i1 {special}, %{tag}.is_int\n"
        special = f"%{tag}.special"
    return text + f"  br i1 {special}, label %{tag}.ask, label %{tag}.join\n"


def pin(tag: str, bad: str) -> str:
    """Keeps the Python object that ``%tag`` may refer to alive for wasm, in the block ``%rt``,
    which this thread is in; without memory for that, goes to ``bad`` with an error set.
    """
    return f"""
  %{tag}.word = ptrtoint ptr %{tag} to i64
  %{tag}.pinned = call i32 @ww_gc_pin_word(ptr %rt, i64 %{tag}.word)
  %{tag}.unpinned = icmp ne i32 %{tag}.pinned, 0
  br i1 %{tag}.unpinned, label %{bad}, label %{tag}.kept
{tag}.kept:
"""


def to_python(kind: str, tag: str, value: str) -> str:
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
    ask = f"""
  %{tag}.owner = ptrtoint ptr %ctx to i64
  %{tag}.made = call ptr @ww_helper(i64 {HELPER_FROM_REF}, ptr null, i64 %{tag}.int, i64 {ord(kind)}, i64 %{tag}.owner, i64 0)
"""
    if kind not in TRACED:
        made = f"  %{tag} = select i1 true, ptr %{tag}.made, ptr null\n"
        return f"  %{tag}.int = ptrtoint ptr {value} to i64\n{ask}{made}"
    # An object that stands for itself needs no help.
    return f"""
  %{tag}.int = ptrtoint ptr {value} to i64
{load(f"%{tag}.arena", "i64", "%rt", abi.RT_ARENA)}
{load(f"%{tag}.arena_size", "i64", "%rt", abi.RT_ARENA_SIZE)}
  %{tag}.offset = sub i64 %{tag}.int, %{tag}.arena
  %{tag}.inside = icmp ult i64 %{tag}.offset, %{tag}.arena_size
  %{tag}.low = and i64 %{tag}.int, 1
  %{tag}.odd = icmp ne i64 %{tag}.low, 0
  %{tag}.null = icmp eq ptr {value}, null
  %{tag}.other = or i1 %{tag}.inside, %{tag}.odd
  br i1 %{tag}.other, label %{tag}.ask, label %{tag}.object
{tag}.ask:
{ask}
  br label %{tag}.join
{tag}.object:
  %{tag}.itself = select i1 %{tag}.null, ptr @_Py_NoneStruct, ptr {value}
  call void @Py_IncRef(ptr %{tag}.itself)
  br label %{tag}.join
{tag}.join:
  %{tag} = phi ptr [ %{tag}.made, %{tag}.ask ], [ %{tag}.itself, %{tag}.object ]
"""
