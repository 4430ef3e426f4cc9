"""Stencils from IR to machine code with holes.

Has LLVM compile a batch of stencils, and reads the object: each function's bytes, and what its
relocations say has to be filled in.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import ir
import llvmlite.binding as llvm
from elftools.elf.elffile import ELFFile

from wasmwright.codegen.baseline.places import (
    HOLE_EXTRA,
    HOLE_FIRST,
    HOLE_MORE,
    HOLE_NEXT,
    HOLE_SECOND,
    HOLE_TAKEN,
    HOLE_THIRD,
)
from wasmwright.codegen.llvm import lower_unit

TRIPLE = "x86_64-unknown-linux-gnu"
CPU = "x86-64-v2"

_HOLES = {
    "h0": HOLE_FIRST,
    "h1": HOLE_SECOND,
    "h2": HOLE_THIRD,
    "extra": HOLE_EXTRA,
    "more": HOLE_MORE,
    "next": HOLE_NEXT,
    "taken": HOLE_TAKEN,
}

_64, _PC32, _PLT32, _32, _32S = 1, 2, 4, 10, 11

_DECLARATIONS = f"""\
{"".join(f"@{name} = extern_weak dso_local global i8" + chr(10) for name in ir.HOLES)}
declare preserve_nonecc void @next({ir.PROTOTYPE})
declare preserve_nonecc void @taken({ir.PROTOTYPE})
@ww_cell = external dso_local global i64, align 16
declare preserve_nonecc void @ww_trap(ptr, i32) noreturn cold
declare i64 @write(i32, ptr, i64)
declare preserve_nonecc void @ww_throw(ptr, ptr) noreturn cold
"""


@dataclass(frozen=True)
class Hole:
    """What is filled in at an offset of a stencil.

    ``kind`` is one of ``places.HOLE_*``, or the name of a shared place. A relative one counts from
    the place itself; ``addend`` is added.
    """

    offset: int
    kind: int | str
    addend: int
    relative: bool


@dataclass
class Code:
    """A stencil's machine code; what follows it is where control goes on."""

    data: bytes
    holes: list[Hole]


class Pool:
    """Constants that stencils refer to, each once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[bytes, int] = {}

    def place(self, value: bytes) -> int:
        """The offset of a constant, whose size is its alignment."""
        at = self._known.get(value)
        if at is None:
            self.data += bytes(-len(self.data) % len(value))
            at = self._known[value] = len(self.data)
            self.data += value
        return at


def _machine() -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    # A conditional move from memory would load where the program does not.
    llvm.set_option("stencils", "-x86-cmov-converter-force-mem-operand=false")
    target = llvm.Target.from_triple(TRIPLE)
    return target.create_target_machine(cpu=CPU, opt=2, reloc="static", codemodel="small")


def _attributes() -> str:
    return ir.ATTRIBUTES + "attributes #2 = { nounwind noreturn cold nomerge }\n"


class Compiler:
    """LLVM for one target, and the constants of all that it compiled."""

    def __init__(self) -> None:
        self.machine = _machine()
        self.pool = Pool()

    def compile(self, middles: str, stencils: list[str]) -> list[Code]:
        """The code of each stencil; ``middles`` are the functions that they call."""
        functions = [ir.stencil(f"s{i}", body) for i, body in enumerate(stencils)]
        text = "".join([_DECLARATIONS, middles, *functions, _attributes(), lower_unit._METADATA])
        module = llvm.parse_assembly(text)
        module.triple = self.machine.triple
        module.data_layout = str(self.machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        builder = llvm.create_pass_builder(self.machine, options)
        builder.getModulePassManager().run(module, builder)
        return self._read(self.machine.emit_object(module), len(stencils))

    def _read(self, data: bytes, count: int) -> list[Code]:
        elf = ELFFile(io.BytesIO(data))
        text = elf.get_section_by_name(".text")
        symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
        number = elf.get_section_index(".text")
        functions = {
            symbol.name: (symbol["st_value"], symbol["st_size"])
            for symbol in symbols
            if symbol["st_shndx"] == number and symbol.name.startswith("s")
        }
        relocations = []
        section = elf.get_section_by_name(".rela.text")
        for each in section.iter_relocations():
            relocations.append((each["r_offset"], each["r_info_type"], symbols[each["r_info_sym"]],
                                each["r_addend"]))  # fmt: skip
        relocations.sort(key=lambda each: each[0])
        code = text.data()
        done = []
        for i in range(count):
            start, size = functions[f"s{i}"]
            holes = [
                self._hole(elf, code, offset - start, kind, symbol, addend)
                for offset, kind, symbol, addend in relocations
                if start <= offset < start + size
            ]
            done.append(_trimmed(bytearray(code[start : start + size]), holes))
        return done

    def _hole(
        self, elf: ELFFile, code: bytes, offset: int, kind: int, symbol: Any, addend: int
    ) -> Hole:
        if symbol.name in _HOLES:
            what = _HOLES[symbol.name]
            if what in (HOLE_NEXT, HOLE_TAKEN):
                assert kind == _PLT32
                assert addend == -4
                return Hole(offset, what, addend, True)
            assert kind in (_32, _32S), (symbol.name, kind)
            return Hole(offset, what, addend, False)
        assert kind in (_PC32, _PLT32), (symbol.name, kind)
        if symbol.name and symbol["st_shndx"] == "SHN_UNDEF":
            return Hole(offset, symbol.name, addend, True)
        section = elf.get_section(symbol["st_shndx"])
        assert section.name.startswith(".rodata.cst"), section.name
        size = int(section.name.removeprefix(".rodata.cst"))
        # The addend has the distance from the end of the instruction, a multiple apart.
        place = symbol["st_value"] + addend + 4
        first = place - place % size
        value = section.data()[first : first + size]
        at = self.pool.place(value) + place - first
        return Hole(offset, "pool", at - 4, True)


_JUMP, _CONDITIONAL = 0xE9, 0x0F


def _trimmed(code: bytearray, holes: list[Hole]) -> Code:
    """Without the jump at the end, where that goes to what follows."""
    last = holes[-1]
    ends = last.offset == len(code) - 4 and code[last.offset - 1] == _JUMP
    if ends and last.kind == HOLE_TAKEN and len(holes) > 1:
        # jcc next; jmp taken: the condition is turned round.
        before = holes[-2]
        follows = before.offset + 5 == last.offset and before.kind == HOLE_NEXT
        if follows and code[before.offset - 2] == _CONDITIONAL:
            code[before.offset - 1] ^= 1
            holes[-2] = Hole(before.offset, HOLE_TAKEN, before.addend, True)
            holes[-1] = last = Hole(last.offset, HOLE_NEXT, last.addend, True)
    if ends and last.kind == HOLE_NEXT:
        del code[-5:]
        holes = holes[:-1]
    return Code(bytes(code), holes)
