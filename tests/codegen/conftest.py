"""Runs what the lowering produces without the engine: a context made by hand, LLVM's own JIT."""

import ctypes
import mmap
import struct

import llvmlite.binding as llvm
import pytest

from wasmwright.binary.decode import decode
from wasmwright.codegen import abi
from wasmwright.codegen.llvm.lower import Options, lower_unit
from wasmwright.codegen.llvm.lower_unit import llvm_type
from wasmwright.errors import TRAP_KINDS
from wasmwright.model.types import F32, F64, I32, V128

_FORMATS = {I32: "<i", 0x7E: "<q", F32: "<I", F64: "<Q"}
_SLOT = 16
_MAX_MEMORY = 1 << 24

# A trap jumps back to the entry, which returns what it was given.
_GLUE = """
@jump = internal global [64 x i64] zeroinitializer, align 16
@kind = internal global i32 0
@place = internal global i32 0
declare i32 @_setjmp(ptr) returns_twice
declare void @longjmp(ptr, i32) noreturn
define void @test_trap(ptr %ctx, i32 %kind, i32 %offset) {
  store i32 %kind, ptr @kind
  store i32 %offset, ptr @place
  call void @longjmp(ptr @jump, i32 1)
  unreachable
}
define i32 @test_kind() {
  %k = load i32, ptr @kind
  ret i32 %k
}
define i32 @test_place() {
  %k = load i32, ptr @place
  ret i32 %k
}
"""


class NativeTrap(Exception):
    """A trap: its message, and the offset of the instruction."""

    def __init__(self, kind: str, offset: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.offset = offset


def _entry(module, index):
    """A C function around a wasm function: arguments and results in 16 bytes each."""
    functype = module.func_type(index)
    lines = [
        f"define i32 @enter{index}(ptr %ctx, ptr %args, ptr %results) {{",
        "%r = call i32 @_setjmp(ptr @jump) returns_twice",
        "%first = icmp eq i32 %r, 0",
        "br i1 %first, label %run, label %trapped",
        "trapped:\nret i32 1\nrun:",
    ]
    args = "ptr %ctx"
    for i, valtype in enumerate(functype.params):
        lines.append(f"%pa{i} = getelementptr i8, ptr %args, i64 {_SLOT * i}")
        lines.append(f"%p{i} = load {llvm_type(valtype)}, ptr %pa{i}")
        args += f", {llvm_type(valtype)} %p{i}"
    types = [llvm_type(valtype) for valtype in functype.results]
    ret = "void" if not types else types[0] if len(types) == 1 else "{ " + ", ".join(types) + " }"
    name = "%result = " if types else ""
    lines.append(f"{name}call tailcc {ret} @f{index}({args})")
    for i, kind in enumerate(types):
        value = "%result"
        if len(types) > 1:
            lines.append(f"%v{i} = extractvalue {ret} %result, {i}")
            value = f"%v{i}"
        lines.append(f"%ra{i} = getelementptr i8, ptr %results, i64 {_SLOT * i}")
        lines.append(f"store {kind} {value}, ptr %ra{i}")
    lines.append("ret i32 0\n}\n")
    return "\n".join(lines)


class Native:
    """A module compiled in one unit, and one instance of it that has neither imports nor tables.

    Floats go in and come out as their bits, vectors as ints of 128 bits.
    """

    def __init__(self, binary, options=None, level=2):
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.module = module = decode(binary)
        self.layout = layout = abi.Layout(module)
        first = module.imported_funcs
        funcs = range(first, first + len(module.funcs))
        self.ir = lower_unit(module, layout, funcs, options or Options())
        text = self.ir + _GLUE + "".join(_entry(module, index) for index in funcs)
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=level,
        )
        parsed = llvm.parse_assembly(text)
        parsed.data_layout = str(target.target_data)
        parsed.triple = target.triple
        parsed.verify()
        if level:
            tuning = llvm.create_pipeline_tuning_options(speed_level=level)
            builder = llvm.create_pass_builder(target, tuning)
            builder.getModulePassManager().run(parsed, builder)
        self.engine = llvm.create_mcjit_compiler(parsed, target)
        self.engine.finalize_object()
        self.exports = {export.name: export.index for export in module.exports}
        self._make_context()
        self._kind = ctypes.CFUNCTYPE(ctypes.c_int)(self.engine.get_function_address("test_kind"))
        self._place = ctypes.CFUNCTYPE(ctypes.c_int)(self.engine.get_function_address("test_place"))
        self._entries = {}
        self._slots = ctypes.create_string_buffer(_SLOT * 1024)

    def _make_context(self):
        module, layout = self.module, self.layout
        self._block = ctypes.create_string_buffer(layout.size + 64)
        self.ctx = (ctypes.addressof(self._block) + 15) & ~15
        self._runtime = ctypes.create_string_buffer(abi.RT_SIZE)
        self.poke(abi.CTX_RT, ctypes.addressof(self._runtime))
        trap = self.engine.get_function_address("test_trap")
        struct.pack_into("<Q", self._runtime, abi.RT_TRAP, trap)
        self.memories = []
        self._records = []
        for i, memtype in enumerate(module.memories):
            memory = mmap.mmap(-1, _MAX_MEMORY)
            base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            length = memtype.limits.min << memtype.limits.page_size_log2
            record = ctypes.create_string_buffer(struct.pack("<QQ", length, base))
            self.poke(layout.memory(i), base)
            self.poke(layout.memory(i) + 8, ctypes.addressof(record))
            self.memories.append(memory)
            self._records.append(record)
        for i in range(len(module.types)):
            self.poke(layout.type_id(i), i)

    def poke(self, offset, value):
        """Store a word into the context."""
        ctypes.c_uint64.from_address(self.ctx + offset).value = value & (1 << 64) - 1

    def call(self, name, *args):
        """Call an export; a list of its results."""
        index = self.exports[name]
        entry = self._entries.get(index)
        if entry is None:
            address = self.engine.get_function_address(f"enter{index}")
            signature = ctypes.CFUNCTYPE(
                ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
            )
            entry = (signature(address), self.module.func_type(index))
            self._entries[index] = entry
        function, functype = entry
        slots = self._slots
        for i, value in enumerate(args):
            slots[_SLOT * i : _SLOT * i + _SLOT] = (value & (1 << 128) - 1).to_bytes(16, "little")
        if function(self.ctx, ctypes.addressof(slots), ctypes.addressof(slots)):
            raise NativeTrap(TRAP_KINDS[self._kind()], self._place())
        results = []
        for i, valtype in enumerate(functype.results):
            if valtype == V128:
                raw = slots.raw[_SLOT * i : _SLOT * i + _SLOT]
                results.append(int.from_bytes(raw, "little"))
            else:
                results.append(struct.unpack_from(_FORMATS[valtype], slots, _SLOT * i)[0])
        return results


@pytest.fixture(scope="session")
def native():
    """The class that compiles and runs a binary."""
    return Native
