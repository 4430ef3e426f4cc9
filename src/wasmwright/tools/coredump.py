"""Coredumps: the state of an instance after a trap, as a file for debuggers.

Reads an instance and the exception that left it; produces a binary in the format of
https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md: a module that is not to be
instantiated, with the frames in custom sections, the globals' values in the global section and the
memories' content in the data section. Machine code keeps no locals, so their values are missing.
"""

from __future__ import annotations

from typing import Any, Final

from librt.strings import BytesWriter

from wasmwright.api import Instance
from wasmwright.binary import encode, writer
from wasmwright.binary.writer import leb_u32
from wasmwright.errors import Frame
from wasmwright.model import types
from wasmwright.model.module import ACTIVE, Custom, Global, Module
from wasmwright.model.parts import Code, Data, Expr
from wasmwright.model.types import GlobalType, Limits, MemoryType
from wasmwright.runtime.backtraces import backtrace
from wasmwright.runtime.globals import to_cell

CORE_SECTION: Final = "core"
MODULES_SECTION: Final = "coremodules"
INSTANCES_SECTION: Final = "coreinstances"
STACK_SECTION: Final = "corestack"

_MISSING: Final = 0x01
_END: Final = 0x0B
_CONSTANTS: Final[dict[int, int]] = {
    types.I32: 0x41,
    types.I64: 0x42,
    types.F32: 0x43,
    types.F64: 0x44,
}
_V128_CONST: Final = (0xFD, 0x0C)
_REF_NULL: Final = 0xD0
_DATA_ACTIVE: Final = 0
_DATA_INDEX: Final = 2

# Content is left out in blocks of this size that are all zero; there are few enough of them for
# what engines allow of data segments.
_BLOCK: Final = 1 << 16


def coredump(error: BaseException, instance: Instance, executable: str = "") -> bytes:
    """The coredump of ``instance`` after ``error`` came out of it.

    ``executable`` is the name of the module, as a path. Frames of Python and of other instances'
    modules are left out. References in globals are written as null. Raises ValueError if the
    instance is closed.
    """
    core: Any = instance._core
    if core is None:
        raise ValueError("the instance is closed")
    dump = _Dump(core)
    dump.custom(CORE_SECTION, _named(executable))
    dump.custom(MODULES_SECTION, _vector([_named(executable)]))
    dump.custom(INSTANCES_SECTION, _vector([dump.instance()]))
    dump.custom(STACK_SECTION, _named("main") + _vector(dump.frames(error)))
    dump.add_globals()
    dump.add_memories()
    return dump.binary()


class _Dump:
    """A module that is being put together."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._module: Module = core.module
        self._bytes = bytearray()
        self._customs: list[Custom] = []
        self._globals: list[Global] = []
        self._memories: list[MemoryType] = []
        self._datas: list[Data] = []

    def binary(self) -> bytes:
        """All of it."""
        return encode.encode(
            Module(
                data=bytes(self._bytes),
                memories=tuple(self._memories),
                globals=tuple(self._globals),
                datas=tuple(self._datas),
                customs=tuple(self._customs),
            )
        )

    def custom(self, name: str, payload: bytes) -> None:
        """Appends a custom section."""
        self._customs.append(Custom(name, *self._put(payload), 0))

    def _put(self, content: bytes) -> tuple[int, int]:
        start = len(self._bytes)
        self._bytes += content
        return start, len(self._bytes)

    def instance(self) -> bytes:
        """The one instance: of the first module, with all memories and globals."""
        out = BytesWriter()
        leb_u32(out, 0)
        leb_u32(out, 0)
        for count in (len(self._module.all_memories), len(self._module.all_globals)):
            leb_u32(out, count)
            for index in range(count):
                leb_u32(out, index)
        return out.getvalue()

    def frames(self, error: BaseException) -> list[bytes]:
        """The frames of the instance's module, innermost first."""
        return [
            self._frame(entry)
            for entry in backtrace(error)
            if isinstance(entry, Frame) and entry.is_of(self._module)
        ]

    def _frame(self, frame: Frame) -> bytes:
        code: Code = self._module.codes[frame.func - self._module.imported_funcs]
        out = BytesWriter()
        leb_u32(out, 0)
        leb_u32(out, 0)
        leb_u32(out, frame.func)
        leb_u32(out, frame.func_offset or 0)
        count = len(self._module.func_type(frame.func).params)
        count += sum(each for each, _ in code.locals)
        leb_u32(out, count)
        out.write(bytes([_MISSING]) * count)
        leb_u32(out, 0)  # what is on the operand stack is not even known in number
        return out.getvalue()

    def add_globals(self) -> None:
        """The globals' values, as constants."""
        for index, declared in enumerate(self._module.all_globals):
            valtype = declared.valtype
            if types.is_ref(valtype):
                valtype = self._nullable(valtype)
                value = None
            else:
                value = self._core.global_(index).value
            init = Expr(*self._put(_constant(value, valtype)))
            self._globals.append(Global(GlobalType(valtype, False), init))

    def _nullable(self, valtype: int) -> int:
        """A type that does without the module's own types, and has a null."""
        if not types.is_concrete(valtype):
            return valtype | types.NULL
        comp = self._module.types[valtype & types.HEAP_MASK].comp
        return types.FUNCREF if isinstance(comp, types.FuncType) else types.ANYREF

    def add_memories(self) -> None:
        """The memories' sizes and content."""
        for index, memory in enumerate(self._core.memories):
            limits = self._module.all_memories[index].limits
            now = Limits(
                memory.pages,
                limits.max if limits.max is not None or not limits.shared else memory.pages,
                limits.address64,
                limits.shared,
                limits.page_size_log2,
            )
            self._memories.append(MemoryType(now))
            self._add_content(index, memory, types.I64 if limits.address64 else types.I32)

    def _add_content(self, index: int, memory: Any, address_type: int) -> None:
        start: int | None = None
        first = 0
        size = len(memory)
        for at in range(0, size + _BLOCK, _BLOCK):
            block = memory.read(at, min(_BLOCK, size - at)) if at < size else b""
            if block.strip(b"\0"):
                if start is None:
                    start, first = at, len(self._bytes)
                self._bytes += block
            elif start is not None:
                flags = _DATA_INDEX if index else _DATA_ACTIVE
                end = len(self._bytes)
                signed = start - (1 << 32) if address_type == types.I32 and start >> 31 else start
                offset = Expr(*self._put(_constant(signed, address_type)))
                self._datas.append(Data(flags, ACTIVE, index, offset, first, end))
                start = None


def _named(name: str) -> bytes:
    out = BytesWriter()
    out.append(0)
    writer.name(out, name)
    return out.getvalue()


def _vector(entries: list[bytes]) -> bytes:
    out = BytesWriter()
    leb_u32(out, len(entries))
    for entry in entries:
        out.write(entry)
    return out.getvalue()


def _constant(value: Any, valtype: int) -> bytes:
    """A constant expression."""
    out = BytesWriter()
    if types.is_ref(valtype):
        out.append(_REF_NULL)
        writer.heaptype(out, valtype & types.HEAP_MASK)
    elif valtype == types.V128:
        out.write(bytes(_V128_CONST) + value)
    else:
        out.append(_CONSTANTS[valtype])
        if valtype == types.I32:
            writer.leb_s32(out, value)
        elif valtype == types.I64:
            writer.leb_s64(out, value)
        else:
            out.write(to_cell(value, valtype)[: 4 if valtype == types.F32 else 8])
    out.append(_END)
    return out.getvalue()
