"""Exceptions that baseline code throws, catches, and lets pass."""

import pytest

import wasmwright as ww

TIERS = ("baseline", "optimised")

THROWER = """
(module
  (import "env" "tag" (tag $tag (param i32 i64 f64 v128)))
  (func (export "throw") (param i32)
    (throw $tag (local.get 0) (i64.const 0x123456789) (f64.const 2.5)
      (v128.const i64x2 3 4)))
  (func (export "zero") (param i32) (drop (i32.div_u (i32.const 1) (i32.const 0)))))
"""
PASSER = """
(module
  (import "env" "callee" (func $callee (param i32)))
  (func (export "pass") (param i32) (local i32 i32 i64 f64)
    (local.set 1 (i32.const 100)) (local.set 2 (i32.const 200)) (local.set 3 (i64.const 300))
    (loop (call $callee (i32.add (local.get 0) (i32.const 1)))
      (local.set 1 (i32.add (local.get 1) (local.get 2))) (br_if 0 (local.get 1)))))
"""
CATCHER = """
(module
  (import "env" "tag" (tag $tag (param i32 i64 f64 v128)))
  (import "env" "callee" (func $callee (param i32)))
  (func (export "catch") (param i32) (result i64) (local i32 i64 i32 f64)
    (local.set 1 (i32.const 7)) (local.set 2 (i64.const 1000)) (local.set 4 (f64.const 0.5))
    (loop
      (block $h (result i32 i64 f64 v128)
        (try_table (catch $tag $h) (call $callee (local.get 0)))
        (return (i64.const -1)))
      i64x2.extract_lane 1  local.get 2  i64.add  local.set 2
      local.get 4  f64.add  local.set 4
      local.get 2  i64.add  local.set 2
      local.get 3  i32.add  local.set 3
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (i64.add (i64.add (local.get 2) (i64.extend_i32_u (local.get 3)))
      (i64.trunc_f64_s (local.get 4)))))
"""
VALUES = ("i32", "i64", "f64", "v128")


@pytest.mark.parametrize("inner", TIERS)
@pytest.mark.parametrize("middle", TIERS)
@pytest.mark.parametrize("outer", TIERS)
def test_an_exception_goes_through_frames_of_both_tiers(inner, middle, outer):
    tag = ww.Tag(*VALUES)
    thrower = ww.Instance(ww.Module(THROWER, tier=inner), {"env": {"tag": tag}}).exports
    imports = {"env": {"callee": thrower.throw}}
    passer = ww.Instance(ww.Module(PASSER, tier=middle), imports).exports
    imports = {"env": {"tag": tag, "callee": passer["pass"]}}
    catcher = ww.Instance(ww.Module(CATCHER, tier=outer), imports).exports
    for start in (1, 5):
        expected = 1000 + 7 * (0x123456789 + 4 + start + 1) + 18
        assert catcher.catch(start) == expected
    with pytest.raises(ww.WasmException) as caught:
        passer["pass"](3)
    assert caught.value.payload[:3] == (4, 0x123456789, 2.5)


def test_a_trap_is_not_caught():
    zero = ww.Instance(
        ww.Module(THROWER, tier="baseline"), {"env": {"tag": ww.Tag(*VALUES)}}
    ).exports.zero
    module = ww.Module(
        """(module (import "" "callee" (func $callee (param i32)))
          (func (export "run")
            (block $h (try_table (catch_all $h) (call $callee (i32.const 0))))))""",
        tier="baseline",
    )
    with pytest.raises(ww.Trap, match="divide by zero"):
        ww.Instance(module, {"": {"callee": zero}}).exports.run()


def test_a_backtrace_begins_where_the_exception_was_thrown():
    text = """
    (module (tag $tag)
      (func $thrower (throw $tag))
      (func $caller (param i32) (if (local.get 0) (then (call $thrower))))
      (func (export "run") (call $caller (i32.const 1))))
    """
    frames = []
    for tier in TIERS:
        with pytest.raises(ww.WasmException) as caught:
            ww.Instance(ww.Module(text, tier=tier, level=0)).exports.run()
        frames.append([(frame.func, frame.offset) for frame in caught.value.frames])
    assert frames[0] == frames[1]
    assert [func for func, _ in frames[0]] == [0, 1, 2]


LEGACY = """
(module
  (tag $a (param i32)) (tag $b (param i64)) (tag $c)
  (func $throw (param i32)
    (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 11))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b (i64.const 22))))
    (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c))))
  (func (export "clauses") (param i32) (result i32)
    (i32.const 1000)
    try (result i32)
      local.get 0  call $throw  i32.const 5
    catch $a
    catch $b
      i32.wrap_i64
    catch_all
      i32.const 33
    end
    i32.add)
  (func (export "rethrow") (param i32) (result i32)
    try (result i32)
      try (result i32)
        local.get 0  call $throw  i32.const 5
      catch_all
        i32.const 1  i32.const 2  i32.add  drop
        try
          i32.const 2  call $throw
        catch $b
          drop
          rethrow 1
        end
        i32.const 0
      end
    catch $a
    catch $b
      i32.wrap_i64
    catch_all
      i32.const 33
    end)
  (func (export "delegate") (param i32) (result i32)
    try (result i32)
      try (result i32)
        try (result i32)
          local.get 0  call $throw  i32.const 5
        delegate 1
      catch_all
        i32.const -1
      end
    catch $a
    catch_all
      i32.const 44
    end)
  (func $out (param i32) (result i32)
    try (result i32)
      try (result i32)
        local.get 0  call $throw  i32.const 5
      delegate 1
    catch_all
      i32.const -1
    end)
  (func (export "delegate_out") (param i32) (result i32)
    try (result i32)
      local.get 0  call $out
    catch_all
      i32.const 55
    end))
"""


def test_legacy_instructions():
    exports = ww.Instance(ww.Module(LEGACY, tier="baseline")).exports
    assert [exports.clauses(n) for n in range(4)] == [1005, 1011, 1022, 1033]
    assert [exports.rethrow(n) for n in range(4)] == [5, 11, 22, 33]
    assert [exports.delegate(n) for n in range(4)] == [5, 11, 44, 44]
    assert [exports.delegate_out(n) for n in range(4)] == [5, 55, 55, 55]


def test_a_throw_is_taken_from_the_table_when_its_code_is_gone():
    for round_ in range(20):
        text = LEGACY.replace("i32.const 33", f"i32.const {round_}")
        exports = ww.Instance(ww.Module(text, tier="baseline")).exports
        assert exports.clauses(3) == 1000 + round_
        del exports


def test_many_nested_blocks_that_catch():
    depth = 2000
    text = f"""(module (tag $t)
      (func (export "run") (result i32)
        {"try " * depth} throw $t {"delegate 0 " * (depth - 1)} catch_all i32.const 9 return end
        i32.const 0))"""
    assert ww.Instance(ww.Module(text, tier="baseline")).exports.run() == 9
