"""Python types with native slots, of which the two that classes are made of exist from the start.

Native code is compiled or loaded when something is first instantiated, and it may come with the
module. Until then the slots of the types here lead to words that `bind` fills.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from wasmwright.codegen import vm
from wasmwright.codegen.arch import HERE
from wasmwright.codegen.llvm import native as ir

_MEMBER_READONLY: Final = 1
_T_OBJECT_EX: Final = 16
_T_PYSSIZET: Final = 19
_TPFLAGS_DEFAULT: Final = 1 << 18
TPFLAGS_BASETYPE: Final = 1 << 10
TPFLAGS_HAVE_GC: Final = 1 << 14
_TPFLAGS_HAVE_VECTORCALL: Final = 1 << 11
TPFLAGS_DISALLOW_INSTANTIATION: Final = 1 << 7
_SLOT_GETBUFFER: Final = 1
_SLOT_CALL: Final = 50
SLOT_CLEAR: Final = 51
SLOT_DEALLOC: Final = 52
SLOT_TRAVERSE: Final = 71
_SLOT_MEMBERS: Final = 72


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("function", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_keep: Final[list[object]] = []


def make_type(
    name: bytes,
    size: int,
    flags: int,
    slots: list[tuple[int, int]],
    members: list[tuple[bytes, int, int]],
) -> Any:
    """A Python type with native slots; ``members`` are (name, kind, offset)."""
    table = (_Member * (len(members) + 1))()
    for i, (member, kind, offset) in enumerate(members):
        table[i] = _Member(member, kind, offset, _MEMBER_READONLY, None)
    entries = [*slots, (_SLOT_MEMBERS, ctypes.addressof(table)), (0, 0)]
    array = (_Slot * len(entries))(*(_Slot(*entry) for entry in entries))
    spec = _Spec(name, size, 0, _TPFLAGS_DEFAULT | flags, array)
    _keep.extend([table, array, spec])
    from_spec = ctypes.pythonapi.PyType_FromSpec
    from_spec.restype = ctypes.py_object
    from_spec.argtypes = [ctypes.c_void_p]
    return from_spec(ctypes.addressof(spec))


def _python(name: str) -> int:
    return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name))


# What the slots lead to. Nobody has an object of these types before there is native code, except
# for a memory that could not be set up, whose buffer is then refused with TypeError.
_SLOTS: Final = ("ww_func_dealloc", "ww_func_traverse", "ww_func_clear", "ww_get_buffer")
_EARLY_BUFFER: Final = "PyObject_AsFileDescriptor"  # -1 and TypeError for whatever has no fileno


class _Thunks:
    """A page of jumps, each through its word in the page behind it."""

    def __init__(self) -> None:
        code = vm.reserve(2 * vm.PAGE)
        self._words = code + vm.PAGE
        vm.protect(code, 2 * vm.PAGE, vm.READ | vm.WRITE)
        for number in range(len(_SLOTS)):
            at = HERE.POINTER_JUMP_SIZE * number
            vm.write(code + at, HERE.pointer_jump(vm.PAGE + 8 * number - at))
        size = HERE.POINTER_JUMP_SIZE
        self.addresses = {name: code + size * i for i, name in enumerate(_SLOTS)}
        vm.make_executable(code, vm.PAGE)
        self.bind({**dict.fromkeys(_SLOTS, 0), "ww_get_buffer": _python(_EARLY_BUFFER)})

    def bind(self, symbols: dict[str, int]) -> None:
        """Fills the words."""
        for number, name in enumerate(_SLOTS):
            vm.write(self._words + 8 * number, symbols[name].to_bytes(8, "little"))


_thunks: Final = _Thunks()


def bind(symbols: dict[str, int]) -> None:
    """Tells where the core's functions are."""
    _thunks.bind(symbols)


# Exported functions. `runtime.func` gives it its attributes.
func_type: Final[Any] = make_type(
    b"wasmwright.Func",
    ir.FUNC_SIZE,
    TPFLAGS_HAVE_GC | _TPFLAGS_HAVE_VECTORCALL | TPFLAGS_DISALLOW_INSTANTIATION,
    [
        (_SLOT_CALL, _python("PyVectorcall_Call")),
        (SLOT_DEALLOC, _thunks.addresses["ww_func_dealloc"]),
        (SLOT_TRAVERSE, _thunks.addresses["ww_func_traverse"]),
        (SLOT_CLEAR, _thunks.addresses["ww_func_clear"]),
    ],
    [
        (b"__vectorcalloffset__", _T_PYSSIZET, ir.FUNC_VECTORCALL),
        (b"__weaklistoffset__", _T_PYSSIZET, ir.FUNC_WEAKREFS),
        (b"_info", _T_OBJECT_EX, ir.FUNC_INFO),
    ],
)

# What has a memory's buffer.
buffer_type: Final[Any] = make_type(
    b"wasmwright.runtime.native.Buffer",
    ir.BUFFER_SIZE,
    TPFLAGS_BASETYPE,
    [(_SLOT_GETBUFFER, _thunks.addresses["ww_get_buffer"])],
    [],
)


def make_resource_type(dealloc: int) -> Any:
    """The type of what `runtime.resource` makes."""
    return make_type(
        b"wasmwright.runtime.native.Resource",
        ir.RESOURCE_SIZE,
        TPFLAGS_DISALLOW_INSTANTIATION,
        [(SLOT_DEALLOC, dealloc)],
        [],
    )
