"""Runs what the lowering produces without the engine: a context made by hand, LLVM's own JIT."""

import ctypes
import mmap
import struct

import llvmlite.binding as llvm
import pytest

import wasmwright as ww
from wasmwright.binary.decode import decode
from wasmwright.codegen import abi
from wasmwright.codegen.llvm.lower import Options, lower_unit
from wasmwright.codegen.llvm.lower_unit import Signature
from wasmwright.errors import TRAP_KINDS
from wasmwright.model.types import F32, F64, I32, I64, V128

_FORMATS = {I32: "<i", I64: "<q", F32: "<I", F64: "<Q"}
_SLOT = 16
_MAX_MEMORY = 1 << 24

# A trap jumps back to the entry, which returns what it was given.
_GLUE = """
@jump = internal global [64 x i64] zeroinitializer, align 16
@kind = internal global i32 0
declare i32 @_setjmp(ptr) returns_twice
declare void @longjmp(ptr, i32) noreturn
define void @test_trap(ptr %ctx, i32 %kind) {
  store i32 %kind, ptr @kind
  call void @longjmp(ptr @jump, i32 1)
  unreachable
}
define i32 @test_kind() {
  %k = load i32, ptr @kind
  ret i32 %k
}
"""


class NativeTrap(Exception):
    """A trap: its message, and the offset of the instruction if that is known."""

    def __init__(self, kind: str, offset: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.offset = offset


def _entry(module, index):
    """A function around a wasm function: arguments and results in 16 bytes each."""
    signature = Signature(module.func_type(index))
    lines = [
        f"define i32 @enter{index}(ptr %ctx, ptr %args, ptr %results) {{",
        "%r = call i32 @_setjmp(ptr @jump) returns_twice",
        "%first = icmp eq i32 %r, 0",
        "br i1 %first, label %run, label %trapped",
        "trapped:\nret i32 1\nrun:",
        f"%rta = getelementptr i8, ptr %ctx, i64 {abi.CTX_RT}",
        "%rt = load ptr, ptr %rta",
    ]
    args = "ptr %ctx"
    for i, (llvm_type, place) in enumerate(
        zip(signature.param_types, signature.param_places, strict=True)
    ):
        lines.append(f"%pa{i} = getelementptr i8, ptr %args, i64 {_SLOT * i}")
        lines.append(f"%p{i} = load {llvm_type}, ptr %pa{i}")
        if place < 0:
            args += f", {llvm_type} %p{i}"
        else:
            lines.append(f"%px{i} = getelementptr i8, ptr %rt, i64 {place}")
            lines.append(f"store {llvm_type} %p{i}, ptr %px{i}")
    name = "%result = " if signature.returned else ""
    lines.append(f"{name}call {signature.ret} @f{index}({args}) noinline")
    taken = 0
    for i, (llvm_type, place) in enumerate(
        zip(signature.result_types, signature.result_places, strict=True)
    ):
        value = "%result"
        if place >= 0:
            lines.append(f"%vx{i} = getelementptr i8, ptr %rt, i64 {place}")
            lines.append(f"%v{i} = load {llvm_type}, ptr %vx{i}")
            value = f"%v{i}"
        elif len(signature.returned) > 1:
            lines.append(f"%v{i} = extractvalue {signature.ret} %result, {taken}")
            value = f"%v{i}"
            taken += 1
        lines.append(f"%ra{i} = getelementptr i8, ptr %results, i64 {_SLOT * i}")
        lines.append(f"store {llvm_type} {value}, ptr %ra{i}")
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

    def set_data(self, index, content):
        """Fill a data segment."""
        buffer = ctypes.create_string_buffer(content, len(content))
        self._records.append(buffer)
        self.poke(self.layout.data(index), ctypes.addressof(buffer))
        self.poke(self.layout.data(index) + 8, len(content))

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
            raise NativeTrap(TRAP_KINDS[self._kind()])
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


class Whole:
    """The same through the package; a module without imports. Its traps have offsets."""

    def __init__(self, binary, guard=True):
        self.exports = ww.Instance(ww.Module(binary, guard=guard)).exports

    def call(self, name, *args):
        try:
            results = self.exports[name](*args)
        except ww.Trap as trap:
            raise NativeTrap(trap.kind, trap.frames[0].offset) from None
        return list(results) if isinstance(results, tuple) else [] if results is None else [results]


@pytest.fixture(scope="session")
def whole():
    """The class that runs a binary as users do."""
    return Whole


class Oracle:
    """The same in wasmtime, with the same way to be called; a module without imports."""

    def __init__(self, binary):
        wasmtime = pytest.importorskip("wasmtime")
        self._trap = wasmtime.Trap
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, binary)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name, *args):
        try:
            results = self.exports[name](self.store, *args)
        except self._trap as trap:
            raise NativeTrap(_TRAPS[trap.trap_code.name], trap.frames[0].module_offset) from None
        return results if isinstance(results, list) else [] if results is None else [results]


_TRAPS = {
    "INTEGER_DIVISION_BY_ZERO": "integer divide by zero",
    "INTEGER_OVERFLOW": "integer overflow",
    "BAD_CONVERSION_TO_INTEGER": "invalid conversion to integer",
    "UNREACHABLE": "unreachable",
    "MEMORY_OUT_OF_BOUNDS": "out of bounds memory access",
    "TABLE_OUT_OF_BOUNDS": "out of bounds table access",
    "INDIRECT_CALL_TO_NULL": "uninitialized element",
    "BAD_SIGNATURE": "indirect call type mismatch",
}


class Batch:
    """Expressions applied to rows of operands in memory, by us and by wasmtime.

    An expression is WAT in which ``{0}`` stands for the first operand, and so on. Each runs in
    a loop over all the rows, so that one call does it.
    """

    SIZES = {I32: 4, I64: 8, F32: 4, F64: 8, V128: 16}
    NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64", V128: "v128"}

    def __init__(self):
        self.functions = []

    def add(self, expression, params, result, locals_=""):
        """An export that applies the expression; its name."""
        name = f"e{len(self.functions)}"
        width = sum(self.SIZES[t] for t in params)
        operands, offset = [], 0
        for valtype in params:
            operands.append(f"({self.NAMES[valtype]}.load offset={offset} (local.get $from))")
            offset += self.SIZES[valtype]
        kind, size = self.NAMES[result], self.SIZES[result]
        self.functions.append(f"""
            (func (export "{name}") (param $from i32) (param $to i32) (param $count i32) {locals_}
              (loop $next
                ({kind}.store (local.get $to) {expression.format(*operands)})
                (local.set $from (i32.add (local.get $from) (i32.const {width})))
                (local.set $to (i32.add (local.get $to) (i32.const {size})))
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br_if $next (local.get $count))))""")
        return name

    def build(self, *options):
        """Compile for wasmtime and, once for each of the options, for us."""
        wasmtime = pytest.importorskip("wasmtime")
        text = f'(module (memory (export "memory") 64) {"".join(self.functions)})'
        binary = bytes(wasmtime.wat2wasm(text))
        self.oracle = Oracle(binary)
        self.memory = self.oracle.exports["memory"]
        self.machines = [Native(binary, option, level) for option, level in options]

    def run(self, name, params, result, rows):
        """The results for rows of operands: wasmtime's, then ours for each of the options."""
        formats = {I32: "I", I64: "Q", F32: "I", F64: "Q"}
        data = bytearray()
        for row in rows:
            for valtype, value in zip(params, row, strict=True):
                if valtype == V128:
                    data += (value & (1 << 128) - 1).to_bytes(16, "little")
                else:
                    size = self.SIZES[valtype]
                    data += struct.pack("<" + formats[valtype], value & (1 << 8 * size) - 1)
        to, size = (len(data) + 15) & ~15, self.SIZES[result]
        self.memory.write(self.oracle.store, data, 0)
        self.oracle.call(name, 0, to, len(rows))
        outputs = [bytes(self.memory.read(self.oracle.store, to, to + size * len(rows)))]
        for machine in self.machines:
            machine.memories[0][: len(data)] = bytes(data)
            machine.call(name, 0, to, len(rows))
            outputs.append(machine.memories[0][to : to + size * len(rows)])
        return [
            [
                int.from_bytes(output[i : i + size], "little")
                for i in range(0, size * len(rows), size)
            ]
            for output in outputs
        ]


@pytest.fixture
def batch():
    """An empty batch."""
    return Batch()


@pytest.fixture(scope="session")
def oracle():
    """The class that runs a binary in wasmtime."""
    return Oracle
