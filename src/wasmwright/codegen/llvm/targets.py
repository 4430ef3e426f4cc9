"""The targets that code can be compiled for, by the names of architectures and CPUs."""

from __future__ import annotations

from typing import Final, NamedTuple

from wasmwright.codegen import cpu


class Target(NamedTuple):
    """A target in LLVM's terms."""

    triple: str
    cpu: str
    features: str
    abi: str


# Triple, features and ABI of each architecture.
_ARCHES: Final[dict[str, tuple[str, str, str]]] = {
    "x86_64": ("x86_64-unknown-linux-gnu", "", ""),
    "aarch64": ("aarch64-unknown-linux-gnu", "", ""),
    "riscv64": ("riscv64-unknown-linux-gnu", "+m,+a,+f,+d,+c", "lp64d"),
}
_OTHER_NAMES: Final[dict[str, str]] = {"amd64": "x86_64", "x86-64": "x86_64", "arm64": "aarch64"}


def architecture(name: str) -> str:
    """The usual name of an architecture; ValueError if code cannot be compiled for it."""
    found = name.lower()
    found = _OTHER_NAMES.get(found, found)
    if found not in _ARCHES:
        raise ValueError(f"a target is one of {', '.join(_ARCHES)}, not {name!r}")
    return found


def target(arch: str, name: str) -> Target | None:
    """The target for a CPU of an architecture; None for exactly this machine.

    Raises ValueError for a CPU that code cannot be compiled for.
    """
    triple, features, abi = _ARCHES[arch]
    if name == cpu.NATIVE:
        if arch != cpu.machine():
            raise ValueError(f"native is {cpu.machine()}, not {arch}")
        return None
    if arch == "x86_64" and name not in cpu.levels():
        # What another one can do could not be checked when the code is loaded.
        raise ValueError(f"a CPU is native or one of {', '.join(cpu.levels())}, not {name!r}")
    return Target(triple, name, features, abi)
