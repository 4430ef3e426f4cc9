"""Goes over to optimised code as early as can be, or at any time, and looks for differences.

Runs the official test suite, programs made by chance (those of tiers.py), and jobs of real modules,
in the tier `auto`: with thresholds of zero (seed 0), then random ones. Code that is hot waits until
LLVM has compiled it, so that loops are entered in their first rounds. With --background it does not
wait, as ever; then it is chance when the code comes. The oracle: what the suite or the job demands,
and where that fails, or for programs, what the tier `optimised` does. Prints what differs, with its
seed, and how much was compiled and entered.

    WASMWRIGHT_CACHE=off python fuzz/stress.py [--seed N] [--turns N] [--only PART-OF-PATH]
    WASMWRIGHT_CACHE=off python fuzz/stress.py --programs N [--seed N]
    WASMWRIGHT_CACHE=off python fuzz/stress.py --corpus DIR [--background] [NAME…]
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import os
import random
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import tiers

import wasmwright as ww
from wasmwright import tuning
from wasmwright.codegen.options import AUTO, OPTIMISED
from wasmwright.features import ALL
from wasmwright.runtime import baseline, fallback, tiering
from wasmwright.script import run_script
from wasmwright.script.suite import features_of

ROOT = Path(__file__).resolve().parents[1]
SUITE = Path(os.environ.get("WASM_TESTSUITE") or ROOT.parent / "shared/testsuite")
THRESHOLDS = ("HOT_CALLS", "HOT_ROUNDS", "HOT_AGAIN")
CHOICE = (0, 0, 1, 2, 3, 10, 50)
SLOW = 30.0  # seconds of a script that are worth a line
UNKNOWN = "proposals/custom-descriptors"  # of no feature that there is

NUMBER = ctypes.POINTER(ctypes.c_uint64)
WRITE = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_int, NUMBER, ctypes.c_size_t)


class Stress:
    """Has hot code wait for LLVM, and counts what is made, and which loops are entered.

    ``failed`` says what could not be optimised, and why.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.told = self.loops = self.entered = 0
        self._units: dict[baseline.BaselineUnit, set[int]] = {}
        self._write = WRITE(self._wait)

    def _note(self, what: str, error: BaseException) -> None:
        self.failed.append(f"{what}: {error!r}")

    def _wait(self, _file: int, message: ctypes._Pointer[ctypes.c_uint64], size: int) -> int:
        """In place of the C library's `write`: what is told of is compiled before it returns."""
        self.told += 1
        tiering.get()._handle(message[0])
        return size

    def thresholds(self, chance: random.Random, seed: int) -> str:
        """Sets thresholds: zeros for seed 0, else by chance; says which."""
        chosen = {name: chance.choice(CHOICE) if seed else 0 for name in THRESHOLDS}
        for name, value in chosen.items():
            setattr(tuning, name, value)
        return ", ".join(f"{name} {value}" for name, value in chosen.items())

    def _count(self, unit: baseline.BaselineUnit) -> None:
        """Takes stock of a unit's loops that have optimised code, as long as it is there."""
        numbers = self._units.pop(unit, set())
        self.loops += len(numbers)
        self.entered += sum(map(unit.entered, numbers))

    @contextlib.contextmanager
    def active(self, waiting: bool) -> Iterator[Stress]:
        """Watches the engine while it is open, and has it wait if that is wanted."""
        address = ctypes.cast(self._write, ctypes.c_void_p).value or 0
        c_function, unit_type = baseline._c_function, baseline.BaselineUnit
        enter_at, close = unit_type.enter_at, unit_type.close

        def function(name: str) -> int:
            return address if waiting and name == "write" else c_function(name)

        def enter(unit: baseline.BaselineUnit, number: int, code: int) -> None:
            self._units.setdefault(unit, set()).add(number)
            enter_at(unit, number, code)

        def closed(unit: baseline.BaselineUnit) -> None:
            self._count(unit)
            close(unit)

        before = {name: getattr(tuning, name) for name in THRESHOLDS}
        with (
            mock.patch.multiple(tuning, **before),  # and put back in the end
            mock.patch.object(baseline, "_c_function", function),
            mock.patch.object(fallback, "note", self._note),
            mock.patch.object(unit_type, "enter_at", enter),
            mock.patch.object(unit_type, "close", closed),
            mock.patch.object(baseline, "shared", functools.cache(baseline.shared.__wrapped__)),
        ):
            yield self
            for unit in list(self._units):
                self._count(unit)


def failures(name: str, tier: str, guard: bool, level: int) -> list[str]:
    """What of a script fails, a line each."""
    source = (SUITE / name).read_bytes()
    report = run_script(source, features=features_of(name), guard=guard, tier=tier, level=level)
    return [str(each) for each in report.failures]


def suite_differences(stress: Stress, seed: int, name: str) -> Iterator[str]:
    """What a script of the suite does otherwise than in the tier `optimised`."""
    chance = random.Random(f"{seed} {name}")
    guard, level = (chance.random() < 0.5, chance.choice((0, 2))) if seed else (True, 0)
    chosen = stress.thresholds(chance, seed)
    found = failures(name, AUTO, guard, level)
    if found:
        for each in sorted(set(found) - set(failures(name, OPTIMISED, guard, level))):
            yield f"{name} (seed {seed}: {chosen}, guard {guard}, level {level}): {each}"


def program_differences(stress: Stress, seed: int) -> Iterator[str]:
    """What a program that `tiers` makes does otherwise than in the tier `optimised`."""
    chosen = stress.thresholds(random.Random(seed), seed % 4)
    program = tiers.Program(seed, memory64=seed % 5 == 4)
    binary = ww.wat2wasm(program.text)
    outcomes = []
    for tier in (AUTO, OPTIMISED):
        module = ww.Module(
            binary, features=ALL, tier=tier, guard=seed % 2 == 0, level=0, deterministic=True
        )
        outcomes.append(tiers.outcomes(program, module, seed))
    for i, (found, wanted) in enumerate(zip(*outcomes, strict=True)):
        if found != wanted:
            yield f"program {seed} ({chosen}): outcome {i} is {found}, not {wanted}"


def corpus_fails(stress: Stress, seed: int, corpus: Path, names: list[str]) -> bool:
    """Runs jobs of the corpus with its own runner, which prints what fails."""
    print(f"seed {seed}: {stress.thresholds(random.Random(seed), seed)}", flush=True)
    sys.path.insert(0, str(ROOT / "tests/corpus"))
    sys.argv = ["check.py", "--engine", "wasmwright_engine", *names]
    try:
        runpy.run_path(str(corpus / "tools/check.py"))
    except SystemExit as stop:
        return bool(stop.code)
    return False


def scripts(only: str) -> list[str]:
    """The scripts of the suite whose path has ``only`` in it."""
    found = sorted(path.relative_to(SUITE).as_posix() for path in SUITE.rglob("*.wast"))
    return [name for name in found if only in name and not name.startswith(UNKNOWN)]


def differences(stress: Stress, seed: int, options: argparse.Namespace) -> Iterator[str]:
    """Of one turn."""
    if options.corpus:
        if corpus_fails(stress, seed, options.corpus, options.names):
            yield f"seed {seed}: the corpus fails"
    elif options.programs:
        for number in range(options.programs):
            yield from program_differences(stress, seed + number)
    else:
        for name in scripts(options.only):
            began = time.monotonic()
            yield from suite_differences(stress, seed, name)
            if time.monotonic() - began > SLOW:
                print(f"{name} took {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0, help="of the first turn (default: 0)")
    parser.add_argument("--turns", type=int, default=1, help="how many seeds (default: 1)")
    parser.add_argument("--only", default="", help="only scripts with this in their path")
    parser.add_argument("--programs", type=int, metavar="N", help="programs made by chance")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="jobs of the corpus there")
    parser.add_argument("--background", action="store_true", help="do not wait for LLVM")
    parser.add_argument("names", nargs="*", help="of the corpus")
    options = parser.parse_args()
    os.environ["WASMWRIGHT_CACHE"] = "off"
    stress, status = Stress(), 0
    with stress.active(not options.background):
        for seed in range(options.seed, options.seed + options.turns):
            for each in differences(stress, seed, options):
                print(each, flush=True)
                status = 1
    for line in stress.failed:
        print(f"failed: {line}")
        status = 1
    print(
        f"{stress.told} sites were told of, {stress.loops} loops compiled to be entered, "
        f"{stress.entered} of them entered"
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
