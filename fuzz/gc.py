"""Runs made-up programs on garbage-collected objects here and in wasmtime, and compares.

A program makes structures, arrays and i31 of a small hierarchy of types, keeps them in locals,
fields, elements, globals and a table, casts them, throws them, and folds what it reads into a hash.
Each runs here twice: with a collection every 32 KiB, and with one at every allocation. The oracle:
the same result and hash as wasmtime's, or a trap in both at the same hash.

    python fuzz/gc.py [--seed N] [--seconds N]
"""

import argparse
import random
import sys
import time

import wasmtime

import wasmwright as ww

TYPES = """
  (rec
    (type $s (sub (struct (field (mut i32)) (field (mut (ref null $s)))
      (field (mut (ref null $bytes))) (field (mut anyref)))))
    (type $bytes (array (mut i16)))
    (type $list (array (mut (ref null $s)))))
  (type $t (sub $s (struct (field (mut i32)) (field (mut (ref null $s)))
    (field (mut (ref null $bytes))) (field (mut anyref)) (field (mut i64)) (field (mut i8)))))
  (type $u (sub final $t (struct (field (mut i32)) (field (mut (ref null $s)))
    (field (mut (ref null $bytes))) (field (mut anyref)) (field (mut i64)) (field (mut i8))
    (field (mut (ref null $list))) (field (mut v128)))))
  (type $longs (array (mut i64)))
  (tag $thrown (param (ref null $s) i32))
  (data $text "hello garbage collected world")
  (elem $made (ref null $s) (item (ref.null $s)) (item
    (struct.new $s (i32.const 5) (ref.null $s) (ref.null $bytes) (ref.i31 (i32.const 9)))))
  (global $kept (mut (ref null $s)) (ref.null $s))
  (global $keptlist (mut (ref null $list)) (ref.null $list))
  (global $hash (export "hash") (mut i32) (i32.const 0))
  (global $fuel (mut i32) (i32.const 60))
  (table $table 8 anyref)"""

# What is null or too short is replaced most of the time, so that programs run on.
HELPERS = """
  (func $some (param (ref null $s)) (result (ref $s))
    (if (ref.is_null (local.get 0)) (then (return (struct.new_default $t))))
    (ref.as_non_null (local.get 0)))
  (func $eight (param (ref null $bytes)) (result (ref $bytes))
    (if (ref.is_null (local.get 0)) (then (return (array.new_default $bytes (i32.const 8)))))
    (if (i32.lt_u (array.len (local.get 0)) (i32.const 8))
      (then (return (array.new_default $bytes (i32.const 8)))))
    (ref.as_non_null (local.get 0)))
  (func $four (param (ref null $list)) (result (ref $list))
    (if (ref.is_null (local.get 0)) (then (return (array.new_default $list (i32.const 4)))))
    (if (i32.lt_u (array.len (local.get 0)) (i32.const 4))
      (then (return (array.new_default $list (i32.const 4)))))
    (ref.as_non_null (local.get 0)))
  (func $as_s (param anyref) (result (ref null $s))
    (if (result (ref null $s)) (ref.test (ref $s) (local.get 0))
      (then (ref.cast (ref $s) (local.get 0)))
      (else (struct.new_default $s))))
  (func $sum (param $x anyref) (param $depth i32) (result i32)
    (local $s (ref null $s)) (local $bytes (ref null $bytes)) (local $list (ref null $list))
    (local $i i32) (local $hash i32)
    (if (i32.eqz (local.get $depth)) (then (return (i32.const 1))))
    (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
    (if (ref.is_null (local.get $x)) (then (return (i32.const 2))))
    (if (ref.test (ref i31) (local.get $x))
      (then (return (i31.get_s (ref.cast (ref i31) (local.get $x))))))
    (if (ref.test (ref $bytes) (local.get $x)) (then
      (local.set $bytes (ref.cast (ref $bytes) (local.get $x)))
      (block $end (loop $next
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $bytes))))
        (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 3))
          (array.get_s $bytes (local.get $bytes) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
      (return (local.get $hash))))
    (if (ref.test (ref $list) (local.get $x)) (then
      (local.set $list (ref.cast (ref $list) (local.get $x)))
      (block $end (loop $next
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $list))))
        (br_if $end (i32.ge_u (local.get $i) (i32.const 5)))
        (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 5))
          (call $sum (array.get $list (local.get $list) (local.get $i)) (local.get $depth))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
      (return (local.get $hash))))
    (if (i32.eqz (ref.test (ref $s) (local.get $x))) (then (return (i32.const 11))))
    (local.set $s (ref.cast (ref $s) (local.get $x)))
    (i32.add (struct.get $s 0 (local.get $s)) (i32.mul (i32.const 7)
      (i32.add (call $sum (struct.get $s 1 (local.get $s)) (local.get $depth))
        (i32.mul (i32.const 7)
          (i32.add (call $sum (struct.get $s 2 (local.get $s)) (local.get $depth))
            (i32.mul (i32.const 7)
              (call $sum (struct.get $s 3 (local.get $s)) (local.get $depth)))))))))"""

FUNCTIONS = 3
ROUNDS = 6
LOCALS = {"s": ("$s", 4), "bytes": ("$bytes", 3), "list": ("$list", 2), "any": ("any", 3)}


class Program:
    """One program: ``text`` is its module."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        functions = "".join(self.function(number) for number in range(FUNCTIONS))
        run = """
  (func (export "run") (result i32)
    (call $sum (call $f0 (i32.const 4) (ref.null $s)) (i32.const 6)))"""
        self.text = f"(module {TYPES} {HELPERS} {functions} {run})"

    def pick(self, depth, leaves, makers):
        """One of ``leaves``, texts, or what one of ``makers`` gives; deep down a leaf."""
        if depth > 3 or self.random.random() < 0.4:
            return self.random.choice(leaves)
        return self.random.choice(makers)(depth + 1)

    def local(self, kind):
        return f"${kind}{self.random.randrange(LOCALS[kind][1])}"

    def locals(self, kind):
        return [f"(local.get ${kind}{number})" for number in range(LOCALS[kind][1])]

    def size(self, *sizes):
        return f"(i32.const {self.random.choice(sizes)})"

    # Expressions, by their type

    def i32(self, depth=0):
        numbers = [f"(i32.const {each})" for each in (0, 1, 2, 3, 7, -1, 255, 65535)]
        heap_types = ("$s", "$t", "$u", "$bytes", "$list", "i31", "eq", "struct", "array")
        return self.pick(
            depth,
            [*numbers, "(local.get $h)", "(local.get $h)", "(local.get $i)"],
            [
                lambda d: f"(struct.get $s 0 {self.safe(self.s, '$some', d)})",
                lambda d: (
                    f"(array.get_u $bytes {self.safe(self.bytes, '$eight', d)} "
                    f"(i32.and {self.i32(d)} (i32.const 7)))"
                ),
                lambda d: f"(ref.test (ref {self.random.choice(heap_types)}) {self.any(d)})",
                lambda d: f"(ref.is_null {self.random.choice((self.s, self.list, self.any))(d)})",
                lambda d: f"(array.len {self.safe(self.list, '$four', d)})",
                lambda d: f"(i32.add {self.i32(d)} {self.i32(d)})",
            ],
        )

    def safe(self, maker, helper, depth):
        made = maker(depth)
        return made if self.random.random() < 0.01 else f"(call {helper} {made})"

    def s(self, depth=0):
        def fields(d):
            return f"{self.i32(d)} {self.s(d)} {self.bytes(d)} {self.any(d)}"

        return self.pick(
            depth,
            [*self.locals("s"), "(global.get $kept)"],
            [
                lambda d: f"(struct.new $s {fields(d)})",
                lambda d: f"(struct.new $t {fields(d)} (i64.const 8) {self.i32(d)})",
                lambda d: (
                    f"(struct.new $u {fields(d)} (i64.const 7) {self.i32(d)} {self.list(d)} "
                    "(v128.const i64x2 1 2))"
                ),
                lambda d: f"(struct.new_default {self.random.choice(('$s', '$t', '$u'))})",
                lambda d: f"(struct.get $s 1 {self.safe(self.s, '$some', d)})",
                lambda d: (
                    f"(array.get $list {self.safe(self.list, '$four', d)} "
                    f"(i32.and {self.i32(d)} (i32.const 3)))"
                ),
                lambda d: f"(call $as_s {self.any(d)})",
                lambda d: f"(select (result (ref null $s)) {self.s(d)} {self.s(d)} {self.i32(d)})",
            ],
        )

    def bytes(self, depth=0):
        return self.pick(
            depth,
            self.locals("bytes"),
            [
                lambda d: f"(array.new $bytes {self.i32(d)} {self.size(0, 1, 8, 8, 40, 600)})",
                lambda d: f"(array.new_fixed $bytes 8 {' '.join(self.i32(3) for _ in range(8))})",
                lambda d: f"(array.new_data $bytes $text {self.size(0, 1, 3)} (i32.const 8))",
                lambda d: f"(array.new_default $bytes {self.size(8, 8, 16, 64, 129)})",
                lambda d: f"(struct.get $s 2 {self.safe(self.s, '$some', d)})",
            ],
        )

    def list(self, depth=0):
        return self.pick(
            depth,
            [*self.locals("list"), "(global.get $keptlist)"],
            [
                lambda d: f"(array.new $list {self.s(d)} {self.size(1, 4, 4, 16, 100)})",
                lambda d: "(array.new_elem $list $made (i32.const 0) (i32.const 2))",
                lambda d: f"(array.new_fixed $list 4 {' '.join(self.s(d) for _ in range(4))})",
            ],
        )

    def any(self, depth=0):
        return self.pick(
            depth,
            self.locals("any"),
            [
                lambda d: f"(ref.i31 {self.i32(d)})",
                self.s,
                self.bytes,
                self.list,
                lambda d: f"(struct.get $s 3 {self.safe(self.s, '$some', d)})",
                lambda d: f"(table.get $table (i32.and {self.i32(d)} (i32.const 7)))",
                lambda d: f"(any.convert_extern (extern.convert_any {self.any(d)}))",
            ],
        )

    # Statements

    def statement(self, depth=0):
        makers = [self.assign, self.assign, self.assign, self.set_field, self.set_element]
        makers += [self.keep, self.fold, self.fold, self.call, self.throw, self.cast, self.copy]
        if depth < 2:
            makers.append(self.choice)
        return self.random.choice(makers)(depth)

    def assign(self, _):
        kind = self.random.choice(tuple(LOCALS))
        return f"(local.set {self.local(kind)} {getattr(self, kind)()})"

    def set_field(self, _):
        field = self.random.randrange(4)
        value = (self.i32, self.s, self.bytes, self.any)[field]()
        return f"(struct.set $s {field} {self.safe(self.s, '$some', 2)} {value})"

    def set_element(self, _):
        if self.random.random() < 0.5:
            index = f"(i32.and {self.i32()} (i32.const 7))"
            array = self.safe(self.bytes, "$eight", 2)
            return f"(array.set $bytes {array} {index} {self.i32()})"
        index = f"(i32.and {self.i32()} (i32.const 3))"
        return f"(array.set $list {self.safe(self.list, '$four', 2)} {index} {self.s()})"

    def keep(self, _):
        return self.random.choice(
            (
                f"(global.set $kept {self.s()})",
                f"(global.set $keptlist {self.list()})",
                f"(table.set $table (i32.and {self.i32()} (i32.const 7)) {self.any()})",
            )
        )

    def fold(self, _):
        value = self.random.choice((self.i32(), f"(call $sum {self.any()} (i32.const 5))"))
        return f"(local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) {value}))"

    def call(self, _):
        number = self.random.randrange(FUNCTIONS)
        less = "(i32.sub (local.get $n) (i32.const 1))"
        return f"(local.set {self.local('s')} (call $f{number} {less} {self.s(2)}))"

    def throw(self, _):
        return f"""(block $caught (result (ref null $s) i32)
      (try_table (catch $thrown $caught)
        {self.statement(2)} (throw $thrown {self.s(1)} {self.i32()}))
      (unreachable))
    (local.set $h (i32.add (local.get $h))) (local.set {self.local("s")})"""

    def cast(self, _):
        heap_type = self.random.choice(("$t", "$u", "$bytes", "i31"))
        return f"""(block $fits (result anyref)
      (br_on_cast $fits anyref (ref {heap_type}) {self.any()}) (drop)
      (local.set $h (i32.add (local.get $h) (i32.const 3))) (ref.null any))
    (local.set {self.local("any")})"""

    def copy(self, _):
        return f"""(array.copy $bytes $bytes {self.safe(self.bytes, "$eight", 1)} (i32.const 3)
      (array.new $bytes {self.i32()} (i32.const 9)) (i32.const 1) (i32.const 5))
    (drop (array.new_default $longs {self.size(1, 100, 1200)}))"""

    def choice(self, depth):
        first, second = self.statement(depth + 1), self.statement(depth + 1)
        return f"(if {self.i32()} (then {first}) (else {second}))"

    def function(self, number):
        names = "".join(
            f" (local ${kind}{i} (ref null {heap_type}))"
            for kind, (heap_type, count) in LOCALS.items()
            for i in range(count)
            if (kind, i) != ("s", 0)
        )
        names = names.replace("(ref null any)", "anyref")
        body = "\n    ".join(self.statement() for _ in range(self.random.randrange(6, 18)))
        return f"""
  (func $f{number} (param $n i32) (param $s0 (ref null $s)) (result (ref null $s)) {names}
    (local $h i32) (local $i i32)
    (if (i32.le_s (local.get $n) (i32.const 0)) (then (return (local.get $s0))))
    (if (i32.eqz (global.get $fuel)) (then (return (local.get $s0))))
    (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
    (loop $again
    {body}
    (global.set $hash (i32.add (i32.mul (global.get $hash) (i32.const 17)) (local.get $h)))
    (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
      (i32.const {ROUNDS}))))
    (local.get $s1))"""


def reference(engine, binary):
    """The result, or None for a trap, and the hash in wasmtime."""
    store = wasmtime.Store(engine)
    exports = wasmtime.Instance(store, wasmtime.Module(engine, binary), []).exports(store)
    try:
        result = exports["run"](store)
    except wasmtime.Trap:
        result = None
    return result, exports["hash"].value(store)


def ours(module, stress):
    """The same here."""
    instance = ww.Instance(module)
    instance.heap.threshold = 1 << 15
    instance.heap.stress = stress
    try:
        result = instance.exports.run()
    except ww.Trap:
        result = None
    return result, instance.exports.hash.value


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    config = wasmtime.Config()
    config.wasm_gc = config.wasm_exceptions = config.wasm_function_references = True
    engine = wasmtime.Engine(config)
    until = time.monotonic() + options.seconds
    seed, trapped, status = options.seed, 0, 0
    while time.monotonic() < until:
        binary = ww.wat2wasm(Program(seed).text)
        expected = reference(engine, binary)
        trapped += expected[0] is None
        module = ww.Module(binary)
        for stress in (False, True):
            found = ours(module, stress)
            if found != expected:
                print(f"seed {seed}, stress {stress}: {found}, wasmtime {expected}", flush=True)
                status = 1
        seed += 1
    print(f"{seed - options.seed} programs, {trapped} of them trapped")
    return status


if __name__ == "__main__":
    sys.exit(main())
