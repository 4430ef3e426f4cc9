"""The build: hot modules as one mypyc group where a C compiler works, plain Python elsewhere.

Reads the list `[tool.wasmwright] compiled` of pyproject.toml. Produces the wheel's extension
modules beside the .py files they came from, and the wheel's own `wasmwright/_build_info.py`,
from which `wasmwright --version` tells which of the two builds it is, and why.

`WASMWRIGHT_PURE=1` asks for plain Python. An editable install is plain Python too, and a build
that cannot compile is plain Python with one line that says why: it never fails for that.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import re
import runpy
import shutil
import sys
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "src"
BUILD_INFO = Path("wasmwright", "_build_info.py")

PROBE = """\
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "probe", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_probe(void) { return PyModule_Create(&definition); }
"""


class Pure(Exception):
    """The build goes on in plain Python; the message is the reason, one line."""


def hot_modules() -> list[str]:
    """The files that the patterns in pyproject.toml match, relative to the repository."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns: list[str] = settings["tool"]["wasmwright"]["compiled"]
    files = {file for pattern in patterns for file in SOURCES.glob(pattern)}
    # An __init__.py only re-exports; as a compiled module it would run before its package exists.
    return sorted(str(f.relative_to(ROOT)) for f in files if f.name != "__init__.py")


def require_c_compiler(scratch: str) -> None:
    """Build an empty extension module, as setuptools will build ours; `Pure` if that fails."""
    source = Path(scratch, "probe.c")
    source.write_text(PROBE, encoding="utf-8")
    command = build_ext(Distribution({"ext_modules": [Extension("probe", [str(source)])]}))
    command.build_temp = command.build_lib = scratch
    try:
        command.ensure_finalized()
        command.run()
    except Exception as error:
        raise Pure(f"no working C compiler: {one_line(str(error))}") from error


def generate_c(files: list[str], scratch: str) -> list[Extension]:
    """mypyc's C files for the group, in `scratch`; `Pure` if mypyc is absent or objects."""
    try:
        from mypyc.build import mypycify
    except ImportError as error:
        raise Pure(f"mypyc is not available: {one_line(str(error))}") from error
    # The build sees neither our run-time dependencies nor has it to judge the other modules:
    # `mypy --strict` in CI does that. Only what it is about to compile must be right here.
    options = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]
    options.append(f"--cache-dir={os.devnull}")
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            # One C file for the group: the optimiser sees all of it. multi_file would save a
            # quarter of the C compiler's time (8 kloc: 27 s for 37 s) and inline less.
            extensions: list[Extension] = mypycify(
                [*options, *files],
                opt_level="3",
                debug_level="0",
                target_dir=scratch,
                group_name="wasmwright" if len(files) > 1 else None,
            )
    except (SystemExit, Exception) as error:
        sys.stderr.write(output.getvalue())
        raise Pure(f"mypyc: {one_line(output.getvalue() or str(error))}") from error
    for extension in extensions:
        # mypyc asks for -Werror, its developers' own rule: a newer compiler's warning is no reason
        # for us to build in plain Python.
        extension.extra_compile_args = [a for a in extension.extra_compile_args if a != "-Werror"]
        # Nothing replaces our functions by others: they may be called directly, and inlined.
        extension.extra_compile_args.append("-fno-semantic-interposition")
    return extensions


def one_line(text: str) -> str:
    """The first line of `text` that names an error, else its first line, at most 200 characters."""
    # A failed compiler's message is its whole command line: keep the program and the status.
    text = re.sub(r"(?s)^Command '\['(.*?)'.*\]' returned non-zero", r"\1 returned non-zero", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    return next((line for line in lines if "error" in line.lower()), lines[0])[:200]


def source_hash(package: Path) -> str:
    """The hash by which compiled code on disk knows the compiler that made it."""
    names = runpy.run_path(str(package / "codegen" / "identity.py"))
    digest: bytes = names["hash_sources"](package)
    return digest.hex()


class Outcome:
    """Which build this is. `reason` is empty for a compiled one."""

    def __init__(self) -> None:
        self.reason = ""

    def fall_back(self, reason: str) -> None:
        self.reason = reason
        print(f"wasmwright: building in plain Python ({reason})", file=sys.stderr)

    def stamp(self, source: str, package: Path) -> str:
        """The text of `_build_info.py` for this build, whose files are in `package`."""
        compiled = not self.reason
        how = f"mypyc {version('mypy')}" if compiled else self.reason
        source = re.sub(r"(?m)^(COMPILED: .* = ).*$", rf"\g<1>{compiled}", source)
        source = re.sub(r"(?m)^(HOW: .* = ).*$", lambda m: m[1] + repr(how), source)
        return re.sub(r"(?m)^(SOURCES: .* = ).*$", rf'\g<1>"{source_hash(package)}"', source)


outcome = Outcome()


class Build(build):
    """`build`, and after it the stamp."""

    def run(self) -> None:
        super().run()
        source = (SOURCES / BUILD_INFO).read_text(encoding="utf-8")
        package = Path(self.build_lib, BUILD_INFO.parent)
        Path(self.build_lib, BUILD_INFO).write_text(outcome.stamp(source, package), "utf-8")


class BuildExt(build_ext):
    """`build_ext` that leaves a pure package behind when the C compiler gives up."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            # Half a group would not import: the modules are only shims for the shared library.
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = self.distribution.ext_modules = []
            outcome.fall_back(f"C compiler failed: {one_line(str(error))}")


def extension_modules(scratch: str) -> list[Extension]:
    """The extensions of this build; none, and a reason in `outcome`, where it is a pure one."""
    try:
        if os.environ.get("WASMWRIGHT_PURE", "") not in ("", "0"):
            raise Pure("WASMWRIGHT_PURE is set")
        files = hot_modules()
        if not files:
            raise Pure("no hot modules yet")
        require_c_compiler(scratch)
        return generate_c(files, scratch)
    except Pure as pure:
        outcome.fall_back(str(pure))
        return []


if "bdist_wheel" in sys.argv:
    # All that is built goes to a folder of this build alone: nothing stale gets into a wheel, two
    # builds of one tree don't meet, and the tree stays clean.
    folder = tempfile.mkdtemp(prefix="wasmwright-build-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    setup(
        ext_modules=extension_modules(folder),
        cmdclass={"build": Build, "build_ext": BuildExt},
        options={"build": {"build_base": folder}},
    )
else:
    setup()
