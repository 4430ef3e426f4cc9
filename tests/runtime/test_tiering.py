from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import wasmwright as ww
from wasmwright import tuning
from wasmwright.codegen.options import AUTO, BASELINE, TIERS
from wasmwright.runtime import compile_log

PATIENCE = 60.0  # seconds that a compilation may take on a busy machine


def made_by(source: str) -> list[compile_log.Compilation]:
    return [each for each in compile_log.entries() if each.source == source]


def wait_for_optimised() -> None:
    end = time.monotonic() + PATIENCE
    while not made_by(compile_log.HOT):
        assert time.monotonic() < end, "no optimised code came"
        time.sleep(0.01)


FIBONACCI = """(module
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"""

# Sums up rounds of each type until the host says that it is enough.
LOOP = """(module
  (import "host" "more" (func $more (param i32) (result i32)))
  (func (export "run") (param $step i64) (result i32 i64 f32 f64 v128 externref)
    (local $count i32) (local $long i64) (local $float f32) (local $double f64)
    (local $vector v128) (local $reference externref)
    (local.set $reference (ref.null extern))
    (loop $again
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (local.set $long (i64.add (local.get $long) (local.get $step)))
      (local.set $float (f32.add (local.get $float) (f32.const 0.5)))
      (local.set $double (f64.add (local.get $double) (f64.const 0.25)))
      (local.set $vector (i32x4.add (local.get $vector) (v128.const i32x4 1 2 3 4)))
      (br_if $again (call $more (local.get $count))))
    (local.get $count) (local.get $long) (local.get $float) (local.get $double)
    (local.get $vector) (local.get $reference)))"""


@pytest.mark.usefixtures("log")
def test_the_baseline_tier_compiles_without_llvm() -> None:
    fib = ww.Instance(ww.Module(FIBONACCI, tier=BASELINE)).exports.fib
    assert fib(15) == 610
    assert made_by(compile_log.BASELINE)
    assert {each.source for each in compile_log.entries()} == {compile_log.BASELINE}


@pytest.mark.usefixtures("log")
def test_a_function_that_is_hot_is_compiled_again_while_it_runs() -> None:
    fib = ww.Instance(ww.Module(FIBONACCI, tier=AUTO)).exports.fib
    assert fib(20) == 6765
    wait_for_optimised()
    assert fib(20) == 6765
    (hot,) = made_by(compile_log.HOT)
    assert (hot.func, hot.name) == (0, "fib")


@pytest.mark.usefixtures("log")
def test_what_was_hot_before_is_inlined_where_its_callers_are_hot() -> None:
    text = """(module
      (func $leaf (export "leaf") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func (export "caller") (param i32) (result i32) (call $leaf (call $leaf (local.get 0))))
      (func (param i32) (result i32) (call $leaf (local.get 0))))"""
    assert hot_units(text, ("leaf", "caller")) == [(0, 1), (1, 2)]


@pytest.mark.usefixtures("log")
def test_the_only_caller_of_what_is_hot_is_compiled_with_it() -> None:
    text = """(module
      (func $leaf (export "leaf") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func (export "caller") (param i32) (result i32) (call $leaf (call $leaf (local.get 0)))))"""
    assert hot_units(text, ("leaf",)) == [(1, 2)]


@pytest.mark.usefixtures("log")
def test_what_llvm_would_have_to_compile_badly_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "MOST_MERGES", 2)
    exports = ww.Instance(ww.Module(TWO_LOOPS, tier=AUTO)).exports
    assert exports.heavy(100_000) == exports.light(100_000) == 0
    wait_for_optimised()
    assert exports.heavy(100_000) == exports.light(100_000) == 0
    assert {each.name for each in made_by(compile_log.HOT)} == {"light"}


# Where the one's loop begins and ends, three locals have several values.
TWO_LOOPS = """(module
  (func (export "heavy") (param i32) (result i32) (local i32 i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 2)))
      (local.set 2 (i32.xor (local.get 1) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  (func (export "light") (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0)))"""


def hot_units(text: str, names: tuple[str, ...]) -> list[tuple[int, int]]:
    """The first function and the number of them in units that came as functions became hot."""
    exports = ww.Instance(ww.Module(text, tier=AUTO)).exports
    for expected, name in enumerate(names, 1):
        end = time.monotonic() + PATIENCE
        while len(made_by(compile_log.HOT)) < expected:
            assert time.monotonic() < end, "no optimised code came"
            assert exports[name](5) == 5 + expected
        assert exports[name](5) == 5 + expected
    return [(each.func, each.functions) for each in made_by(compile_log.HOT)]


@pytest.mark.usefixtures("log")
def test_a_loop_goes_on_in_optimised_code_with_its_locals() -> None:
    seen: list[int] = []

    def more(count: int) -> int:
        if not made_by(compile_log.HOT):
            return 1
        seen.append(count)
        return int(len(seen) <= 3 * tuning.HOT_AGAIN)

    instance = ww.Instance(ww.Module(LOOP, tier=AUTO), {"host": {"more": more}})
    count, long, float_, double, vector, reference = instance.exports.run(3)
    assert count == seen[-1]
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    assert long == 3 * count
    assert (float_, double) == (0.5 * count, 0.25 * count)
    assert vector == b"".join((count * i).to_bytes(4, "little") for i in (1, 2, 3, 4))
    assert reference is None


@pytest.mark.usefixtures("log")
def test_a_backtrace_through_a_loop_that_was_entered_has_one_frame_for_it() -> None:
    calls = 0

    def more(count: int) -> int:
        nonlocal calls
        calls += bool(made_by(compile_log.HOT))
        if calls > 3 * tuning.HOT_AGAIN:
            raise KeyError(count)
        return 1

    instance = ww.Instance(ww.Module(LOOP, tier=AUTO), {"host": {"more": more}})
    with pytest.raises(KeyError) as caught:
        instance.exports.run(3)
    frames = [each for each in ww.backtrace(caught.value) if isinstance(each, ww.Frame)]
    assert [frame.func for frame in frames] == [1]


@pytest.mark.usefixtures("log")
def test_thresholds_of_zero_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOT_CALLS", "HOT_ROUNDS", "HOT_AGAIN"):
        monkeypatch.setattr(tuning, name, 0)
    fib = ww.Instance(ww.Module(FIBONACCI, tier=AUTO)).exports.fib
    assert [fib(n) for n in range(20)] == [fib(n) for n in range(20)]
    wait_for_optimised()
    assert fib(20) == 6765


@pytest.mark.usefixtures("log")
def test_instances_made_before_and_after_get_the_optimised_code() -> None:
    module = ww.Module(FIBONACCI, tier=AUTO)
    before = ww.Instance(module)
    assert before.exports.fib(20) == 6765
    wait_for_optimised()
    after = ww.Instance(module)
    assert after.exports.fib(20) == before.exports.fib(20) == 6765


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(ValueError, match="a tier is one of baseline, optimised, auto"):
        ww.Module("(module)", tier="fast")
    with pytest.raises(ValueError, match="a tier is one of baseline, optimised, auto"):
        ww.Module.from_stream(io.BytesIO(b""), tier="fast")


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_traps_with_the_same_backtrace(tier: str) -> None:
    text = """(module
      (memory 1)
      (func $outer (export "outer") (param i32) (result i32) (call $inner (local.get 0)))
      (func $inner (param i32) (result i32) (i32.load (local.get 0))))"""
    instance = ww.Instance(ww.Module(text, tier=tier))
    assert instance.exports.outer(0) == 0
    with pytest.raises(ww.Trap, match="out of bounds memory access") as caught:
        instance.exports.outer(-4)
    assert [frame.name for frame in caught.value.frames] == ["inner", "outer"]
    assert [frame.offset for frame in caught.value.frames] == OFFSETS


# Of `i32.load` in $inner, and of the call in $outer.
OFFSETS = [0x33, 0x2C]


def test_stats_say_what_was_compiled(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from wasmwright.cli.commands import cli

    path = tmp_path / "fib.wat"
    path.write_text(FIBONACCI)
    result = CliRunner(env={"WASMWRIGHT_CACHE": "off"}).invoke(
        cli, ["run", "--tier", "baseline", "--stats", "--invoke", "fib", str(path), "10"]
    )
    compile_log.disable()
    assert result.exit_code == 0
    assert result.stdout == "55\n"
    assert "baseline           1" in result.stderr
    assert result.stderr.splitlines()[-1].split()[:3] == ["total", "baseline", "1"]


FORKED = """
import os, sys, time
import wasmwright as ww
from wasmwright.runtime import compile_log
compile_log.enable()
fib = ww.Instance(ww.Module(sys.argv[1], tier="auto")).exports.fib
for turn in range(4):
    child = os.fork()
    if child == 0:
        assert fib(22) == 17711
        print("child", fib(22), flush=True)
        os._exit(0)
    assert fib(22) == 17711
    assert os.waitpid(child, 0)[1] == 0
"""


def test_processes_that_are_forked_go_on() -> None:
    environment = {**os.environ, "WASMWRIGHT_CACHE": "off"}
    command = [sys.executable, "-c", FORKED, FIBONACCI]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
    assert (done.returncode, done.stdout) == (0, "child 17711\n" * 4), done.stderr


def test_a_handler_of_a_signal_may_call_while_code_is_compiled() -> None:
    inner = ww.Instance(ww.Module(FIBONACCI, tier=AUTO)).exports.fib
    found: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: found.append(inner(10)))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for i in range(50):
            text = FIBONACCI.replace("i32.const 2", f"i32.const {2 + i % 2}")
            assert ww.Instance(ww.Module(text, tier=AUTO)).exports.fib(1) == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert found
    assert set(found) == {55}


ENDING = """
import sys, threading
import wasmwright as ww
from wasmwright.runtime import tiering
at_work = threading.Event()
def optimise(self, unit, site):
    at_work.set()
    threading.Event().wait()
class Slow:
    optimise = optimise
    name = lambda self, func: "slow"
    is_optimised = lambda self, func: False
tiers = tiering.get()
add = tiers.add
slow = Slow()
tiers.add = lambda first, owner, unit: add(first, slow, unit)
fib = ww.Instance(ww.Module(sys.argv[1], tier="auto")).exports.fib
fib(25)
assert at_work.wait(60)
print("out")
raise SystemExit(3)
"""


def test_the_end_of_the_process_does_not_wait_for_what_takes_long() -> None:
    environment = {**os.environ, "WASMWRIGHT_CACHE": "off"}
    command = [sys.executable, "-c", ENDING, FIBONACCI]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "")
