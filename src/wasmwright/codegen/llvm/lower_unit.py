"""What the functions of one unit share while they are lowered: the module seen as LLVM types.

Also the unit's frame in LLVM IR: metadata, attributes and the helper that raises traps.
"""

from __future__ import annotations

import platform
from typing import Final

from wasmwright.codegen.abi import (
    CTX_RT,
    PARAM_FLOATS,
    PARAM_INTS,
    RESULT_FLOATS,
    RESULT_INTS,
    RT_GC_ALLOC,
    RT_THROW,
    RT_TRAP,
    Layout,
    area_offsets,
)
from wasmwright.codegen.heap_layout import StructLayout
from wasmwright.errors import WasmError
from wasmwright.model.module import Module
from wasmwright.model.types import (
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    REF,
    V128,
    FieldType,
    FuncType,
    Limits,
    StructType,
)

# Tags at the end of loads and stores. What an instance's code never sees change may be loaded
# once; linear memory, tables, globals and the runtime's own words do not overlap each other.
FIXED: Final = ", !invariant.load !0"
FIXED_POINTER: Final = ", !invariant.load !0, !nonnull !0, !dereferenceable !2"
TAG_MEMORY: Final = ", !tbaa !12"
TAG_GLOBAL: Final = ", !tbaa !14"
TAG_TABLE: Final = ", !tbaa !16"
TAG_RUNTIME: Final = ", !tbaa !18"
TAG_HEADER: Final = ", !tbaa !20"  # of a heap object: what the collector finds it by
UNLIKELY: Final = ", !prof !1"
LIKELY: Final = ", !prof !3"

_METADATA: Final = """\
!0 = !{}
!1 = !{!"branch_weights", i32 1, i32 1048575}
!2 = !{i64 16}
!3 = !{!"branch_weights", i32 1048575, i32 1}
!10 = !{!"wasm"}
!11 = !{!"memory", !10, i64 0}
!12 = !{!11, !11, i64 0}
!13 = !{!"globals", !10, i64 0}
!14 = !{!13, !13, i64 0}
!15 = !{!"tables", !10, i64 0}
!16 = !{!15, !15, i64 0}
!17 = !{!"runtime", !10, i64 0}
!18 = !{!17, !17, i64 0}
!19 = !{!"header", !17, i64 0}
!20 = !{!19, !19, i64 0}
!21 = !{!"heap", !10, i64 0}
"""

# Heap objects' fields and elements of different types, and those that are written once and
# those that may change, do not overlap. By storage type: the number of the mutable ones' tag.
_HEAP_TAGS: Final[dict[int, int]] = {}
_FIRST_HEAP_TAG: Final = 30
_TAGGED: Final = ((I8, "i8"), (I16, "i16"), (I32, "i32"), (I64, "i64"), (F32, "f32"))
_TAGGED_TOO: Final = ((F64, "f64"), (V128, "v128"), (REF, "ref"))


def _heap_metadata() -> str:
    lines: list[str] = []
    number = _FIRST_HEAP_TAG
    for storage, name in _TAGGED + _TAGGED_TOO:
        _HEAP_TAGS[storage] = number + 1
        for kind in ("", "constant "):
            lines.append(f'!{number} = !{{!"{kind}{name}", !21, i64 0}}\n')
            lines.append(f"!{number + 1} = !{{!{number}, !{number}, i64 0}}\n")
            number += 2
    return "".join(lines)


# What says where machine code comes from, as if it were compiled from a source: each function is
# one, and a "line" is the offset of an instruction in the binary.
FIRST_SCOPE: Final = 110  # what a function's number is added to
_DEBUG_METADATA: Final = """\
!llvm.module.flags = !{!100, !101}
!llvm.dbg.cu = !{!102}
!100 = !{i32 2, !"Debug Info Version", i32 3}
!101 = !{i32 7, !"Dwarf Version", i32 5}
!102 = distinct !DICompileUnit(language: DW_LANG_C, file: !103, emissionKind: LineTablesOnly, \
splitDebugInlining: false, nameTableKind: None)
!103 = !DIFile(filename: "wasm", directory: "")
!104 = !DISubroutineType(types: !0)
"""

_HEAP_METADATA: Final = _heap_metadata()


def heap_tag(field: FieldType) -> str:
    """The tag of loads and stores of a field or element."""
    storage = REF if field.storage & REF else field.storage
    return f", !tbaa !{_HEAP_TAGS[storage] + (0 if field.mutable else 2)}"


# `#0` is every wasm function's, `#1` that of calls which do not come back. There is no
# `mustprogress`: a wasm loop without effects is not to be removed. A stack probe would only
# move the guard page that the prologue's check stays away from. Exceptions may pass through
# any function (a callee can be another module's), hence the tables, which cost nothing when it
# runs. In a unit that throws or catches, frames have a size that the unwinder can know.
_ATTRIBUTES: Final = """\
attributes #0 = { nounwind uwtable(sync) "frame-pointer"="all" }
attributes #1 = { nounwind noreturn cold noinline "frame-pointer"="all" }
attributes #2 = { nounwind noreturn cold nomerge }
"""

_UNWINDING_ATTRIBUTES: Final = _ATTRIBUTES.replace("nounwind", '"no-realign-stack"', 1)

# What a function with landing pads says at its head, and in each pad; see `native_throw`.
PERSONALITY: Final = "personality ptr @__gxx_personality_v0 "
STACK_MAP: Final = "call void (i64, i32, ...) @llvm.experimental.stackmap(i64 0, i32 0) nounwind"

_THROW_HELPER: Final = f"""\
declare void @__gxx_personality_v0()
declare void @llvm.experimental.stackmap(i64, i32, ...)
define internal void @throw(ptr %ctx, ptr %exception) #3 {{
  %at = getelementptr i8, ptr %ctx, i64 {CTX_RT}
  %rt = load ptr, ptr %at{FIXED}
  %slot = getelementptr i8, ptr %rt, i64 {RT_THROW}
  %f = load ptr, ptr %slot{FIXED}
  musttail call void %f(ptr %ctx, ptr %exception)
  ret void
}}
attributes #3 = {{ noreturn cold noinline uwtable(sync) "frame-pointer"="all" }}
"""

_TRAP_HELPER: Final = f"""\
define internal void @trap(ptr %ctx, i32 %kind) #1 {{
  %at = getelementptr i8, ptr %ctx, i64 {CTX_RT}
  %rt = load ptr, ptr %at{FIXED}
  %slot = getelementptr i8, ptr %rt, i64 {RT_TRAP}
  %f = load ptr, ptr %slot{FIXED}
  musttail call void %f(ptr %ctx, i32 %kind)
  ret void
}}
"""

# Allocation where there is no room at hand. Hardly any registers need saving for it.
_ALLOCATE_HELPER: Final = f"""\
define internal preserve_mostcc ptr @allocate(ptr %rt, ptr %type, i64 %size, i64 %length) #4 {{
  %slot = getelementptr i8, ptr %rt, i64 {RT_GC_ALLOC}
  %f = load ptr, ptr %slot{FIXED}
  %found = notail call ptr %f(ptr %rt, ptr %type, i64 %size, i64 %length)
  ret ptr %found
}}
attributes #4 = {{ nounwind cold noinline uwtable(sync) "frame-pointer"="all" }}
"""

_LLVM_TYPES: Final[dict[int, str]] = {
    I32: "i32",
    I64: "i64",
    F32: "float",
    F64: "double",
    V128: "<2 x i64>",
}
_ZEROS: Final[dict[int, str]] = {
    I32: "0",
    I64: "0",
    F32: "0x0000000000000000",
    F64: "0x0000000000000000",
    V128: "zeroinitializer",
}

# All that depends on the architecture. What ties an empty inline assembly's result and operand
# to one register for floats and vectors:
_FLOAT_REGISTER: Final[dict[str, str]] = {"x86_64": "=x,0", "aarch64": "=w,0", "riscv64": "=f,0"}
# Lanes by index, 0 for an index from 16 (x86: from 128; lower ones count modulo 16). Empty where
# vectors are not lowered.
_SWIZZLE: Final[dict[str, str]] = {
    "x86_64": "@llvm.x86.ssse3.pshuf.b.128",
    "aarch64": "@llvm.aarch64.neon.tbl1.v16i8",
    "riscv64": "",
}
# With what LLVM says at each instruction whether there is a frame. On AArch64, tables that are only
# meant for calls leave out where a function gives its frame back.
_SYNC: Final = "uwtable(sync)"
_UWTABLE: Final[dict[str, str]] = {"x86_64": _SYNC, "aarch64": "uwtable", "riscv64": _SYNC}


def llvm_type(valtype: int) -> str:
    """The LLVM type of a value type."""
    return "ptr" if valtype & REF else _LLVM_TYPES[valtype]


def zero(valtype: int) -> str:
    """The default value of a value type, as an operand."""
    return "null" if valtype & REF else _ZEROS[valtype]


class Unsupported(WasmError):
    """The backend has no lowering for an instruction (or a use of it); the text names it."""


class Options:
    """How to lower.

    ``guard``: 32-bit memories have address space reserved behind them, so that the hardware
    checks bounds. ``precise_loads``: accesses that may trap happen exactly as written (off
    only to measure what that costs). ``double_loops``: write loops twice, where one copy can
    do without checks. ``fuel``: instructions consume fuel, and code traps at a loop's head or a
    function's where none is left. ``deterministic``: the results that the spec leaves open are
    those of its deterministic profile. ``arch``: the target, as ``platform.machine()`` has it.
    """

    def __init__(
        self,
        guard: bool = True,
        precise_loads: bool = True,
        double_loops: bool = True,
        fuel: bool = False,
        deterministic: bool = False,
        arch: str | None = None,
    ) -> None:
        self.guard: bool = guard
        self.precise_loads: bool = precise_loads
        self.double_loops: bool = double_loops and not fuel
        self.fuel: bool = fuel
        self.deterministic: bool = deterministic
        self.arch: str = platform.machine() if arch is None else arch


class Signature:
    """A function type in LLVM's terms; ``ret`` is the return type."""

    def __init__(self, functype: FuncType) -> None:
        self.params: list[int] = list(functype.params)
        self.results: list[int] = list(functype.results)
        self.param_types: list[str] = [llvm_type(valtype) for valtype in functype.params]
        self.result_types: list[str] = [llvm_type(valtype) for valtype in functype.results]
        # Offsets in the runtime block of what is not passed in registers, else -1.
        self.param_places: list[int] = area_offsets(functype.params, PARAM_INTS, PARAM_FLOATS)
        self.result_places: list[int] = area_offsets(functype.results, RESULT_INTS, RESULT_FLOATS)
        self.returned: list[int] = [i for i, place in enumerate(self.result_places) if place < 0]
        in_registers = [self.result_types[i] for i in self.returned]
        if not in_registers:
            self.ret: str = "void"
        elif len(in_registers) == 1:
            self.ret = in_registers[0]
        else:
            self.ret = "{ " + ", ".join(in_registers) + " }"


class Memory:
    """What lowering needs of a memory.

    ``mode`` is "volatile " where an access that may trap must happen as written: it does its
    own check, or other threads see the memory.
    """

    def __init__(self, limits: Limits, guard: bool, precise: bool) -> None:
        self.address64: bool = limits.address64
        self.shared: bool = limits.shared
        self.page_log2: int = limits.page_size_log2
        self.min_bytes: int = limits.min << limits.page_size_log2
        self.guarded: bool = guard and not limits.address64 and limits.page_size_log2 == 16
        self.mode: str = "volatile " if limits.shared or (self.guarded and precise) else ""


class Unit:
    """A module, its layout, the options, and which functions are defined together."""

    def __init__(
        self, module: Module, layout: Layout, options: Options, members: list[int]
    ) -> None:
        self.module: Module = module
        self.layout: Layout = layout
        self.options: Options = options
        self.precise: bool = options.precise_loads
        self.members: set[int] = set(members)
        self.float_register: str = _FLOAT_REGISTER[options.arch]
        self.imported_funcs: int = module.imported_funcs
        self.memories: list[Memory] = []
        for memtype in module.all_memories:
            self.memories.append(Memory(memtype.limits, options.guard, self.precise))
        # Where a plain access may fault, all that can be seen after the trap must be ordered
        # with it: globals and tables too.
        faults = self.precise and True in [memory.guarded for memory in self.memories]
        self.ordered: str = "volatile " if faults else ""
        self.volatile_bit: str = "true" if faults else "false"
        self.swizzle: str = _SWIZZLE[options.arch]
        self.swizzle_wraps: bool = options.arch == "x86_64"
        # Whether anything here computes with vectors of floats, and what must be hidden from
        # that (see `Emitter.hide_vector`): where it stands, hidden and plain.
        self.float_vectors: bool = False
        self.deferred: list[tuple[list[str], int, str, str]] = []
        # Whether LLVM's whole pipeline may gain something here (see `tuning.PLAIN_PASSES`): loops
        # to vectorise, checks to leave out, objects, vectors.
        self.gains: bool = options.fuel
        # Whether anything here throws or catches, and whether anything makes objects.
        self.unwinds: bool = False
        self.allocates: bool = False
        self._struct_layouts: dict[int, StructLayout] = {}
        self._signatures: dict[int, Signature] = {}
        self.entered: int = -1

    def signature(self, type_index: int) -> Signature:
        """The function type with this index."""
        signature = self._signatures.get(type_index)
        if signature is None:
            comp = self.module.types[type_index].comp
            assert isinstance(comp, FuncType)
            signature = Signature(comp)
            self._signatures[type_index] = signature
        return signature

    def struct_layout(self, type_index: int) -> StructLayout:
        """Where the fields of the structure type with this index are."""
        layout = self._struct_layouts.get(type_index)
        if layout is None:
            comp = self.module.types[type_index].comp
            assert isinstance(comp, StructType)
            layout = StructLayout(comp)
            self._struct_layouts[type_index] = layout
        return layout

    def type_depth(self, type_index: int) -> int:
        """How many supertypes are above the type with this index."""
        depth = 0
        supers = self.module.types[type_index].supers
        while supers:
            depth += 1
            supers = self.module.types[supers[0]].supers
        return depth

    def entered_scope(self, func: int) -> int:
        """The scope of a function's code that is entered at a loop."""
        self.entered = func
        return FIRST_SCOPE + len(self.module.all_funcs)

    def resolve(self) -> None:
        """Write what was deferred until it was known what the unit computes with."""
        for lines, index, hidden, plain in self.deferred:
            lines[index] = hidden if self.float_vectors else plain
        self.deferred = []

    def epilogue(self) -> str:
        """What follows the functions in the unit's text."""
        parts = [_TRAP_HELPER]
        if self.allocates:
            parts.append(_ALLOCATE_HELPER)
        if self.unwinds:
            parts.append(_THROW_HELPER)
        parts.append(_UNWINDING_ATTRIBUTES if self.unwinds else _ATTRIBUTES)
        parts = ["".join(parts).replace(_SYNC, _UWTABLE[self.options.arch])]
        parts += [_METADATA, _HEAP_METADATA, _DEBUG_METADATA]
        scopes = [(FIRST_SCOPE + func, func) for func in self.members]
        if self.entered >= 0:
            scopes.append((FIRST_SCOPE + len(self.module.all_funcs), self.entered))
        for scope, func in scopes:
            parts.append(
                f'!{scope} = distinct !DISubprogram(name: "{func}", scope: !103, '
                "file: !103, type: !104, spFlags: DISPFlagDefinition, unit: !102)\n"
            )
        return "".join(parts)
