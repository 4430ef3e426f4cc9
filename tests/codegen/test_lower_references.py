"""The static types of references, which null checks and casts are left out by."""

import pytest

import wasmwright as ww

TYPES = """(type $s (sub (struct (field i32)))) (type $t (sub $s (struct (field i32) (field i64))))
  (type $f (func (result i32)))
  (elem declare func $seven) (func $seven (type $f) (i32.const 7))
  (global $null (mut (ref null $s)) (ref.null $s))
  (global $one (mut i32) (i32.const 1))"""


@pytest.mark.parametrize("condition", ["(global.get $one)", "(i32.const 5)"])
@pytest.mark.parametrize("null", ["(global.get $null)", "(ref.null $s)"])
def test_a_selection_may_be_null_if_one_of_its_operands_may(instantiate, null, condition):
    chosen = f"(select (result (ref null $s)) {null} (struct.new_default $s) {condition})"
    other = f"(select (result (ref null $s)) (struct.new_default $s) {null} (i32.eqz {condition}))"
    for text in (chosen, other):
        instance = instantiate(f"""(module {TYPES}
          (func (export "get") (drop (struct.get $s 0 {text})))
          (func (export "kept") (result i32) (struct.get $s 0 {text})))""")
        for name in ("get", "kept"):
            with pytest.raises(ww.Trap, match="null structure reference"):
                instance.exports[name]()


def test_a_selection_is_of_its_own_type_whatever_its_operands_are(instantiate):
    text = f"""(module {TYPES}
      (func $either (param i32) (result (ref $s))
        (select (result (ref $s))
          (struct.new $s (i32.const 1)) (struct.new $t (i32.const 2) (i64.const 3))
          (local.get 0)))
      (func (export "is_t") (param i32) (result i32)
        (ref.test (ref $t)
          (select (result (ref $s))
            (struct.new $s (i32.const 1)) (struct.new $t (i32.const 2) (i64.const 3))
            (local.get 0))))
      (func (export "is_i31") (param i32) (result i32)
        (ref.test (ref i31)
          (select (result (ref eq)) (struct.new_default $s) (ref.i31 (i32.const 1))
            (local.get 0))))
      (func (export "call") (param i32) (result i32)
        (call_ref $f
          (select (result (ref null $f)) (ref.null $f) (ref.func $seven) (local.get 0)))))"""
    exports = instantiate(text).exports
    assert [exports.is_t(0), exports.is_t(1)] == [1, 0]
    assert [exports.is_i31(0), exports.is_i31(1)] == [1, 0]
    assert exports.call(0) == 7
    with pytest.raises(ww.Trap, match="null function reference"):
        exports.call(1)
