"""Writes the files of stencils that the baseline tier copies from, or checks that they are current.

    python dev/stencils/build.py [--check] [ARCHITECTURE...]

Any machine makes those of all architectures. Their layout is `codegen.baseline.stencils`'s. Each
takes LLVM about a minute.
"""

from __future__ import annotations

import argparse
import itertools
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import between
import calls
import families
import ir
import lowered
import objects
import registers
from compile import Compiler
from families import Family, Variant
from holes import Code, Hole

from wasmwright.codegen.baseline import stencils as file
from wasmwright.codegen.baseline.places import HOLE_NEXT, HOLE_TAKEN

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "src/wasmwright/codegen/baseline"
_BATCH = 16  # families in one LLVM module


class Builder:
    """Collects stencils; equal ones are kept once."""

    def __init__(self) -> None:
        self.compiler = Compiler()
        self.targets: list[str] = []
        self.code = bytearray()
        self.records: list[bytes] = []
        self.fixups: list[bytes] = []
        self._known: dict[tuple[bytes, tuple[Hole, ...]], int] = {}
        # By family: its size in numbers, the rest of its record, and the stencils.
        self.families: dict[str, tuple[int, tuple[int, int, bool], dict[int, int]]] = {}

    def add(self, made: Iterable[tuple[Variant, Code]]) -> None:
        """Takes stencils of families that are known."""
        for variant, code in made:
            numbers = self.families[variant.family][2]
            assert variant.number not in numbers, (variant.family, variant.number)
            numbers[variant.number] = self._stencil(code)

    def _stencil(self, code: Code) -> int:
        key = code.data, tuple(code.holes)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.records)
            self.records.append(self._record(code))
        return found

    def _record(self, code: Code) -> bytes:
        places = [0] * file.PLACES
        first = len(self.fixups)
        for hole in code.holes:
            kind = hole.kind
            simple = isinstance(kind, int) and kind < file.PLACES and hole.offset < 255
            usual = self.compiler.target.JUMP_ADDEND if kind == HOLE_TAKEN else 0
            if simple and hole.addend == usual and not places[int(kind)]:
                places[int(kind)] = hole.offset + 1
                continue
            self.fixups.append(self._fixup(hole))
        offset = len(self.code)
        self.code += code.data
        count = len(self.fixups) - first
        return file.RECORD.pack(offset, len(code.data), *places, first, count)

    def _fixup(self, hole: Hole) -> bytes:
        kind = hole.kind
        if isinstance(kind, str):
            if kind not in self.targets:
                self.targets.append(kind)
            kind = file.FIRST_TARGET + self.targets.index(kind)
        else:
            assert kind <= HOLE_NEXT
            assert kind != HOLE_TAKEN
        return file.FIXUP.pack(hole.offset, kind, hole.relative, hole.addend)

    def instructions(self, made: list[Family]) -> None:
        """Stencils of families that have a middle."""
        for start in range(0, len(made), _BATCH):
            part = made[start : start + _BATCH]
            text, types = lowered.lower_ops([each.op for each in part if each.op])
            variants: list[Variant] = []
            for number, (family, functype) in enumerate(zip(part, types, strict=True)):
                family.number, family.functype = number, functype
                record = (*family.counts(), family.stored())
                self.families[family.name] = family.size(), record, {}
                variants += families.variants_of(family)
            codes = self.compiler.compile(text, [each.text for each in variants])
            self.add(zip(variants, codes, strict=True))

    def between(self, variants: Iterator[Variant]) -> None:
        """Stencils of what goes on between instructions."""
        every = list(variants)
        for family, group in itertools.groupby(sorted(every, key=_family), key=_family):
            self.families[family] = max(each.number for each in group) + 1, (1, 1, False), {}
        codes = self.compiler.compile("", [each.text for each in every])
        self.add(zip(every, codes, strict=True))

    def calls(self) -> None:
        """Stencils of calls."""
        ops = calls.call_ops()
        text, types = lowered.lower_ops(ops)
        every = list(calls.calls(ops, list(range(len(ops))), types))
        for op in ops:
            self.families[op.key] = 4, (1, 1, False), {}
        codes = self.compiler.compile(text, [each.text for each in every])
        self.add(zip(every, codes, strict=True))

    def tail_calls(self) -> None:
        """Stencils of tail calls."""
        ops = calls.tail_ops()
        text, types = lowered.lower_ops(ops)
        every = list(calls.tail_calls(ops, list(range(len(ops))), types))
        for op in ops:
            self.families[op.key] = 1, (1, 1, False), {}
        codes = self.compiler.compile(text, [each.text for each in every])
        self.add(zip(every, codes, strict=True))

    def file(self) -> bytes:
        """The whole file."""
        index: list[int] = []
        table = []
        for size, counts, numbers in self.families.values():
            table.append(file.FAMILY.pack(len(index), *counts))
            index += [numbers.get(number, file.NONE) for number in range(size)]
        names = "\n".join(self.families).encode()
        parts = [
            bytes(self.code),
            b"".join(self.records),
            struct.pack(f"<{len(index)}H", *index),
            b"".join(table),
            b"".join(self.fixups),
            names,
            "\n".join(self.targets).encode(),
            bytes(self.compiler.pool.data),
        ]
        head = file.HEAD.pack(file.MAGIC, *(len(part) for part in parts))
        return head + b"".join(parts)


def _family(variant: Variant) -> str:
    return variant.family


def build(arch: str) -> bytes:
    """The file for an architecture."""
    ir.use(arch)
    builder = Builder()
    builder.instructions(list(families.table_ops(True)))
    builder.instructions(list(families.table_ops(False)))
    builder.instructions(list(families.branches()))
    builder.instructions(list(families.others()))
    builder.instructions(list(families.simd()))
    builder.instructions(list(families.atomics()))
    builder.instructions(list(objects.objects()))
    builder.instructions(list(objects.casts()))
    builder.instructions(list(objects.exceptions()))
    builder.calls()
    builder.tail_calls()
    for each in (
        between.moves,
        between.constants,
        between.entries,
        between.leaving,
        between.many,
        between.arguments,
        between.addresses,
        between.counters,
        between.charges,
        objects.handlers,
    ):
        builder.between(each())
    return builder.file()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    parser.add_argument("arch", nargs="*", help=f"of {', '.join(registers.ALL)}; all of them")
    arguments = parser.parse_args()
    failed = False
    for arch in arguments.arch or registers.ALL:
        target = FOLDER / f"stencils_{arch}.bin"
        made = build(arch)
        shown = target.relative_to(ROOT)
        if arguments.check:
            current = target.exists() and target.read_bytes() == made
            print(f"{shown} is {'current' if current else 'not current'}")
            failed |= not current
        else:
            target.write_bytes(made)
            print(f"{shown}: {len(made)} bytes")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
