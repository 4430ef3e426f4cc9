"""Times throwing and catching in programs/exceptions.wat: here, in wasmtime, and in V8.

Each engine runs in a process of its own; they take turns, and a figure is the best of the repeats,
in nanoseconds of the thread's CPU time a round. V8 is `node` on the PATH or in $NODE, from
version 24 (older ones have no exnref).

    python bench/exceptions.py [--repeats N]
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROUNDS = {
    "leaf": 200_000,
    "deep": 20_000,
    "rethrow": 100_000,
    "nested": 100_000,
    "search": 20_000,
    "local": 1_000_000,
    "guarded": 20_000_000,
    "plain": 20_000_000,
}
THROWING = ("leaf", "deep", "rethrow", "nested", "search", "local")


def measure(call, rounds):
    call(math.ceil(rounds / 10))
    start = time.thread_time_ns()
    checksum = call(rounds)
    return checksum, (time.thread_time_ns() - start) / rounds


def run_wasmwright(binary):
    import wasmwright as ww

    module = ww.Module(binary)
    module.compile()
    exports = ww.Instance(module).exports
    return {name: measure(exports[name], rounds) for name, rounds in ROUNDS.items()}


def run_wasmtime(binary):
    import wasmtime

    config = wasmtime.Config()
    config.wasm_exceptions = config.wasm_gc = config.wasm_function_references = True
    store = wasmtime.Store(wasmtime.Engine(config))
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, binary), [])
    exports = instance.exports(store)

    def caller(name):
        return lambda rounds: exports[name](store, rounds)

    return {name: measure(caller(name), rounds) for name, rounds in ROUNDS.items()}


def commands(path):
    here = [sys.executable, __file__, "--engine"]
    found = {"wasmwright": [*here, "wasmwright", str(path)]}
    try:
        import wasmtime  # noqa: F401

        found["wasmtime"] = [*here, "wasmtime", str(path)]
    except ImportError:
        print("wasmtime: not installed")
    node = os.environ.get("NODE") or shutil.which("node")
    if node:
        rounds = [f"{name}={count}" for name, count in ROUNDS.items()]
        script = str(BENCH / "peers" / "node_exports.mjs")
        found["V8"] = [node, "--experimental-wasm-exnref", script, str(path), *rounds]
    else:
        print("V8: no node")
    return found


def compare(repeats):
    from wasmwright.text import parse

    best = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exceptions.wasm"
        path.write_bytes(parse((BENCH / "programs" / "exceptions.wat").read_text()))
        engines = commands(path)
        for _ in range(repeats):
            for engine, command in list(engines.items()):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    lines = done.stderr.strip().splitlines() or ["nothing said"]
                    print(f"{engine}: failed: {lines[-1]}")
                    del engines[engine]
                    continue
                for name, (checksum, figure) in json.loads(done.stdout).items():
                    figures = best.setdefault(name, {})
                    before = figures.get(engine, (checksum, math.inf))
                    assert before[0] == checksum, (engine, name)
                    figures[engine] = checksum, min(before[1], figure)
    return engines, best


def show(engines, best):
    peers = [engine for engine in engines if engine != "wasmwright"]
    ratios = "".join(f" {peer} ÷ ours |" for peer in peers)
    print(f"| ns a round | {' | '.join(engines)} |{ratios}")
    print("| --- |" + " ---: |" * (len(engines) + len(peers)))
    for name, figures in best.items():
        assert len({checksum for checksum, _ in figures.values()}) == 1, (name, figures)
        times = {engine: figure for engine, (_, figure) in figures.items()}
        row = [f"{times[engine]:.1f}" for engine in engines]
        row += [f"{times[peer] / times['wasmwright']:.2f}" for peer in peers]
        print(f"| {name} | {' | '.join(row)} |")
    for peer in peers:
        each = [best[name][peer][1] / best[name]["wasmwright"][1] for name in THROWING]
        print(
            f"\n{peer} ÷ ours, geomean over what throws: {math.prod(each) ** (1 / len(each)):.2f}"
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--engine", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        engine, path = options.engine
        run = {"wasmwright": run_wasmwright, "wasmtime": run_wasmtime}[engine]
        print(json.dumps(run(Path(path).read_bytes())))
    else:
        show(*compare(options.repeats))


if __name__ == "__main__":
    main()
