"""The stencils of this machine's architecture, as the compiler looks them up.

Reads the file of stencils once a process; produces tables indexed by an instruction's slot.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i16_le, read_i32_le
from librt.vecs import vec
from mypy_extensions import i64

from wasmwright.codegen.baseline import aarch64, x86_64
from wasmwright.codegen.baseline.around import Around
from wasmwright.codegen.baseline.stencils import NONE, RECORD_SIZE, StencilFile
from wasmwright.isa import BY_SLOT, INSTRUCTIONS, SLOTS
from wasmwright.model.types import F32, F64, I32, I64, V128

# Types of operands, for which there are stencils. References are integers of 64 bits.
TYPE_I32: Final = 0
TYPE_I64: Final = 1
TYPE_F32: Final = 2
TYPE_F64: Final = 3
TYPE_V128: Final = 4
TYPE_NAMES: Final = ("i32", "i64", "f32", "f64", "v128")

_CODES: Final[dict[int, int]] = {
    I32: TYPE_I32,
    I64: TYPE_I64,
    F32: TYPE_F32,
    F64: TYPE_F64,
    V128: TYPE_V128,
}

# How a memory is accessed: with guard pages, memory 0 or any; with checks, the same; 64 bits.
FORMS: Final = ("", ".m", ".c", ".cm", ".q")
FORM_GUARDED: Final = 0
FORM_GUARDED_ANY: Final = 1
FORM_CHECKED: Final = 2
FORM_CHECKED_ANY: Final = 3
FORM_ANY64: Final = 4


def type_code(valtype: int) -> int:
    """The type of an operand, by its value type."""
    return _CODES.get(valtype, TYPE_I64)


def no_stencils(opcode: i64) -> AssertionError:
    """The error for an instruction that the file lacks."""
    row = BY_SLOT[opcode]
    return AssertionError(f"no stencils for {hex(opcode) if row is None else row.name}")


class Family:
    """The stencils of one operation: where they begin in the index, and how they are numbered."""

    __slots__ = ("first", "floats", "ints", "stored")

    def __init__(self, first: i64, ints: i64, floats: i64, stored: bool) -> None:
        self.first: i64 = first
        self.ints: i64 = ints
        self.floats: i64 = floats
        self.stored: bool = stored


class Library:
    """Stencils by number, and families by slot or name."""

    def __init__(self, file: StencilFile, around: Around) -> None:
        self.around: Around = around
        self.records: bytes = file.records
        self.index: bytes = file.index
        self.fixups: bytes = file.fixups
        self.pool: bytes = file.pool
        self.targets: list[str] = file.targets
        self.pool_target: i64 = file.targets.index("pool")
        self.cell_target: i64 = file.targets.index("ww_cell")
        self._code: bytes = file.code
        # A program uses some hundred of them.
        self._codes: vec[bytes] = vec[bytes]([b""] * (len(file.records) // RECORD_SIZE))
        self._families: dict[str, Family] = {}
        for name, (first, ints, floats, stored) in file.families.items():
            self._families[name] = Family(first, ints, floats, bool(stored))
        # By slot: the family of an instruction whose operands the table types; by slot and form
        # those of memory accesses; by slot that of a jump on the comparison.
        self.plain: vec[Family | None] = _no_families(SLOTS)
        self.exact: vec[Family | None] = _no_families(SLOTS)  # in the deterministic profile
        self.accesses: vec[Family | None] = _no_families(SLOTS * len(FORMS))
        self.jumps: vec[Family | None] = _no_families(SLOTS)
        self.jumps_unless: vec[Family | None] = _no_families(SLOTS)
        # By slot: the count of operands, and the type of the result or -1.
        self.arity: vec[i64] = vec[i64]([-1] * SLOTS)
        self.result: vec[i64] = vec[i64]([-1] * SLOTS)
        for row in INSTRUCTIONS:
            self._row(row.slot, row.name)
        self.move: vec[i64] = self._firsts("move")
        self.put: vec[i64] = self._firsts("put")
        self.copy: vec[i64] = self._firsts("copy")
        self.pin: vec[i64] = self._firsts("pin")
        self.reload: vec[i64] = self._firsts("reload")
        self.overflow: i64 = self.first("overflow")
        self.base: i64 = self.first("base")
        self.zero: i64 = self.first("zero")
        self.zeros: i64 = self.first("zeros")
        self.count: i64 = self.first("count")
        self.hot: i64 = self.first("hot")
        self.charge: i64 = self.first("charge")
        self.enter_int: i64 = self.first("enter.int")
        self.enter_float: i64 = self.first("enter.float")
        self.enter_vector: i64 = self.first("enter.vector")
        self.area_get: i64 = self.first("area.get")
        self.area_put: i64 = self.first("area.put")
        self.areas_get: i64 = self.first("area.get.many")
        self.areas_put: i64 = self.first("area.put.many")
        self.argument: vec[i64] = self._firsts("argument")
        self.callee: vec[i64] = vec[i64]([self.first("callee.i32"), self.first("callee.i64")])
        self.call_defined: i64 = self.first("call.d")
        self.call_import: i64 = self.first("call.i")
        self.returned: vec[i64] = self._firsts("result")
        self.jump_i32: Family = self.family("br_if:i32")
        self.jump_not_i32: Family = self.family("br_if:i32.eqz")
        self.selects: list[Family] = [self.family(f"select.{each}") for each in TYPE_NAMES]
        # By slot, 1 for instructions that may trap.
        self.traps: vec[i64] = vec[i64]([0] * SLOTS)
        for row in INSTRUCTIONS:
            if row.family in ("binop", "cvtop") and _may_trap(row.name):
                self.traps[row.slot] = 1

    def _row(self, number: int, name: str) -> None:
        row = BY_SLOT[number]
        assert row is not None
        if row.params is None or row.results is None:
            return
        self.plain[number] = self._families.get(name)
        self.exact[number] = self._families.get(f"{name}.exact", self.plain[number])
        for form, suffix in enumerate(FORMS):
            self.accesses[number * len(FORMS) + form] = self._families.get(name + suffix)
        self.jumps[number] = self._families.get(f"br_if:{name}")
        inverse = _INVERSES.get(name.partition(".")[2])
        if inverse:
            self.jumps_unless[number] = self._families.get(
                f"br_if:{name.partition('.')[0]}.{inverse}"
            )
        self.arity[number] = len(row.params)
        if row.results:
            self.result[number] = type_code(row.results[0])

    def _firsts(self, name: str) -> vec[i64]:
        return vec[i64]([self.family(f"{name}.{each}").first for each in TYPE_NAMES])

    def family(self, name: str) -> Family:
        """The family of a name."""
        return self._families[name]

    def find(self, name: str) -> Family | None:
        """The family of a name, or None."""
        return self._families.get(name)

    def first(self, name: str) -> i64:
        """Where a family begins in the index."""
        return self._families[name].first

    def code(self, number: i64) -> bytes:
        """The machine code of a stencil."""
        found = self._codes[number]
        if len(found) == 0:
            at = number * RECORD_SIZE
            start = i64(read_i32_le(self.records, at))
            size = i64(read_i16_le(self.records, at + 4)) & 0xFFFF
            found = self._codes[number] = self._code[start : start + size]
        return found

    def number(self, at: i64) -> i64:
        """The number of a stencil, by its place in the index; NONE if there is none."""
        found = i64(read_i16_le(self.index, 2 * at))
        return found & NONE


def _no_families(count: int) -> vec[Family | None]:
    return vec[Family | None]([None] * count)


def _may_trap(name: str) -> bool:
    """Whether an instruction that computes may trap."""
    operation = name.partition(".")[2]
    return operation.startswith(("div_", "rem_", "trunc_f"))


# What jumps if a comparison does not hold; of floats there is none.
_INVERSES: Final[dict[str, str]] = {
    "eq": "ne",
    "ne": "eq",
    "lt_s": "ge_s",
    "lt_u": "ge_u",
    "gt_s": "le_s",
    "gt_u": "le_u",
    "le_s": "gt_s",
    "le_u": "gt_u",
    "ge_s": "lt_s",
    "ge_u": "lt_u",
}


_AROUND: Final[dict[str, Around]] = {"x86_64": x86_64.AROUND, "aarch64": aarch64.AROUND}


def open_library(arch: str) -> Library:
    """The library for an architecture; OSError if there is none."""
    return Library(StencilFile(arch), _AROUND[arch])
