"""The registers of `preserve_nonecc`, by what they hold, on each architecture."""

from __future__ import annotations

from typing import NamedTuple

# (XMM0 to 7, V0 to 7.)
FLOATS = ("f0", "f1", "f2", "g0", "g1", "g2", "g3", "g4")


class Registers(NamedTuple):
    """What stencils are passed.

    ``integers`` are in the order of the calling convention. ``parameters`` are those of the C
    calling convention's integer parameters behind the first, ``results`` those of its results.
    ``kept`` is what a callee gives back as it was, ``scratch`` what no stencil keeps.
    """

    integers: tuple[str, ...]
    parameters: tuple[str, ...]
    results: tuple[str, str]
    kept: tuple[str, ...]
    scratch: frozenset[str]


X86_64 = Registers(
    # r12 to r15, rdi, rsi, rdx, rcx, r8, r9, r11, rax
    ("ctx", "fr", "mem", "l0", "r0", "r1", "r2", "x", "l1", "l2", "l3", "y"),
    ("r1", "r2", "x", "l1", "l2"),
    ("y", "r2"),
    ("ctx", "fr", "mem", "l0"),
    frozenset(("x", "y", "g4")),
)
AARCH64 = Registers(
    # x20 to x28, x0 to x6
    (
        "ctx",
        "fr",
        "mem",
        "l0",
        "l1",
        "l2",
        "l3",
        "r0",
        "r1",
        "y",
        "c1",
        "x",
        "c3",
        "c4",
        "c5",
        "r2",
    ),
    ("c1", "x", "c3", "c4", "c5"),
    ("y", "c1"),
    ("ctx", "fr", "mem", "l0", "l1", "l2", "l3"),
    frozenset(("x", "y", "c3", "c4", "c5", "g4")),
)
ALL = {"x86_64": X86_64, "aarch64": AARCH64}
