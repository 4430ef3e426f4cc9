"""Measures what speed the tier `auto` comes to within two seconds, beside the tier `optimised`.

Each program runs in a process of its own, with the cache off. There it is started in `auto`, again
and again, until SECONDS have passed; then `auto` and `optimised` take turns, and the least time
counts that the program took for its own kernel. Times are CPU time of the thread that runs, which
other processes disturb less. The programs are those of run.py. Those of LOOPS run in one single
call that never calls anew what is hot; of these, the least time of some rounds counts.

    python bench/steady.py
    python bench/steady.py --suite kernels --only gemm,lu --repeats 5
    python bench/steady.py --update-docs
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import build
import report
from run import TAKES_DIRECTORY

import wasmwright as ww
from wasmwright import _build_info, wasi

TIERS = ("auto", "optimised")
GOAL = 0.9
SECONDS = 2.0
LOOP_TICKS = 20  # of 2^20 rounds
SUITES = (*build.SUITES, "loops")

# What the loops do in a round: LLVM needs far fewer instructions for it, and no memory for locals.
ROUND = """(local.set $y (i32.mul (local.get $n) (local.get $n)))
  (local.set $z (i32.xor (local.get $y) (i32.shl (local.get $n) (i32.const 3))))
  (local.set $y (i32.sub (local.get $z) (i32.mul (local.get $y) (i32.const 5))))
  (local.set $z (i32.or (i32.add (local.get $y) (local.get $n)) (local.get $z)))
  (local.set $x (i32.xor (local.get $x) (i32.add (local.get $y) (local.get $z))))"""
COUNT = "(local.tee $n (i32.add (local.get $n) (i32.const 1)))"
LAST = f"(i32.eqz (i32.and {COUNT} (i32.const 0xfffff)))"
FOREVER = f"""(loop $again {ROUND}
  (br_if $again (i32.eqz {LAST})) (br_if $again (call $more (local.get $x))))"""
LOCALS = "(local $x i32) (local $n i32) (local $y i32) (local $z i32)"
LOOPS = {
    "in the function that is called": f'(func (export "run") {LOCALS} {FOREVER})',
    "in a function that it calls": f"""(func $f {LOCALS} {FOREVER})
      (func (export "run") (call $f))""",
    "within a loop": f"""(func (export "run") {LOCALS}
      (loop $outer
        (loop $again {ROUND} (br_if $again (i32.eqz {LAST})))
        (br_if $outer (call $more (local.get $x)))))""",
    "that calls": f"""(func $f (param $x i32) (param $n i32) (result i32)
        (local $y i32) (local $z i32) {ROUND} (local.get $x))
      (func (export "run") {LOCALS}
        (loop $again (local.set $x (call $f (local.get $x) (local.get $n)))
          (br_if $again (i32.eqz {LAST})) (br_if $again (call $more (local.get $x)))))""",
    "that calls what is inlined": f"""(func $f (param i32 i32) (result i32)
        (i32.xor (local.get 0) (i32.mul (local.get 1) (i32.const 5))))
      (func (export "run") {LOCALS}
        (loop $again (local.set $x (call $f (local.get $x) (local.get $n)))
          (br_if $again (i32.eqz {LAST})) (br_if $again (call $more (local.get $x)))))""",
    "in a try_table": f"""(func (export "run") {LOCALS}
      (block $end (try_table (catch_all $end) {FOREVER})))""",
    "on operands": f"""(func (export "run") (result i32) {LOCALS}
      (i32.add (local.get $x) (i32.const 1)) {FOREVER})""",
    "in the start function": f"(func $f {LOCALS} {FOREVER}) (start $f)",
}


Timed = Callable[[ww.Module], float]  # seconds of a run


class ThreadClocks(wasi.SystemClocks):
    """Clocks that stand still while the thread does not run."""

    def now(self, _clock_id: int) -> int:
        return time.thread_time_ns()


def program(name: str, folder: str) -> tuple[Path, Timed]:
    """A program of a suite, and how long a run of its kernel took."""
    source = next(found[name] for found in map(build.sources, build.SUITES) if name in found)
    arguments = ["0", "/data"] if name in TAKES_DIRECTORY else []

    def timed(module: ww.Module) -> float:
        dirs = {"/data": folder} if arguments else {}
        done = wasi.run(module, arguments, dirs=dirs, clocks=ThreadClocks())
        return int(done.check().stderr.split()[-1]) / 1e9

    return build.output_path("wasm", source), timed


def loop(name: str) -> tuple[str, Timed]:
    """One of LOOPS, and how long its rounds took after SECONDS."""

    def timed(module: ww.Module) -> float:
        began = time.thread_time()
        ticks: list[float] = []

        def more(_: int) -> int:
            now = time.thread_time()
            if now - began > SECONDS:
                ticks.append(now)
            return len(ticks) <= LOOP_TICKS

        exports = ww.Instance(module, {"host": {"more": more}}).exports
        if "run" in exports:
            exports.run()
        return min(after - before for before, after in pairwise(ticks))

    imports = '(import "host" "more" (func $more (param i32) (result i32)))'
    return f"(module {imports} (memory 1) {LOOPS[name]})", timed


def measure(suite: str, name: str, repeats: int) -> dict[str, float]:
    """The least seconds of a program in each tier; in this process."""
    with tempfile.TemporaryDirectory() as folder:
        source, timed = loop(name) if suite == "loops" else program(name, folder)
        modules = {tier: ww.Module(source, tier=tier) for tier in TIERS}
        if suite == "loops":
            return {tier: timed(module) for tier, module in modules.items()}
        until = time.thread_time() + SECONDS
        while time.thread_time() < until:
            timed(modules["auto"])
        times: dict[str, list[float]] = {tier: [] for tier in TIERS}
        for _ in range(repeats):
            for tier in TIERS:
                times[tier].append(timed(modules[tier]))
        return {tier: min(each) for tier, each in times.items()}


def measured(suite: str, name: str, repeats: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--suite",
        suite,
        "--here",
        name,
        "--repeats",
        str(repeats),
    ]
    environment = {**os.environ, "WASMWRIGHT_CACHE": "off"}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--suite", choices=SUITES, help="only these programs")
    parser.add_argument("--only", help="names of programs, separated by commas")
    parser.add_argument("--repeats", type=int, default=3, help="runs in each tier (default: 3)")
    parser.add_argument("--here", metavar="NAME", help="measure one, in this process")
    parser.add_argument("--update-docs", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.suite, options.here, options.repeats)))
        return 0
    rows = []
    ratios = []
    for suite in (options.suite,) if options.suite else SUITES:
        for name in LOOPS if suite == "loops" else build.sources(suite):
            if options.only and name not in options.only.split(","):
                continue
            times = measured(suite, name, options.repeats)
            ratio = times["optimised"] / times["auto"]
            ratios.append(ratio)
            cells = [f"{1000 * times[tier]:.1f} ms" for tier in TIERS]
            label = f"a loop {name}" if suite == "loops" else name
            rows.append([label, *cells, f"{ratio:.2f}" if ratio >= GOAL else f"**{ratio:.2f}**"])
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    table = report.table(["program", *TIERS, "speed of auto / optimised"], rows)
    enough = sum(ratio >= GOAL for ratio in ratios)
    note = (
        f"After {SECONDS:g} s in `auto`; the least of {options.repeats} runs. `auto` has "
        f"{GOAL:.0%} of the speed of `optimised` or more in {enough} of {len(ratios)}; geometric "
        f"mean {report.geomean(ratios):.2f}."
    )
    built = f"wasmwright {_build_info.VERSION}, {_build_info.describe()}"
    text = "\n\n".join([table, note, report.provenance([built])])
    report.publish("steady", text, options.update_docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
