"""Builds the benchmark programs with the clang inside PyPI's `ziglang`.

Reads the suites' sources, `programs/*.c` and `*.cpp`, `kernels/*.c`. Writes `wasm/*.wasm` beside
them, which are committed with `manifest.json` (source digest, size and command of each), and
`build/native/*` for the host CPU; on request also `build/simd/*.wasm`, `build/native-O3/*`, and
`build/generic/*` for any CPU of the kind. A file that is newer than its sources is left alone.

    python bench/build.py                  what is missing or old
    python bench/build.py --only nbody,lz  these programs
    python bench/build.py --check          no compiler: does the manifest fit the committed files?
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

BENCH = Path(__file__).resolve().parent
BUILD = BENCH / "build"
MICRO = BENCH / "micro"
FRAME = BENCH / "programs" / "bench.h"
# By suite, a folder here: the headers that its programs include. No two programs have one name.
SUITES = {"programs": [FRAME], "kernels": [FRAME, BENCH / "kernels" / "kernels.h"]}

C_FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wshadow", "-Wpedantic"]
CPP_FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-fno-exceptions", "-fno-rtti"]
TARGETS = {
    "wasm": ["-O2", "-s", "-target", "wasm32-wasi"],
    "simd": ["-O2", "-s", "-target", "wasm32-wasi", "-msimd128"],
    "native": ["-O2", "-march=native"],
    "native-O3": ["-O3", "-march=native"],
    "generic": ["-O2", "-mcpu=baseline"],
}
HOSTED = {"native", "native-O3", "generic"}
# A module without a C library, for calls.py.
FREESTANDING = [
    "-O2",
    "-s",
    "-target",
    "wasm32-freestanding",
    "-nostdlib",
    "-Wl,--no-entry",
]
SIZE_LIMITS = {".c": 100_000, ".cpp": 400_000}


def sources(suite: str) -> dict[str, Path]:
    """A suite's programs by name."""
    found = [*(BENCH / suite).glob("*.c"), *(BENCH / suite).glob("*.cpp")]
    return {path.stem: path for path in sorted(found)}


def manifest_path(suite: str) -> Path:
    return BENCH / suite / "wasm" / "manifest.json"


def manifest_rows(suite: str) -> dict[str, dict[str, str | int]]:
    """What is known of a suite's committed modules, by name."""
    path = manifest_path(suite)
    rows: dict[str, dict[str, str | int]]
    rows = json.loads(path.read_text())["programs"] if path.exists() else {}
    return rows


def inputs(source: Path) -> list[Path]:
    """The files that a program is made of."""
    return [source, *SUITES[source.parent.name]]


def output_path(target: str, source: Path) -> Path:
    """Where a program is built for `target`, a key of `TARGETS`."""
    name = source.stem
    if target == "wasm":
        return source.parent / "wasm" / f"{name}.wasm"
    return BUILD / target / (name if target in HOSTED else f"{name}.wasm")


def command(target: str, source: Path) -> list[str]:
    """The compiler's command line after `python -m ziglang`, paths relative to `bench/`."""
    cpp = source.suffix == ".cpp"
    output = output_path(target, source)
    return [
        "c++" if cpp else "cc",
        *(CPP_FLAGS if cpp else C_FLAGS),
        *TARGETS[target],
        source.relative_to(BENCH).as_posix(),
        "-o",
        output.relative_to(BENCH).as_posix(),
        *(["-lm"] if target in HOSTED else []),
    ]


def micro_command(source: Path) -> list[str]:
    """The same for a module of `micro/`, built beside its source."""
    name = source.relative_to(BENCH)
    return ["cc", "-std=c99", *FREESTANDING, str(name), "-o", str(name.with_suffix(".wasm"))]


def digest(*paths: Path) -> str:
    """SHA-256 of the files' contents, one after another."""
    h = hashlib.sha256()
    for path in paths:
        h.update(path.read_bytes())
    return h.hexdigest()


def compile_one(arguments: list[str], output: Path) -> None:
    """Runs the compiler in `bench/` and says how long it took and what came out."""
    output.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "ziglang", *arguments], cwd=BENCH, check=True)
    seconds = time.perf_counter() - start
    if output.suffix == ".wasm":
        output.chmod(0o644)
    print(f"{output.relative_to(BENCH)}: {output.stat().st_size} bytes, {seconds:.1f} s")


def entry(source: Path) -> dict[str, str | int]:
    """One program's row in the manifest."""
    output = output_path("wasm", source)
    return {
        "source": source.name,
        "source_sha256": digest(*inputs(source)),
        "wasm_sha256": digest(output),
        "size": output.stat().st_size,
        "command": "python -m ziglang " + " ".join(command("wasm", source)),
    }


def write_manifest(suite: str) -> None:
    """Describes every committed module of a suite, in the order of their names."""
    built = [s for s in sources(suite).values() if output_path("wasm", s).exists()]
    manifest = {
        "compiler": f"ziglang {metadata.version('ziglang')}",
        "programs": {source.stem: entry(source) for source in built},
    }
    manifest_path(suite).write_text(json.dumps(manifest, indent=1) + "\n")


def problems(suite: str) -> Iterator[str]:
    """What is wrong with a suite's committed modules, a line each."""
    rows = manifest_rows(suite)
    for name, source in sources(suite).items():
        output = output_path("wasm", source)
        if name not in rows or not output.exists():
            yield f"{name}: not built; run bench/build.py"
            continue
        if rows[name]["source_sha256"] != digest(*inputs(source)):
            yield f"{name}: the source is newer than the module; run bench/build.py"
        if rows[name]["wasm_sha256"] != digest(output):
            yield f"{name}: the module is not the one that the manifest describes"
        limit = SIZE_LIMITS[source.suffix]
        if output.stat().st_size > limit:
            yield f"{name}: {output.stat().st_size} bytes; {limit} is the limit"
    for name in rows.keys() - sources(suite).keys():
        yield f"{name}: in the manifest, but without a source"


def is_old(output: Path, *inputs: Path) -> bool:
    return not output.exists() or output.stat().st_mtime < max(p.stat().st_mtime for p in inputs)


def build(suite: str, names: list[str], targets: list[str], force: bool) -> None:
    """Compiles programs of a suite for the targets, one job after another."""
    programs, rows = sources(suite), manifest_rows(suite)
    for target in targets:
        for name in names:
            source = programs[name]
            output = output_path(target, source)
            # A clone gives every file the same age: for what is committed the digest decides.
            committed = target == "wasm" and name in rows and output.exists()
            old = (
                rows[name]["source_sha256"] != digest(*inputs(source))
                if committed
                else is_old(output, *inputs(source))
            )
            if force or old:
                compile_one(command(target, source), output)
    if "wasm" in targets:
        write_manifest(suite)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", help="names of programs, separated by commas")
    parser.add_argument("--targets", default="wasm,native", help=f"of {','.join(TARGETS)}")
    parser.add_argument("--simd", action="store_true", help="also the -msimd128 variant")
    parser.add_argument("--micro", action="store_true", help="also the modules of micro/")
    parser.add_argument("--force", action="store_true", help="also what is up to date")
    parser.add_argument("--check", action="store_true", help="only compare with the manifest")
    options = parser.parse_args()

    if not options.check:
        wanted = set(options.only.split(",")) if options.only else None
        unknown = set() if wanted is None else wanted.difference(*map(sources, SUITES))
        if unknown:
            parser.error(f"no such program: {', '.join(sorted(unknown))}")
        targets = options.targets.split(",") + (["simd"] if options.simd else [])
        for suite in SUITES:
            names = [name for name in sources(suite) if wanted is None or name in wanted]
            build(suite, names, targets, options.force)
        if options.micro:
            for source in sorted(MICRO.glob("*.c")):
                if options.force or is_old(source.with_suffix(".wasm"), source):
                    compile_one(micro_command(source), source.with_suffix(".wasm"))
    found = [problem for suite in SUITES for problem in problems(suite)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
