"""Compares backtraces of faults with those of explicit checks, in programs full of accesses.

Machine code does accesses as part of other instructions, and merges and reorders what is around
them. The oracle: with guard pages and with explicit checks, compiled lazily and eagerly, a function
gives the same result or the same trap, with the same frames; an offset may be unknown, but not
wrong. Where calls of an inlined function were made one, its frame may be missing. Prints what
differs, with its seed.

    WASMWRIGHT_CACHE=off python fuzz/backtraces.py [--seed N] [--modules N]
"""

import argparse
import random
import sys

import wasmwright as ww

FUNCTIONS = 4
CALLS = 6  # of each function
DEPTH = 4  # of expressions
OPERATORS = "add sub mul xor and lt_s eq shl div_u".split()
LOADS = "i32.load i32.load8_u i32.load16_s".split()
CONSTANTS = (0, 1, 3, 8, 65530, 70000, -1)
ADDRESSES = (0, 1, 8, 100, 65532, 65536, 1 << 20, -1)

Outcome = tuple[str, tuple[tuple[int, int | None], ...]] | int


class Program:
    """A module made by chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.callee: int | None = None
        functions = []
        for index in range(FUNCTIONS):
            self.callee = self.random.randrange(index) if index else None
            body = " ".join(self.statement(DEPTH) for _ in range(self.random.randrange(1, 4)))
            functions.append(
                f'(func (export "f{index}") (param i32 i32) (result i32) (local i32 i32) '
                f"{body} {self.expression(DEPTH)})"
            )
        data = "".join(f"\\{self.random.randrange(256):02x}" for _ in range(200))
        self.text = f'(module (memory 1) (data (i32.const 0) "{data}") {" ".join(functions)})'

    def expression(self, depth: int) -> str:
        """An i32."""
        kind = self.random.random() if depth > 0 else 0

        def operand() -> str:
            return self.expression(depth - 1)

        if kind < 0.15:
            if self.random.random() < 0.5:
                return f"(local.get {self.random.randrange(4)})"
            return f"(i32.const {self.random.choice(CONSTANTS)})"
        if kind < 0.5:
            offset = self.random.choice((0, 4, 100))
            return f"({self.random.choice(LOADS)} offset={offset} {operand()})"
        if kind < 0.55:
            wide = f"(i64.load {operand()}) (i64.extend_i32_s {operand()})"
            return f"(i32.wrap_i64 (i64.mul {wide}))"
        if kind < 0.6:
            return f"(i32.trunc_f32_s (f32.add (f32.load {operand()}) (f32.load {operand()})))"
        if kind < 0.68:
            return f"(if (result i32) {operand()} (then {operand()}) (else {operand()}))"
        if kind < 0.74:
            return f"(select {operand()} {operand()} {operand()})"
        if kind < 0.8 and self.callee is not None:
            return f"(call {self.callee} {operand()} {operand()})"
        if kind < 0.84:
            return f"(local.tee {self.random.randrange(4)} {operand()})"
        return f"(i32.{self.random.choice(OPERATORS)} {operand()} {operand()})"

    def statement(self, depth: int) -> str:
        """Something without a result."""
        kind = self.random.random() if depth > 0 else 0.5
        if kind < 0.2:
            load = "(i32.load offset=4 (local.get 3))"
            sum_ = f"(i32.add {load} {self.expression(1)})"
            place = self.expression(depth - 2)
            return f"(local.set 3 {place}) (i32.store offset=4 (local.get 3) {sum_})"
        if kind < 0.4:
            return f"(i32.store offset=4 {self.expression(depth - 2)} {self.expression(depth)})"
        if kind < 0.6:
            return f"(local.set {self.random.randrange(4)} {self.expression(depth)})"
        inner = self.statement(depth - 1)
        if kind < 0.75:
            other = self.statement(depth - 1)
            return f"(if {self.expression(2)} (then {inner}) (else {other}))"
        return f"(block (br_if 0 {self.expression(2)}) {inner})"

    def arguments(self) -> list[int]:
        """Two addresses."""
        return [self.random.choice((*ADDRESSES, self.random.getrandbits(12))) for _ in range(2)]


def outcome(module: ww.Module, name: str, arguments: list[int]) -> Outcome:
    """The result, or the trap and where it was."""
    try:
        result: int = ww.Instance(module).exports[name](*arguments)
        return result
    except ww.Trap as error:
        return error.kind, tuple((frame.func, frame.offset) for frame in error.frames)


def agree(found: Outcome, wanted: Outcome) -> bool:
    """Whether two outcomes are the same, as far as they are known."""
    if isinstance(found, int) or isinstance(wanted, int):
        return found == wanted
    if found[0] != wanted[0]:
        return False
    if len(found[1]) != len(wanted[1]):
        return found[1][0][1] is None  # merged
    return all(
        a[0] == b[0] and a[1] in (b[1], None) for a, b in zip(found[1], wanted[1], strict=True)
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--modules", type=int, default=20)
    options = parser.parse_args()
    known = unknown = wrong = 0
    for seed in range(options.seed, options.seed + options.modules):
        program = Program(seed)
        ways = [ww.Module(program.text, guard=guard) for guard in (False, None, None)]
        ways[2].compile()
        for name in [f"f{i}" for i in range(FUNCTIONS)] * CALLS:
            arguments = program.arguments()
            wanted, *others = [outcome(module, name, arguments) for module in ways]
            for found in others:
                known += found == wanted
                unknown += found != wanted
                if not agree(found, wanted):
                    wrong += 1
                    print(f"seed {seed}: {name}{tuple(arguments)}: {found}, not {wanted}")
    print(f"{known} the same, {unknown - wrong} with something unknown, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
