"""Random programs that throw and catch with many values live, here and in wasmtime.

``python tests/runtime/test_exception_programs.py FIRST COUNT`` goes on with more of them.
"""

import random
import sys

import pytest

import wasmwright as ww

TYPES = ("i32", "i64", "f32", "f64", "v128")
FUEL = 60  # loop iterations in a run
OPERATIONS = {
    "i32": ("i32.add", "i32.sub", "i32.mul", "i32.xor", "i32.rotl"),
    "i64": ("i64.add", "i64.sub", "i64.mul", "i64.xor", "i64.rotl"),
    "f32": ("f32.add", "f32.sub"),
    "f64": ("f64.add", "f64.sub"),
    "v128": ("i64x2.add", "v128.xor", "i32x4.sub"),
}
# A local's bits as an i64, and a hash as a result.
BITS = {
    "i32": "(i64.extend_i32_s {})",
    "i64": "{}",
    "f32": "(i64.extend_i32_s (i32.reinterpret_f32 {}))",
    "f64": "(i64.reinterpret_f64 {})",
    "v128": "(i64.xor (i64x2.extract_lane 0 {0}) (i64x2.extract_lane 1 {0}))",
}
RESULTS = {
    "i32": "(i32.wrap_i64 {})",
    "i64": "{}",
    "f32": "(f32.convert_i64_s {})",
    "f64": "(f64.convert_i64_s {})",
    "v128": "(i64x2.splat {})",
}


class Program:
    """The text of a module that exports ``go``: functions that call only those before them."""

    def __init__(self, seed):
        self.random = chosen = random.Random(seed)
        self.labels = 0
        self.tags = [self.types((0, 1, 1, 2, 3, 9)) for _ in range(chosen.randint(1, 4))]
        self.signatures = [
            (self.types((0, 1, 3, 5, 6, 9, 17)), self.types((0, 1, 1, 2, 3, 5)))
            for _ in range(chosen.randint(2, 8))
        ]
        self.signatures.append((["i32", "i64", "f64"], ["i64"]))

    def types(self, counts):
        return [self.random.choice(TYPES) for _ in range(self.random.choice(counts))]

    def text(self):
        fields = [f"(global $fuel (mut i32) (i32.const {FUEL}))"]
        for i, (params, results) in enumerate(self.signatures):
            shape = f"(param {' '.join(params)}) (result {' '.join(results)})"
            fields.append(f"(type $t{i} (func {shape}))")
        for i, types in enumerate(self.tags):
            fields.append(f"(tag $e{i} (param {' '.join(types)}))")
        count = len(self.signatures)
        names = " ".join(f"$f{i}" for i in range(count))
        fields.append(f"(table {count} funcref) (elem (i32.const 0) func {names})")
        fields += [self.function(i) for i in range(count)]
        fields.append(
            f'(func (export "go") (param i32 i64 f64) (result i64) (global.set $fuel '
            f"(i32.const {FUEL})) (call $f{count - 1} (local.get 0) (local.get 1) (local.get 2)))"
        )
        return "(module " + "\n".join(fields) + ")"

    def function(self, index):
        params, results = self.signatures[index]
        extra = self.types((2, 6, 12, 20)) + ["i32", "i64"]
        self.index, self.locals = index, params + extra
        body = "".join(
            f"(local.set {len(params) + i} {self.constant(each)})" for i, each in enumerate(extra)
        )
        body += self.statements(3, self.random.randint(2, 5))
        same = [i for i in range(index) if self.signatures[i][1] == results]
        if same:
            callee = self.random.choice(same)
            values = self.values(self.signatures[callee][0])
            body += f"(if {self.condition()} (then (return_call $f{callee} {values})))"
        mixed = "(i64.const 1469598103934665603)"
        for i, each in enumerate(self.locals):
            bits = BITS[each].format(f"(local.get {i})")
            mixed = f"(i64.mul (i64.xor {mixed} {bits}) (i64.const 1099511628211))"
        given = " ".join(RESULTS[each].format(mixed) for each in results)
        head = f"(func $f{index} (type $t{index}) (local {' '.join(extra)}) (local $x exnref)"
        return f"{head} {body} {given})"

    def constant(self, valtype):
        if valtype == "v128":
            low, high = (self.random.randint(0, 1 << 63) for _ in range(2))
            return f"(v128.const i64x2 {low} {high})"
        most = {"i32": (1 << 31) - 1, "i64": (1 << 63) - 1}.get(valtype, 1000)
        return f"({valtype}.const {self.random.randint(-most, most)})"

    def value(self, valtype, depth=2):
        having = [i for i, each in enumerate(self.locals) if each == valtype]
        if depth == 0 or self.random.random() < 0.3:
            if having and self.random.random() < 0.85:
                return f"(local.get {self.random.choice(having)})"
            return self.constant(valtype)
        operands = " ".join(self.value(valtype, depth - 1) for _ in range(2))
        return f"({self.random.choice(OPERATIONS[valtype])} {operands})"

    def values(self, types):
        return " ".join(map(self.value, types))

    def condition(self):
        return f"(i32.and {self.value('i32')} (i32.const 1))"

    def set_from_stack(self, types):
        """Pops values of these types, into locals where there are any."""
        text = ""
        for valtype in reversed(types):
            having = [i for i, each in enumerate(self.locals) if each == valtype]
            text += f"(local.set {self.random.choice(having)})" if having else "(drop)"
        return text

    def call(self):
        callee = self.random.randrange(self.index)
        params, results = self.signatures[callee]
        how = self.random.choice(
            (
                f"call $f{callee} {self.values(params)}",
                f"call_indirect (type $t{callee}) {self.values(params)} (i32.const {callee})",
                f"call_ref $t{callee} {self.values(params)} (ref.func $f{callee})",
            )
        )
        return f"({how}) {self.set_from_stack(results)}"

    def throw(self):
        tag = self.random.randrange(len(self.tags))
        rare = self.random.choice((1, 2, 4, 9))
        unlikely = f"(i32.lt_u (i32.and {self.value('i32')} (i32.const 15)) (i32.const {rare}))"
        return f"(if {unlikely} (then (throw $e{tag} {self.values(self.tags[tag])})))"

    def statements(self, depth, count=1):
        return " ".join(self.statement(depth) for _ in range(count))

    def statement(self, depth):
        what = self.random.random()
        if what < 0.3:
            valtype = self.random.choice(self.locals)
            return self.value(valtype, 3) + self.set_from_stack([valtype])
        if what < 0.5:
            return self.call() if self.index else ""
        if what < 0.58 or not depth:
            return self.throw()
        if what < 0.66:
            branches = [self.statements(depth - 1, self.random.randint(1, 4)) for _ in range(2)]
            return f"(if {self.value('i32')} (then {branches[0]}) (else {branches[1]}))"
        if what < 0.7:
            self.labels += 1
            label = f"$l{self.labels}"
            burn = "(global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))"
            again = f"(i32.and (i32.gt_s (global.get $fuel) (i32.const 0)) {self.condition()})"
            return f"(loop {label} {self.statements(depth - 1, 2)} {burn} (br_if {label} {again}))"
        return self.try_table(depth)

    def try_table(self, depth):
        self.labels += 1
        number = self.labels
        clauses = []
        for _ in range(self.random.randint(0, 3)):
            tag = self.random.randrange(len(self.tags))
            clauses.append((self.random.choice(("catch", "catch", "catch_ref")), tag))
        if self.random.random() < 0.4:
            clauses.append((self.random.choice(("catch_all", "catch_all_ref")), None))
        heads = [
            f"({kind} {'' if tag is None else f'$e{tag}'} $h{number}_{i})"
            for i, (kind, tag) in enumerate(clauses)
        ]
        body = self.statements(depth - 1, self.random.randint(1, 3))
        if self.index:
            body += self.call()
        text = f"(try_table {' '.join(heads)} {body}) (br $d{number})"
        for i, (kind, tag) in enumerate(clauses):
            types = [] if tag is None else list(self.tags[tag])
            after = self.set_from_stack(types) + self.statements(depth - 1)
            if kind.endswith("_ref"):
                again = f"(if {self.condition()} (then (throw_ref (local.get $x))))"
                after = f"(local.set $x) {self.random.choice(('', again))} {after}"
                types.append("exnref")
            result = f"(result {' '.join(types)})"
            text = f"(block $h{number}_{i} {result} {text} unreachable) {after} (br $d{number})"
        return f"(block $d{number} {text})"


def peer(binary, arguments):
    """The outcomes in wasmtime."""
    wasmtime = pytest.importorskip("wasmtime")
    config = wasmtime.Config()
    config.wasm_exceptions = config.wasm_gc = config.wasm_function_references = True
    config.wasm_tail_call = True
    store = wasmtime.Store(wasmtime.Engine(config))
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, binary), [])
    go = instance.exports(store)["go"]

    def outcome(*given):
        try:
            return go(store, *given)
        except wasmtime.Trap as error:
            return "thrown" if "thrown Wasm exception" in str(error) else str(error)

    return [outcome(*each) for each in arguments]


def own(module, arguments):
    """The outcomes here."""
    go = ww.Instance(module).exports.go

    def outcome(*given):
        try:
            return go(*given)
        except ww.WasmException:
            return "thrown"

    return [outcome(*each) for each in arguments]


def check(seed, parse):
    """Compares one program, compiled as a whole and function by function, at two levels."""
    chosen = random.Random(seed)
    binary = parse(Program(seed).text())
    arguments = [
        (chosen.randint(-9, 99), chosen.randint(-(1 << 62), 1 << 62), float(chosen.randint(-9, 9)))
        for _ in range(12)
    ]
    expected = peer(binary, arguments)
    for level, eager in ((0, False), (2, False), (2, True)):
        module = ww.Module(binary, level=level)
        if eager:
            module.compile()
        assert own(module, arguments) == expected, f"seed {seed}, level {level}, eager {eager}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
def test_a_program_does_what_it_does_in_wasmtime(wat, seed):
    check(seed, wat)


if __name__ == "__main__":
    from wasmwright.text import parse

    first, count = map(int, sys.argv[1:])
    for number in range(first, first + count):
        check(number, parse)
    sys.stdout.write(f"{count} programs agree\n")
