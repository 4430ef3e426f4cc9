"""The modules that tests of the binary format are fed with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def sample_files() -> list[Path]:
    """The built programs in the repository, and those of $WASM_CORPUS where that is set."""
    found = sorted(ROOT.glob("bench/**/*.wasm")) + sorted(ROOT.glob("examples/**/*.wasm"))
    if corpus := os.environ.get("WASM_CORPUS"):
        found += sorted(Path(corpus).rglob("*.wasm"))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``sample`` on every sample module."""
    if "sample" in metafunc.fixturenames:
        files = sample_files()
        ids = [f"{path.parent.name}/{path.stem}" for path in files]
        metafunc.parametrize("sample", files, ids=ids)


# Every part of a module that the format has, in the shortest encoding: section ids and contents.
EVERYTHING: list[tuple[int, str]] = [
    # a custom section "a" in front
    (0, "0161"),
    # [i32] -> [i64 f64]; a group of two struct types that refer to each other, the second a
    # final subtype of the first; array (mut f32); [] -> []; [v128 funcref] -> [(ref extern)];
    # a group of none
    (
        1,
        "06  60 017f 027e7c"
        "4e 02 5000 5f 02 7801 630200  4f 0101 5f 03 7801 630200 7700"
        "5e 7d01  60 00 00  60 027b70 01646f  4e 00",
    ),
    # a function, a table, a memory of 64 bits, a global, a tag
    (
        2,
        "05  016d 0166 00 00  016d 0174 01 70 0001  016d 016d 02 050102"
        "016d 0167 03 7f01  016d 0165 04 0004",
    ),
    (3, "02 04 00"),
    # 1 (ref func) with an initializer; 1 to 2 externref
    (4, "02  40 00 6470 0001 d2010b  6f 010102"),
    # 1; 1 to 2, shared; 0 pages of 1 byte
    (5, "03 0001 030102 080000"),
    (13, "01 0004"),
    # a custom section "b"
    (0, "0162ff"),
    # (mut i64) = 1 + 2; anyref = null
    (6, "02  7e01 4201 4202 7c 0b  6e00 d06e 0b"),
    # one of each kind
    (7, "05  0161 0000  0162 0100  00 0200  0163 0301  0164 0400"),
    (8, "01"),
    # one segment of each of the eight kinds
    (
        9,
        "08  00 41000b 01 01  01 00 01 01  02 01 41000b 00 01 01  03 00 02 01 02"
        "04 41000b 01 d2010b  05 6470 01 d2010b  06 01 41000b 6f 01 d06f0b  07 70 01 d0700b",
    ),
    (12, "03"),
    # without locals; with 2 i32 and 1 (ref null 1)
    (10, "02  02 00 0b  0a 02 027f 016301 41001a0b"),
    # active, passive, active in memory 1
    (11, "03  00 41000b 0161  01 026263  02 01 41000b 00"),
    # another custom section "a"
    (0, "0161 0102"),
]
HEADER = b"\0asm\1\0\0\0"


def assemble(sections: list[tuple[int, str]]) -> bytes:
    """A module of these sections; contents shorter than 128 bytes."""
    contents = [(section, bytes.fromhex(content)) for section, content in sections]
    return HEADER + b"".join(bytes((i, len(content))) + content for i, content in contents)


@pytest.fixture(scope="session")
def everything() -> bytes:
    """A module with every part that the format has."""
    return assemble(EVERYTHING)
