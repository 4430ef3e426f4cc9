"""Objects of the heap in baseline code: what it holds is found by a collection."""

import pytest

import wasmwright as ww

LIST = """
(module
  (type $node (sub (struct (field (mut i32)) (field (mut (ref null $node))) (field (mut i8)))))
  (type $big (sub $node (struct (field (mut i32)) (field (mut (ref null $node))) (field (mut i8))
    (field (mut v128)) (field (mut f64)))))
  (type $nodes (array (mut (ref null $node))))
  (func $cons (param i32 (ref null $node)) (result (ref $node))
    (if (result (ref $node)) (i32.and (local.get 0) (i32.const 1))
      (then (struct.new $big (local.get 0) (local.get 1) (i32.const 200)
        (v128.const i64x2 5 6) (f64.const 1.5)))
      (else (struct.new $node (local.get 0) (local.get 1) (i32.const -1)))))
  (func $range (param i32) (result (ref null $node)) (local (ref null $node))
    (loop
      (local.set 1 (call $cons (local.get 0) (local.get 1)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $sum (param (ref null $node)) (result i64) (local i64)
    (loop
      (if (ref.is_null (local.get 0)) (then (return (local.get 1))))
      (local.set 1 (i64.add (local.get 1)
        (i64.extend_i32_s (struct.get $node 0 (local.get 0)))))
      (local.set 1 (i64.add (local.get 1)
        (i64.extend_i32_s (struct.get_u $node 2 (local.get 0)))))
      (block $not (result (ref null $node))
        (br_on_cast_fail $not (ref null $node) (ref $big) (local.get 0))
        (struct.get $big 3)
        (local.set 1 (i64.add (i64x2.extract_lane 1) (local.get 1)))
        (local.get 0))
      (drop)
      (local.set 0 (struct.get $node 1 (local.get 0)))
      (br 0))
    (unreachable))
  (func (export "lists") (param i32) (result i64) (local i64)
    ;; Both lists stay on the stack while others are made.
    (call $range (local.get 0))
    (call $sum (call $range (local.get 0)))
    (drop (call $range (local.get 0)))
    (local.set 1)
    (i64.add (call $sum) (local.get 1)))
  (func (export "arrays") (param i32) (result i64) (local (ref null $nodes) i32)
    (local.set 1 (array.new_fixed $nodes 3 (call $range (local.get 0)) (ref.null $node)
      (call $cons (i32.const 8) (ref.null $node))))
    (drop (array.new $nodes (call $range (local.get 0)) (i32.const 100)))
    (array.fill $nodes (local.get 1) (i32.const 1) (call $range (local.get 0)) (i32.const 1))
    (array.copy $nodes $nodes (local.get 1) (i32.const 1) (local.get 1) (i32.const 0)
      (i32.const 2))
    (i64.add (i64.add
      (call $sum (array.get $nodes (local.get 1) (i32.const 0)))
      (call $sum (array.get $nodes (local.get 1) (i32.const 1))))
      (call $sum (array.get $nodes (local.get 1) (i32.const 2))))))
"""


def total(count):
    return sum(n + (206 if n & 1 else 255) for n in range(1, count + 1))


@pytest.mark.parametrize("stress", [False, True])
def test_what_frames_hold_survives_collections(stress):
    instance = ww.Instance(ww.Module(LIST, tier="baseline"))
    instance.heap.threshold = 1 << 15
    instance.heap.stress = stress
    count = 40 if stress else 3000
    for _ in range(3):
        assert instance.exports.lists(count) == 2 * total(count)
        assert instance.exports.arrays(count) == 3 * total(count)


def test_casts_agree_between_the_tiers():
    targets = "any eq i31 struct array none $a $b $c $d $v".split()
    types = """(type $a (sub (struct))) (type $b (sub $a (struct (field i32))))
      (type $c (sub final $b (struct (field i32)))) (type $d (sub (struct (field i64))))
      (type $v (array i8))"""
    makers = [
        "(ref.null none)", "(ref.i31 (i32.const 5))", "(struct.new_default $a)",
        "(struct.new_default $b)", "(struct.new_default $c)", "(struct.new_default $d)",
        "(array.new_default $v (i32.const 3))", "(any.convert_extern (local.get 1))",
    ]  # fmt: skip
    blocks = "".join(f"(block $m{i} " for i in reversed(range(len(makers))))
    table = " ".join(f"$m{i}" for i in range(len(makers)))
    ends = "".join(f") (return {maker})" for maker in makers)
    tests = []
    for number, target in enumerate(targets):
        for null in ("", "null "):
            tests.append(
                f"""(func (export "{null}{number}") (param i32 externref) (result i32)
                  (i32.add (ref.test (ref {null}{target}) (call $make (local.get 0) (local.get 1)))
                    (block $end (result i32)
                      (block $yes (result (ref {null}{target}))
                        (br_on_cast $yes anyref (ref {null}{target})
                          (call $make (local.get 0) (local.get 1)))
                        (drop) (br $end (i32.const 2)))
                      (drop) (i32.const 4))))
                (func (export "cast {null}{number}") (param i32 externref) (result anyref)
                  (ref.cast (ref {null}{target}) (call $make (local.get 0) (local.get 1))))"""
            )
    text = f"""(module (rec {types})
      (func $make (param i32 externref) (result anyref)
        {blocks} (br_table {table} (local.get 0)) {ends} (unreachable))
      {"".join(tests)})"""
    found = []
    for tier in ("baseline", "optimised"):
        exports = ww.Instance(ww.Module(text, tier=tier, level=0)).exports
        results = []
        for number in range(len(targets)):
            for null in ("", "null "):
                for value in range(len(makers)):
                    for prefix in ("", "cast "):
                        try:
                            result = exports[f"{prefix}{null}{number}"](value, "text")
                            results.append(result if isinstance(result, int) else "object")
                        except ww.Trap as error:
                            results.append(error.kind)
        found.append(results)
    assert found[0] == found[1]
    assert "cast failure" in found[0]
