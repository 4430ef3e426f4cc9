"""Runs the benchmark programs in every engine that is here, side by side, and compares.

For each program and each repeat the engines take turns, so that a busy machine disturbs all of
them alike. A figure is the median of the times that the program took for its own kernel, start-up
and compilation left out. Every engine has to print the same to stdout: a wrong result, like a
crash, is an error and not a number.

    python bench/run.py
    python bench/run.py --only nbody,lz --engines native,wasmwright --repeats 3
    python bench/run.py --suite kernels --engines native,native-O3,wasmwright,wasmtime,node
    python bench/run.py --update-docs
    python bench/run.py --engines native,wasmwright,wasmwright-auto,wasmwright-baseline
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import build
import report
from engines import ENGINES, OPTIONAL, Custom, Engine, Job, machine

BASE = "native"
TAKES_DIRECTORY = {"strings"}
TIMEOUT_SECONDS = 300


class EngineError(Exception):
    """A program that crashed, hung or printed no time."""


@dataclass
class Result:
    """One program: the samples of each engine in nanoseconds, and what went wrong."""

    program: str
    times: dict[str, list[int]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def median(self, engine: str) -> float | None:
        """Nanoseconds, or None where the engine has no right result."""
        if engine in self.errors or not self.times.get(engine):
            return None
        return statistics.median(self.times[engine])

    def ratio(self, engine: str, base: str) -> float | None:
        time, base_time = self.median(engine), self.median(base)
        return None if time is None or base_time is None else time / base_time


def run_once(engine: Engine, job: Job) -> tuple[int, str]:
    """Nanoseconds for the kernel, and what the program wrote to stdout."""
    try:
        done = subprocess.run(
            engine.command(job),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"no end after {TIMEOUT_SECONDS} s") from None
    lines = done.stderr.strip().splitlines() or ["no output on stderr"]
    if done.returncode != 0:
        raise EngineError(f"exit status {done.returncode}: {lines[-1]}")
    word, _, number = lines[-1].partition(" ")
    if word != "time_ns" or not number.isdigit():
        raise EngineError(f"the last line of stderr is no time: {lines[-1]}")
    return int(number), done.stdout


def measure(engines: list[Engine], job: Job, result: Result, repeats: int) -> None:
    """Fills in `result`. The first engine's output is what the others' is held against."""
    expected: str | None = None
    for _ in range(repeats):
        for engine in engines:
            name = engine.name
            if name in result.errors:
                continue
            try:
                time, output = run_once(engine, job)
            except EngineError as error:
                result.errors[name] = str(error)
                continue
            if expected is None:
                expected = output
            if output == expected:
                result.times.setdefault(name, []).append(time)
            else:
                result.errors[name] = f"wrong output: {output!r} instead of {expected!r}"


def cell(result: Result, engine: str, base: str) -> str:
    """One engine's entry in a program's row: milliseconds and, where it is not the base, ratio."""
    time, ratio = result.median(engine), result.ratio(engine, base)
    if time is None:
        return "wrong" if "wrong output" in result.errors.get(engine, "") else "failed"
    milliseconds = f"{time / 1e6:.0f} ms"
    return milliseconds if ratio is None or engine == base else f"{milliseconds}, {ratio:.2f}"


def common_ratios(results: list[Result], names: list[str], base: str) -> dict[str, list[float]]:
    """Each engine's ratios to the base, over the programs that all engines ran rightly."""
    ratios: dict[str, list[float]] = {name: [] for name in names}
    for result in results:
        row = {name: result.ratio(name, base) for name in names}
        if all(ratio is not None for ratio in row.values()):
            for name, ratio in row.items():
                assert ratio is not None
                ratios[name].append(ratio)
    return ratios


def markdown(results: list[Result], names: list[str], versions: list[str], repeats: int) -> str:
    """The table, its geometric means and where it comes from."""
    base = BASE if BASE in names else names[0]
    rows = [[r.program, *(cell(r, name, base) for name in names)] for r in results]
    ratios = common_ratios(results, names, base)
    counted = len(ratios[base])
    if counted:
        means = [f"**{report.geomean(ratios[name]):.2f}**" for name in names]
        rows.append([f"**geomean of {counted}**", *means])
    parts = [report.table(["program", *names], rows)]
    notes = [f"Medians of {repeats} runs, and their ratio to {base}."]
    if "wasmwright" in names:
        for peer in names:
            pairs = [(r.median("wasmwright"), r.median(peer)) for r in results]
            both = [(ours, theirs) for ours, theirs in pairs if ours and theirs]
            if peer not in ("wasmwright", base) and both:
                wins = sum(ours < theirs for ours, theirs in both)
                notes.append(f"wasmwright is faster than {peer} on {wins} of {len(both)}.")
    spreads = [report.spread(times) for r in results for times in r.times.values() if times]
    if spreads:
        notes.append(
            f"The samples of a figure lie {statistics.median(spreads):.0%} apart (median)."
        )
    parts += [" ".join(notes), report.provenance(versions)]
    return "\n\n".join(parts)


def choose_engines(names: str | None, also: list[str]) -> list[Engine]:
    """The engines asked for that are here; says why the others are not."""
    known = dict(ENGINES)
    for text in also:
        name, _, template = text.partition("=")
        if not template:
            raise SystemExit(f"--also takes NAME=COMMAND, not {text!r}")
        known[name] = Custom(name, template)
    chosen: list[Engine] = []
    for name in names.split(",") if names else [name for name in known if name not in OPTIONAL]:
        if name not in known:
            raise SystemExit(f"no such engine: {name} (there are {', '.join(known)})")
        reason = known[name].missing()
        if reason is None:
            chosen.append(known[name])
        else:
            print(f"skipping {name}: {reason}", file=sys.stderr)
    if not chosen:
        raise SystemExit("no engine to run")
    return chosen


def choose_programs(suite: str, names: str | None) -> list[Path]:
    """The sources of the suite's programs asked for."""
    programs = build.sources(suite)
    chosen = list(programs) if names is None else names.split(",")
    unknown = sorted(set(chosen) - set(programs))
    if unknown:
        raise SystemExit(f"no such program: {', '.join(unknown)} (there are {', '.join(programs)})")
    return [programs[name] for name in chosen]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--suite", choices=build.SUITES, default="programs", help="the folder")
    parser.add_argument("--only", help="names of programs, separated by commas")
    parser.add_argument("--engines", help=f"of {','.join(ENGINES)}; default: all that are here")
    also = "one more engine; the command may hold {wasm}, {dir} and {args}"
    parser.add_argument("--also", action="append", default=[], metavar="NAME=COMMAND", help=also)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--size", type=int, help="size argument instead of the programs' own")
    parser.add_argument("--simd", action="store_true", help="the -msimd128 builds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--update-docs", action="store_true", help="put the table into the docs")
    options = parser.parse_args()

    engines = choose_engines(options.engines, options.also)
    names = [engine.name for engine in engines]
    versions = [engine.version() for engine in engines]
    size = (str(options.size),) if options.size else ()
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch:
        for source in choose_programs(options.suite, options.only):
            program = source.stem
            wasm = build.output_path("simd" if options.simd else "wasm", source)
            # Programs take the directory as their second argument: the first must be there.
            arguments = size or (("0",) if program in TAKES_DIRECTORY else ())
            job = Job(program, wasm, arguments, Path(scratch), program in TAKES_DIRECTORY)
            result = Result(program)
            measure(engines, job, result, options.repeats)
            results.append(result)
            base = BASE if BASE in names else names[0]
            row = "  ".join(f"{name} {cell(result, name, base)}" for name in names)
            print(f"{program:14} {row}", file=sys.stderr, flush=True)
            for name, error in result.errors.items():
                print(f"error: {program} in {name}: {error}", file=sys.stderr)

    text = markdown(results, names, versions, options.repeats)
    print(text)
    if options.json:
        document = {
            "command": report.command_line(),
            "machine": machine(),
            "engines": dict(zip(names, versions, strict=True)),
            "unit": "ns",
            "results": {r.program: {"times": r.times, "errors": r.errors} for r in results},
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.update_docs:
        report.update_docs(f"{options.suite}-simd" if options.simd else options.suite, text)
    return 1 if any(r.errors for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
