"""The polyfill's instruction table, made from :mod:`wasmwright.isa`.

Produces the texts of ``polyfill/opcodes.js`` and, of vectors, ``opcodes-simd.js``.
``python -m wasmwright.web.opcodes`` writes the files, with ``--check`` it only says (exit status 1)
whether they are current.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from wasmwright.features import NAMES
from wasmwright.isa import AT, INSTRUCTIONS, PREFIX_BASE, PREFIX_SIZE, SLOTS, Instruction
from wasmwright.isa import immediates as immediate

FOLDER: Final = Path(__file__).with_name("polyfill")

# The proposals whose instructions the polyfill knows but does not execute: of these only the slots
# are in the table, so that it can name the proposal.
REFUSED: Final = (
    "gc",
    "relaxed-simd",
    "threads",
    "wide-arithmetic",
    "legacy-exceptions",
)

# One letter for each type and kind of immediate, as the table's reader in the polyfill knows them.
_TYPES: Final = {0x7F: "i", 0x7E: "l", 0x7D: "f", 0x7C: "d", 0x7B: "v", AT: "a"}

_HEAD: Final = """\
// Made by `python -m wasmwright.web.opcodes` from wasmwright.isa. Do not edit.

/** How a prefixed opcode becomes a slot: `PREFIX_BASE[prefix] + code`, for codes below the size. */
export const PREFIX_BASE = {bases};
export const PREFIX_SIZE = {sizes};
/** How many slots there are; some of them hold no instruction. */
export const SLOTS = {slots};

/** The kinds of immediates, by number. */
export const IMMEDIATES = {kinds};

/**
 * The instructions: name, immediates, stack type, and the slot where it is not the next one, a line
 * each. Numbers are hexadecimal, `-` is nothing. Where a row has a stack type, it alone types the instruction:
 * `i` i32, `l` i64, `f` f32, `d` f64, `v` v128, `a` the memory's address type.
 */
export const ROWS = `
{rows}`;

/** The slots of instructions that this library does not execute: first, last, feature, a line each. */
export const REFUSED_ROWS = `
{refused}`;
"""

_SIMD_HEAD: Final = """\
// Made by `python -m wasmwright.web.opcodes` from wasmwright.isa. Do not edit.

/** Whether vectors are executed: see without-simd.js. */
export const SIMD = true;

/** The instructions of vectors, as ROWS of opcodes.js. */
export const SIMD_ROWS = `
{rows}`;
"""


def is_refused(row: Instruction) -> bool:
    """Whether the library does not execute an instruction, for want of its proposal."""
    return NAMES.get(row.feature) in REFUSED


def _row(row: Instruction, is_next: bool) -> str:
    kinds = "".join(f"{kind:02x}" for kind in row.immediates) or "-"
    stack = "-"
    if row.params is not None and row.results is not None:
        params, results = (
            "".join(_TYPES[code] for code in side) for side in (row.params, row.results)
        )
        stack = f"{params}:{results}"
    return f"{row.name} {kinds} {stack}" + ("" if is_next else f" {row.slot:x}")


def _refused() -> list[str]:
    """Runs of slots, each of one refused feature."""
    runs: list[tuple[int, int, str]] = []
    for row in INSTRUCTIONS:
        if not is_refused(row):
            continue
        first = row.slot
        if runs and runs[-1][1:] == (row.slot - 1, NAMES[row.feature]):
            first = runs.pop()[0]
        runs.append((first, row.slot, NAMES[row.feature]))
    return [f"{first:x} {last:x} {feature}" for first, last, feature in runs]


def _object(numbers: dict[int, int]) -> str:
    return "{ " + ", ".join(f"0x{key:x}: 0x{value:x}" for key, value in numbers.items()) + " }"


def _array(names: list[str]) -> str:
    lines, line = [], "  "
    for name in names:
        if len(line) + len(name) + 4 > 96:
            lines.append(line.rstrip())
            line = "  "
        line += f'"{name}", '
    return "[\n" + "\n".join([*lines, line.rstrip()]) + "\n]"


def table() -> str:
    """The text of ``opcodes.js``."""
    return _HEAD.format(
        bases=_object(PREFIX_BASE),
        sizes=_object(PREFIX_SIZE),
        slots=f"0x{SLOTS:x}",
        kinds=_array(list(immediate.NAMES)),
        rows=_rows(vectors=False),
        refused="\n".join(_refused()),
    )


def simd_table() -> str:
    """The text of ``opcodes-simd.js``."""
    return _SIMD_HEAD.format(rows=_rows(vectors=True))


def _rows(*, vectors: bool) -> str:
    rows = [
        row
        for row in INSTRUCTIONS
        if not is_refused(row) and (NAMES.get(row.feature) == "simd") is vectors
    ]
    slots = [-1, *(row.slot for row in rows)]
    return "\n".join(
        _row(row, before + 1 == row.slot) for row, before in zip(rows, slots, strict=False)
    )


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them; the exit status."""
    stale = 0
    for name, text in (("opcodes.js", table()), ("opcodes-simd.js", simd_table())):
        path = FOLDER / name
        if arguments != ["--check"]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.stderr.write(f"{path} is stale: run python -m wasmwright.web.opcodes\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
