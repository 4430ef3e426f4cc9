"""Compares the baseline tier with the optimising one, on programs made of the instruction table.

Each function is a random walk that keeps the stack valid: any instruction whose operands are
there, of all that the table types, with blocks, loops, branches, calls of every kind, tail calls
and exceptions between them. What the spec leaves open is as in its deterministic profile. The
oracle: results, traps, exceptions, globals and memory are the same, bit for bit; and of programs
that consume fuel, what is left of it after each call, sometimes too little. Prints what differs,
with its seed.

    WASMWRIGHT_CACHE=off python fuzz/tiers.py [--seed N] [--seconds S]
"""

import argparse
import hashlib
import random
import sys
import time

import wasmwright as ww
from wasmwright.features import ALL
from wasmwright.isa import INSTRUCTIONS
from wasmwright.isa.immediates import LANE, LANES, MEMARG
from wasmwright.model.types import F32, F64, I32, I64, V128

NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64", V128: "v128"}
ADDRESS = 1  # the table's type of an address
TYPES = tuple(NAMES.values())
PARAMS = ("i32", "i64", "f32", "f64")
FUNCTIONS = 4
CALLS = 3  # of each function
STEPS = 24
MAX_DEPTH = 3
MAY_TRAP = ("div", "rem", "trunc_f")
PAYLOAD = ("i32", "f64", "v128")
TIERS = ("optimised", "baseline")
INTEGERS = (0, 1, -1, 2, 7, 31, 63, 255, 65535, 1 << 31, (1 << 31) - 1, -(1 << 31))
LONG = (*INTEGERS, 1 << 32, 1 << 63, (1 << 63) - 1, 0x123456789ABCDEF)
FLOATS = ("0", "-0", "1", "-1.5", "inf", "-inf", "nan", "1e10", "-3e38", "0x1p-140", "2.5")


def _rows():
    """By the types of the operands: the instructions that take them."""
    found = {}
    for row in INSTRUCTIONS:
        if row.params is None or row.results is None or len(row.results) > 2:
            continue
        if row.family in ("const", "vconst", "atomic.wait", "atomic.notify", "atomic.fence"):
            continue
        if all(kind in (LANE, LANES, MEMARG) for kind in row.immediates):
            params = tuple(NAMES.get(each, "i32") for each in row.params)
            found.setdefault(params, []).append(row)
    return found


ROWS = _rows()


class Program:
    """A module made by chance."""

    def __init__(self, seed, memory64=False):
        self.random = random.Random(seed)
        self.memory64 = memory64
        self.numbers = 0
        self.signatures = []  # of the functions so far: types of parameters and results
        functions = []
        for index in range(FUNCTIONS):
            results = [self.pick(TYPES) for _ in range(self.pick((1, 1, 1, 2, 4)))]
            params = [self.pick(PARAMS) for _ in range(self.pick((0, 1, 2, 3, 8)))]
            functions.append(self.function(index, params, results))
            self.signatures.append((params, results))
        data = "".join(f"\\{self.random.randrange(256):02x}" for _ in range(200))
        names = " ".join(f"$f{i}" for i in range(FUNCTIONS))
        at = "i64" if memory64 else "i32"
        zeros = dict.fromkeys(TYPES, "0") | {"v128": "i64x2 0 0"}
        self.text = f"""(module
(memory (export "memory") {"i64 " if memory64 else ""}1 2) (data ({at}.const 0) "{data}")
{"".join(f'(global ${t} (export "g_{t}") (mut {t}) ({t}.const {zeros[t]}))' for t in TYPES)}
(table funcref (elem {names})) (elem declare func {names})
(tag $tag (param {" ".join(PAYLOAD)}))
{"".join(functions)})"""

    def pick(self, values):
        return self.random.choice(values)

    def chance(self, share):
        return self.random.random() < share

    def label(self):
        self.numbers += 1
        return f"$n{self.numbers}"

    def function(self, index, params, results):
        self.locals = params + [self.pick(TYPES) for _ in range(self.pick((0, 2, 5, 12)))]
        self.results = results
        self.out, self.labels, self.counters = [], [], []
        self.budget = 4 * STEPS
        self.body(0, "$body", [], results)
        names = [f"(param $v{i} {each})" for i, each in enumerate(params)]
        names.append(f"(result {' '.join(results)})")
        for i in range(len(params), len(self.locals)):
            names.append(f"(local $v{i} {self.locals[i]})")
        names += [f"(local {each} i32)" for each in self.counters]
        types = _types(params, results)
        head = f"(type $t{index} (func {types}))\n"
        head += f'(func $f{index} (export "f{index}") (type $t{index}) {" ".join(names)}'
        body = "\n".join(self.out)
        return f"{head}\n{body})\n"

    # The stack is a list of the types of what is known to be on it in the innermost block.

    def body(self, depth, label, stack, results):
        """A block with this label, of ``stack`` to ``results``."""
        self.out.append(f"block {label} {_types(stack, results)}")
        self.labels.append((label, results))
        on = True
        for _ in range(self.random.randrange(2, 3 + (STEPS >> depth))):
            self.budget -= 1
            if self.budget < 0 or not on:
                break
            on = self.step(depth, stack)
        if on:
            self.bring(stack, results)
            if len(stack) > len(results):  # what is below goes with a branch
                self.out.append(f"br {label}")
        self.labels.pop()
        self.out.append("end")

    def bring(self, stack, types):
        """Has values of these types on top of the stack."""
        if types and stack[-len(types) :] == types:
            return
        for each in types:
            self.value(stack, each)

    def value(self, stack, kind):
        found = [i for i, each in enumerate(self.locals) if each == kind]
        if found and self.chance(0.7):
            self.out.append(f"local.get $v{self.pick(found)}")
        elif self.chance(0.1):
            self.out.append(f"global.get ${kind}")
        else:
            self.out.append(f"{kind}.const {self.constant(kind)}")
        stack.append(kind)

    def constant(self, kind):
        if kind == "v128":
            return f"i64x2 {self.pick(LONG)} {self.pick(LONG)}"
        if kind in ("f32", "f64"):
            return self.pick(FLOATS)
        return self.pick(INTEGERS if kind == "i32" else LONG)

    def step(self, depth, stack):
        """One instruction, or a few; whether control goes on."""
        chance = self.random.random()
        if chance < 0.3 or not stack:
            self.value(stack, self.pick(TYPES))
        elif chance < 0.72:
            self.operator(stack)
        elif chance < 0.82:
            self.variable(stack)
        elif chance < 0.90 and depth < MAX_DEPTH:
            self.block(depth, stack)
        elif chance < 0.95:
            return self.call(stack)
        else:
            return self.leave(stack)
        return True

    def operator(self, stack):
        ways = [n for n in (1, 2, 3) if len(stack) >= n and tuple(stack[-n:]) in ROWS]
        row = self.pick(ROWS[tuple(stack[-self.pick(ways) :])]) if ways else None
        if row is None or self.chance(0.1):
            kind = stack[-1]
            self.value(stack, kind)
            self.value(stack, "i32")
            self.out.append("select")
            del stack[-2:]
            return
        if any(part in row.name for part in MAY_TRAP) and self.chance(0.8):
            return
        params = [NAMES.get(each, "i32") for each in row.params]
        if ADDRESS in row.params:
            self.address(stack)
            for kind in params[1:]:
                self.value(stack, kind)
        self.out.append(f"{row.name} {self.immediates(row)}")
        del stack[len(stack) - len(params) :]
        stack += [NAMES[each] for each in row.results]

    def address(self, stack):
        """An address, which is mostly inside."""
        self.value(stack, "i32")
        if self.chance(0.98):
            self.out.append("i32.const 0xff0\ni32.and")
        if self.memory64:
            self.out.append("i64.extend_i32_u")

    def immediates(self, row):
        parts = []
        for kind in row.immediates:
            if kind == MEMARG:
                far = self.chance(0.01)
                offset = self.pick((65536, 0x7FFFFFF0, 0xFFFFFFF0) if far else (0, 16, 1024))
                parts.append(f"offset={offset}")
            elif kind == LANE:
                parts.append(str(self.random.randrange(_lanes(row.name))))
            else:
                parts += [str(self.random.randrange(32)) for _ in range(16)]
        return " ".join(parts)

    def variable(self, stack):
        kind = stack[-1]
        found = [i for i, each in enumerate(self.locals) if each == kind]
        if found and self.chance(0.8):
            keep = self.chance(0.5)
            self.out.append(f"local.{'tee' if keep else 'set'} $v{self.pick(found)}")
        else:
            keep = False
            self.out.append(f"global.set ${kind}")
        if not keep:
            stack.pop()

    # Control

    def block(self, depth, stack):
        count = self.random.randrange(min(3, len(stack)) + 1)
        params = stack[len(stack) - count :]
        results = [self.pick(TYPES) for _ in range(self.pick((0, 0, 1, 1, 2)))]
        del stack[len(stack) - count :]
        kind = self.pick((self.plain, self.loop, self.conditional, self.guarded, self.guarded_old))
        kind(depth + 1, params, results)
        stack += results

    def plain(self, depth, params, results):
        self.body(depth, self.label(), list(params), results)

    def loop(self, depth, params, results):
        counter, again = self.label(), self.label()
        self.counters.append(counter)
        self.out.append(f"i32.const 3\nlocal.set {counter}")
        self.out.append(f"loop {again} {_types(params, results)}")
        self.body(depth, self.label(), list(params), results)
        self.out.append(f"local.get {counter}\ni32.const 1\ni32.sub\nlocal.tee {counter}\nif")
        self.bring([], params)
        self.out.append(f"br {again}\nend\nend")

    def conditional(self, depth, params, results):
        self.value([], "i32")
        self.out.append(self.pick(("i32.eqz", "i32.const 1\ni32.and", "i32.const 5\ni32.lt_s")))
        self.out.append(f"if {_types(params, results)}")
        self.body(depth, self.label(), list(params), results)
        if params != results or self.chance(0.7):
            self.out.append("else")
            self.body(depth, self.label(), list(params), results)
        self.out.append("end")

    def guarded(self, depth, params, results):
        after, handler = self.label(), self.label()
        anything = self.chance(0.4)
        caught = "exnref" if anything else f"{' '.join(PAYLOAD)} exnref"
        clause = f"(catch_all_ref {handler})" if anything else f"(catch_ref $tag {handler})"
        self.out += ["drop"] * len(params)
        self.out.append(f"block {after} {_types([], results)}\nblock {handler} (result {caught})")
        self.out.append(f"try_table {_types([], results)} {clause}")
        self.body(depth, self.label(), [], results)
        self.out.append(f"end\nbr {after}\nend")
        if self.chance(0.2):
            self.out.append("throw_ref")
        else:
            self.out.append("drop")
            if not anything:
                self.out += [f"global.set ${each}" for each in reversed(PAYLOAD)]
            self.bring([], results)
        self.out.append("end")

    def guarded_old(self, depth, params, results):
        label = self.label()
        self.out.append(f"try {label} {_types(params, results)}")
        self.body(depth, self.label(), list(params), results)
        if self.chance(0.2):
            self.out.append("delegate 0")
            return
        if self.chance(0.7):
            self.out.append("catch $tag")
            self.out += [f"global.set ${each}" for each in reversed(PAYLOAD)]
            if self.chance(0.2):
                self.out.append(f"rethrow {label}")
            else:
                self.body(depth, self.label(), [], results)
        if self.chance(0.5):
            self.out.append("catch_all")
            self.body(depth, self.label(), [], results)
        self.out.append("end")

    def call(self, stack):
        if not self.signatures:
            return True
        index = self.random.randrange(len(self.signatures))
        params, results = self.signatures[index]
        self.bring(stack, params)
        tail = "return_" if results == self.results and self.chance(0.5) else ""
        types = _types(params, results)
        way = self.random.randrange(3)
        if way == 0:
            self.out.append(f"{tail}call $f{index}")
        elif way == 1:
            self.out.append(f"i32.const {index}\n{tail}call_indirect {types}")
        else:
            self.out.append(f"ref.func $f{index}\n{tail}call_ref $t{index}")
        del stack[len(stack) - len(params) :]
        stack += results
        return not tail

    def leave(self, stack):
        label, types = self.pick(self.labels)
        way = self.random.randrange(5)
        if way == 0:
            self.bring(stack, list(PAYLOAD))
            self.out.append("throw $tag")
            return False
        if way == 1:
            self.bring(stack, types)
            self.out.append(f"br {label}")
            return False
        self.bring(stack, types)
        self.value(stack, "i32")
        stack.pop()
        if way == 2:
            same = [name for name, others in self.labels if others == types]
            self.out.append(f"br_table {' '.join(self.pick(same) for _ in range(4))}")
            return False
        self.out.append(f"i32.const 3\ni32.gt_u\nbr_if {label}")
        return True


def _types(params, results):
    return f"(param {' '.join(params)}) (result {' '.join(results)})"


def _lanes(name):
    shape, _, access = name.partition(".")
    if shape == "v128":
        return 128 // int(access.removeprefix("load").removeprefix("store").partition("_")[0])
    return int(shape.partition("x")[2])


def arguments(program, index, chance):
    """Arguments of a function of a program."""
    values = []
    for kind in program.signatures[index][0]:
        if kind in ("f32", "f64"):
            values.append(float(chance.choice(("0", "1.5", "-2", "inf", "1e30"))))
        else:
            values.append(chance.choice(INTEGERS if kind == "i32" else LONG))
    return values


def outcomes(program, module, seed):
    """What the functions of a program do, and what is left in the end."""
    chance = random.Random(seed)
    fuelled = module.consumes_fuel
    instance = ww.Instance(module)
    exports = instance.exports
    found = []
    for index in range(FUNCTIONS):
        for _ in range(CALLS):
            values = arguments(program, index, chance)
            if fuelled:
                instance.fuel = chance.choice((30, 200, 100_000))
            try:
                found.append(repr(exports[f"f{index}"](*values)))
            except ww.Trap as error:
                found.append(error.kind)
            except ww.WasmException as error:
                found.append(repr(error.payload))
            if fuelled:
                found.append(instance._fuel_block().fuel)
    found += [repr(exports[f"g_{each}"].value) for each in TYPES]
    found.append(hashlib.sha256(bytes(exports.memory[: 1 << 16])).hexdigest())
    return found


def differences(seed):
    """What differs between the tiers in the program of a seed."""
    program = Program(seed, memory64=seed % 5 == 4)
    binary = ww.wat2wasm(program.text)
    for guard in (False, True):
        # (With fuel at LLVM's full level, which is what could move a charge.)
        fuel = seed % 2 == 1
        options = {"guard": guard, "fuel": fuel, "level": 2 if fuel else 0}
        wanted, found = (
            outcomes(
                program,
                ww.Module(binary, features=ALL, tier=tier, deterministic=True, **options),
                seed,
            )
            for tier in TIERS
        )
        for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
            if one != other:
                yield f"guard {guard}: outcome {i} is {one}, not {other}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed, status = options.seed, 0
    while time.monotonic() < until:
        for each in differences(seed):
            print(f"seed {seed}: {each}", flush=True)
            status = 1
        seed += 1
    print(f"{seed - options.seed} programs")
    return status


if __name__ == "__main__":
    sys.exit(main())
