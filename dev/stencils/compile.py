"""Stencils from IR to machine code with holes.

Has LLVM compile a batch of stencils, and reads the object: each function's bytes, and what its
relocations say has to be filled in.
"""

from __future__ import annotations

import bisect
import io
from typing import Any

import aarch64
import ir
import llvmlite.binding as llvm
import x86_64
from elftools.elf.elffile import ELFFile
from holes import Code, Pool

from wasmwright.codegen.llvm import lower_unit

TARGETS: dict[str, Any] = {"x86_64": x86_64, "aarch64": aarch64}

_WEAK = "extern_weak dso_local global"


def _declarations(cell: str) -> str:
    return f"""\
{"".join(f"@{name} = {_WEAK} i8" + chr(10) for name in ir.HOLES)}
declare preserve_nonecc void @next({ir.prototype()})
declare preserve_nonecc void @taken({ir.prototype()})
@ww_cell = {cell} i64, align 16
declare preserve_nonecc void @ww_trap(ptr, i32) noreturn cold
declare i64 @write(i32, ptr, i64)
declare preserve_nonecc void @ww_throw(ptr, ptr) noreturn cold
"""


def _machine(triple: str, cpu: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    # A conditional move from memory would load where the program does not.
    llvm.set_option("stencils", "-x86-cmov-converter-force-mem-operand=false")
    target = llvm.Target.from_triple(triple)
    return target.create_target_machine(cpu=cpu, opt=2, reloc="static", codemodel="small")


def _attributes() -> str:
    return ir.ATTRIBUTES + "attributes #2 = { nounwind noreturn cold nomerge }\n"


class Compiler:
    """LLVM for one target, and the constants of all that it compiled."""

    def __init__(self) -> None:
        self.target = TARGETS[ir.ARCH]
        self.machine = _machine(self.target.TRIPLE, self.target.CPU)
        self.pool = Pool()

    def compile(self, middles: str, stencils: list[str]) -> list[Code]:
        """The code of each stencil; ``middles`` are the functions that they call."""
        functions = [ir.stencil(f"s{i}", body) for i, body in enumerate(stencils)]
        text = "".join(
            [
                _declarations(self.target.CELL),
                middles,
                *functions,
                _attributes(),
                lower_unit._METADATA,
            ]
        )
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
        starts = [offset for offset, _, _, _ in relocations]
        code = text.data()
        done = []
        for i in range(count):
            start, size = functions[f"s{i}"]
            first, last = (bisect.bisect_left(starts, at) for at in (start, start + size))
            inside = [(at - start, *rest) for at, *rest in relocations[first:last]]
            done.append(self.target.shaped(elf, self.pool, code[start : start + size], inside))
        return done
