"""Runs the programs of this folder on every engine that is here, and prints a table of times.

Each program exports ``run(n)``. Every sample is a process of its own: it compiles, runs once with
a small ``n`` and then times the full one. Engines take turns; a figure is the median. All must
give the same result.

    python bench/gc/run.py [--repeats 5] [--only casts,lists] [--node PATH]
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# Program -> the n to warm up with and the n to time.
PROGRAMS = {
    "binary_trees": (10, 16),
    "casts": (50, 3000),
    "arrays": (2, 60),
    "lists": (20, 1500),
}
ENGINES = ("wasmwright", "wasmtime", "node")


def sample_wasmwright(wasm: bytes, warm: int, full: int) -> tuple[float, int]:
    import wasmwright as ww

    run = ww.Instance(ww.Module(wasm)).exports.run
    return timed(run, warm, full)


def sample_wasmtime(wasm: bytes, warm: int, full: int) -> tuple[float, int]:
    import wasmtime

    config = wasmtime.Config()
    config.wasm_gc = True
    config.wasm_function_references = True
    store = wasmtime.Store(wasmtime.Engine(config))
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, wasm), [])
    run = instance.exports(store)["run"]
    return timed(lambda n: run(store, n), warm, full)


def timed(run, warm: int, full: int) -> tuple[float, int]:  # type: ignore[no-untyped-def]
    run(warm)
    start = time.perf_counter()
    result = run(full)
    return time.perf_counter() - start, result & 0xFFFFFFFF


NODE = """
const [, file, warm, full] = process.argv;
const module = new WebAssembly.Module(require("fs").readFileSync(file));
const run = new WebAssembly.Instance(module).exports.run;
const until = performance.now() + 500;
while (performance.now() < until) run(+warm);
const start = performance.now();
const result = run(+full);
console.log(JSON.stringify([(performance.now() - start) / 1000, result >>> 0]));
"""


def sample(engine: str, file: Path, warm: int, full: int, node: str) -> tuple[float, int]:
    """The seconds that a run takes in a process of its own, and its result."""
    if engine == "node":
        command = [node, "-e", NODE, str(file), str(warm), str(full)]
    else:
        command = [sys.executable, __file__, "--sample", engine, str(file), str(warm), str(full)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "crash")
    seconds, result = json.loads(done.stdout)
    return seconds, result


def usable(engine: str, node: str) -> bool:
    if engine == "node":
        # The final form of garbage collection came with node 22.
        found = shutil.which(node)
        version = found and subprocess.run(
            [node, "-p", "process.versions.node"], capture_output=True
        )
        return bool(version) and int(version.stdout.decode().split(".")[0]) >= 22
    try:
        __import__(engine)
    except ImportError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--node", default="node")
    parser.add_argument("--sample", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sample:
        engine, file, warm, full = options.sample
        function = {"wasmwright": sample_wasmwright, "wasmtime": sample_wasmtime}[engine]
        print(json.dumps(function(Path(file).read_bytes(), int(warm), int(full))))
        return 0
    engines = [each for each in options.engines.split(",") if usable(each, options.node)]
    import wasmwright as ww

    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    ratios: dict[str, list[float]] = {engine: [] for engine in engines[1:]}
    print("| program | " + " | ".join(f"{each}, ms" for each in engines), end=" | ")
    print(" | ".join(f"vs {each}" for each in engines[1:]), "|")
    print("| --- " * (2 * len(engines)) + "|")
    status = 0
    for name in options.only.split(","):
        warm, full = PROGRAMS[name]
        file = folder / f"wasmwright-bench-{name}.wasm"
        file.write_bytes(ww.wat2wasm((HERE / f"{name}.wat").read_text()))
        times: dict[str, list[float]] = {engine: [] for engine in engines}
        results = set()
        for _ in range(options.repeats):
            for engine in engines:
                seconds, result = sample(engine, file, warm, full, options.node)
                times[engine].append(seconds)
                results.add(result)
        if len(results) != 1:
            print(f"{name}: results differ: {results}", file=sys.stderr)
            status = 1
        medians = {engine: statistics.median(times[engine]) for engine in engines}
        row = [name, *(f"{1000 * medians[each]:.1f}" for each in engines)]
        for engine in engines[1:]:
            ratio = medians[engines[0]] / medians[engine]
            ratios[engine].append(ratio)
            row.append(f"{ratio:.2f}")
        print("| " + " | ".join(row) + " |", flush=True)
    means = [f"{math.exp(statistics.fmean(map(math.log, ratios[e]))):.2f}" for e in engines[1:]]
    print("| geometric mean |" + " |" * len(engines) + " " + " | ".join(means) + " |")
    return status


if __name__ == "__main__":
    sys.exit(main())
