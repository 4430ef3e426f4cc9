"""Counts instructions, and pairs of them, in modules: what stencils should be made for.

    python dev/count_instructions.py MODULE...

Prints shares of all instructions by kind, and the most frequent pairs.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import wasmwright as ww
from wasmwright.binary.cursor import read_opcode, skip_immediates
from wasmwright.binary.reader import Reader
from wasmwright.isa import BY_SLOT

_MOST = 40  # pairs that are shown

# The kind of an instruction, by its family where that is not the kind.
_KINDS = {
    "variable": "locals and globals",
    "const": "constants",
    "load": "loads",
    "store": "stores",
    "binop": "arithmetic",
    "unop": "arithmetic",
    "cvtop": "conversions",
    "relop": "comparisons",
    "testop": "comparisons",
    "control": "control",
    "call": "calls",
    "parametric": "drop and select",
}


def count(path: Path, kinds: Counter[str], pairs: Counter[tuple[str, str]]) -> None:
    """Adds a module's instructions."""
    module = ww.Module(path)._module
    names = ["" if row is None else row.name for row in BY_SLOT]
    families = ["" if row is None else row.family for row in BY_SLOT]
    slots: Counter[int] = Counter()
    following: Counter[tuple[int, int]] = Counter()
    for code in module.codes:
        reader = Reader(module.data, code.start, code.end)
        before = -1
        while reader.pos < code.end:
            slot = int(read_opcode(reader))
            skip_immediates(reader, slot)
            slots[slot] += 1
            if before >= 0:
                following[before, slot] += 1
            before = slot
    for slot, number in slots.items():
        kinds[_KINDS.get(families[slot], "the rest")] += number
    for (first, second), number in following.items():
        pairs[names[first], names[second]] += number


def main() -> int:
    kinds: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for name in sys.argv[1:]:
        count(Path(name), kinds, pairs)
    total = kinds.total()
    print(f"{total} instructions")
    for kind, number in kinds.most_common():
        print(f"{100 * number / total:5.1f} %  {kind}")
    for (first, second), number in pairs.most_common(_MOST):
        print(f"{100 * number / total:5.1f} %  {first}, {second}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
