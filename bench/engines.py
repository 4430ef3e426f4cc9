"""The engines that the benchmarks compare: how each is started, and whether it is here.

An engine is a name, a reason why it is missing (or none), a version and a command line. To add
one, write a class with these four and put it into `ENGINES`; `--also NAME=COMMAND` of run.py does
the same for one run.
"""

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

BENCH = Path(__file__).resolve().parent
PEERS = BENCH / "peers"
GUEST_DIR = "/data"


@dataclass(frozen=True)
class Job:
    """One program to run.

    `directory`, where there is one, is the guest's `/data`; a program that `takes_directory` is
    told so by its last argument.
    """

    program: str
    wasm: Path
    arguments: tuple[str, ...]
    directory: Path | None = None
    takes_directory: bool = False


class Engine(Protocol):
    """What run.py asks of an engine."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """Why the engine can't run here, in a few words; None when it can."""

    def version(self) -> str: ...

    def command(self, job: Job) -> list[str]: ...


def guest_arguments(job: Job) -> list[str]:
    """The program's arguments inside a sandbox."""
    return [*job.arguments, *([GUEST_DIR] if job.takes_directory else [])]


@dataclass(frozen=True)
class Native:
    """The same source by the same clang; `name` is the target of build.py: host CPU, or any."""

    name: str
    flags: str

    def missing(self) -> str | None:
        built = any((BENCH / "build" / self.name).glob("*"))
        return None if built else f"not built; run bench/build.py --targets {self.name}"

    def version(self) -> str:
        found = importlib.util.find_spec("ziglang") is not None
        compiler = f"ziglang {metadata.version('ziglang')}" if found else "ziglang"
        return f"{self.name}: {compiler} cc {self.flags}"

    def command(self, job: Job) -> list[str]:
        directory = [str(job.directory)] if job.takes_directory else []
        program = BENCH / "build" / self.name / job.program
        return [str(program), *job.arguments, *directory]


class Wasmwright:
    """This project, by its public command, in one of its tiers."""

    def __init__(self, name: str, tier: str) -> None:
        self.name = name
        self.tier = tier

    def missing(self) -> str | None:
        if importlib.util.find_spec("wasmwright") is None:
            return "not installed"
        if importlib.util.find_spec("wasmwright.__main__") is None:
            return "has no command line yet"
        return None

    def version(self) -> str:
        command = [sys.executable, "-m", "wasmwright", "--version"]
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = shown.stdout.splitlines()
        return lines[0] if lines else "wasmwright, version unknown"

    def command(self, job: Job) -> list[str]:
        directory = ["--dir", f"{job.directory}::{GUEST_DIR}"] if job.directory else []
        run = [sys.executable, "-m", "wasmwright", "run", "--tier", self.tier, *directory]
        return [*run, str(job.wasm), *guest_arguments(job)]


class Wasmtime:
    """Wasmtime's Cranelift, through its Python package."""

    name = "wasmtime"

    def missing(self) -> str | None:
        found = importlib.util.find_spec("wasmtime") is not None
        return None if found else "the package is not installed"

    def version(self) -> str:
        return f"wasmtime {metadata.version('wasmtime')}"

    def command(self, job: Job) -> list[str]:
        run = [sys.executable, str(PEERS / "wasmtime_run.py"), str(job.wasm)]
        return [*run, str(job.directory or ""), *guest_arguments(job)]


class Node:
    """V8 through Node's own WASI, all tiers as they come. Newer than 18: preview 1 by name."""

    name = "node"

    def missing(self) -> str | None:
        if shutil.which("node") is None:
            return "no node on the PATH"
        major = int(self.version().removeprefix("node v").split(".")[0])
        return None if major >= 20 else f"{self.version()} is too old, 20 is needed"

    def version(self) -> str:
        command = ["node", "--version"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        return f"node {shown.stdout.strip()}"

    def command(self, job: Job) -> list[str]:
        # Garbage collection inside a fast WASI call aborts node (nodejs/node issue 46777).
        flags = ["--no-warnings", "--no-turbo-fast-api-calls"]
        run = ["node", *flags, str(PEERS / "node_run.mjs"), str(job.wasm)]
        return [*run, str(job.directory or ""), *guest_arguments(job)]


@dataclass(frozen=True)
class Custom:
    """An engine given on the command line: a template with {wasm}, {dir} and {args}."""

    name: str
    template: str

    def missing(self) -> str | None:
        program = shlex.split(self.template)[0]
        return None if shutil.which(program) else f"{program} is not on the PATH"

    def version(self) -> str:
        return f"{self.name}: {self.template}"

    def command(self, job: Job) -> list[str]:
        words: list[str] = []
        for word in shlex.split(self.template):
            if word == "{args}":
                words += guest_arguments(job)
            else:
                words.append(word.format(wasm=job.wasm, dir=job.directory))
        return words


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Native("native", "-O2 -march=native"),
        Native("native-O3", "-O3 -march=native"),
        Native("generic", "-O2 -mcpu=baseline"),
        Wasmwright("wasmwright", "optimised"),
        Wasmwright("wasmwright-auto", "auto"),
        Wasmwright("wasmwright-baseline", "baseline"),
        Wasmtime(),
        Node(),
    )
}
# Run only when asked for by name.
OPTIONAL = {"native-O3", "generic", "wasmwright-auto", "wasmwright-baseline"}


def machine() -> dict[str, str]:
    """What the figures depend on: processor, cores, system, Python. Names no host."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
                break
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
