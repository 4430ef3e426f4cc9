"""The CPUs that code is compiled for by name, and whether this machine can run it.

The x86-64 levels are those of the System V ABI's AMD64 supplement. A level is what a file of code
compiled ahead of time asks for; code for exactly one machine (``native``) asks for that one.
"""

from __future__ import annotations

import functools
import os
from typing import Final

from wasmwright.codegen.digest import blake2b

NATIVE: Final = "native"

# What each level adds, in the names of /proc/cpuinfo. Vectors need the second one.
_LEVELS: Final[dict[str, str]] = {
    "x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "x86-64-v3": "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}
DEFAULT: Final[dict[str, str]] = {
    "x86_64": "x86-64-v2",
    "aarch64": "generic",
    "riscv64": "generic-rv64",
}


# What is true of every CPU of its architecture.
_EVERYONE: Final = frozenset({DEFAULT["aarch64"], DEFAULT["riscv64"]})


def machine() -> str:
    """The name of this machine's architecture."""
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform  # a start has a millisecond for better things

    return platform.machine().replace("AMD64", "x86_64")


@functools.cache
def describe() -> bytes:
    """What /proc/cpuinfo says of the first processor that code depends on."""
    wanted = (b"model name", b"flags", b"cpu family", b"model\t", b"stepping", b"CPU ", b"Features")
    try:
        with open("/proc/cpuinfo", "rb") as file:
            head = file.read(65536).split(b"\n\n")[0]
    except OSError:
        return b"unknown"
    return b"\n".join(line for line in head.splitlines() if line.startswith(wanted))


def fingerprint() -> str:
    """This machine's CPU, as a hash."""
    return blake2b(describe(), digest_size=16).hexdigest()


def levels() -> tuple[str, ...]:
    """The levels of x86-64 that can be asked for."""
    return tuple(_LEVELS)


def missing(cpu: str) -> list[str]:
    """What this machine lacks of a CPU, in the names of /proc/cpuinfo.

    ValueError for one that is neither a level nor the default of an architecture.
    """
    if cpu in _EVERYONE:
        return []
    flags: set[str] = set()
    for line in describe().decode(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            flags = {*value.split()}
    wanted: list[str] = []
    for level, adds in _LEVELS.items():
        wanted += adds.split()
        if level == cpu:
            return [each for each in wanted if each not in flags]
    raise ValueError(f"a CPU is one of {', '.join(_LEVELS)}, not {cpu!r}")
