"""For the runner of WebAssembly/wasi-testsuite: how to run its programs with wasmwright.

    ./run-tests --runtime /path/to/wasmwright/tests/wasi/adapter.py

$WASMWRIGHT is the command, `wasmwright` by default.
"""

from __future__ import annotations

import os
import shlex
import subprocess

COMMAND = shlex.split(os.environ.get("WASMWRIGHT", "wasmwright"))


def get_name() -> str:
    return "wasmwright"


def get_version() -> str:
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1].rstrip(",")


def get_wasi_versions() -> list[str]:
    return ["wasm32-wasip1"]


def get_wasi_worlds() -> list[str]:
    return ["wasi:cli/command"]


def compute_argv(
    test_path: str,
    args_env_root: tuple[list[str], dict[str, str], str | None],
    proposals: list[str],
    wasi_world: str,
    wasi_version: str,
) -> list[str]:
    args, env, root = args_env_root
    options = [part for name, value in env.items() for part in ("--env", f"{name}={value}")]
    if root:
        options += ["--dir", f"{root}::/"]
    return [*COMMAND, "run", *options, test_path, *args]


def get_timeout_seconds() -> float:
    return 120.0  # the first run of a program compiles it
