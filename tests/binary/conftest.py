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


# Every part of a module that the format has, in the shortest encoding.
EVERYTHING = bytes.fromhex(
    # header; a custom section "a" in front
    "0061736d 01000000 00020161"
    # types: [i32] -> [i64 f64]; rec {sub struct(mut i8, (ref null 1)); sub final 1 struct(...)};
    # array (mut f32); [] -> []; [v128 funcref] -> [(ref extern)]
    "01 36 06"
    "60 01 7f 02 7e 7c"
    "4e 02 5000 5f 02 7801 630100 4f0101 5f 03 7801 630100 7700"
    "5e 7d01"
    "60 00 00"
    "60 02 7b70 01 646f"
    "4e 00"
    # imports: func, table, memory64, global, tag
    "02 2a 05"
    "016d 0166 00 00  016d 0174 01 70 00 01  016d 016d 02 05 01 02"
    "016d 0167 03 7f 01  016d 0165 04 00 04"
    # functions: types 4 and 0
    "03 03 02 04 00"
    # tables: (ref func) with an initializer; externref 1..2
    "04 0e 02 4000 6470 00 01 d2010b 6f 01 01 02"
    # memories: 1; shared 1..2; page size 1
    "05 09 03 0001 030102 0803 00"
    # a tag; a custom section "b" after it
    "0d 03 01 00 04 00 03 0162ff"
    # globals: mut i64 = 1 + 2; anyref = null
    "06 0e 02 7e01 42014202 7c 0b 6e00 d06e 0b"
    # exports: func, table, memory, global, tag
    "07 15 05 0161 00 01 0162 01 00 0163 02 00 00 03 01 0164 04 00"
    "08 01 01"
    # segments of elements, each of the eight kinds
    "09 35 08"
    "00 41000b 01 01"
    "01 00 01 01"
    "02 01 41000b 00 01 01"
    "03 00 02 01 02"
    "04 41000b 01 d2010b"
    "05 64 70 01 d2010b"
    "06 01 41000b 6f 01 d06f0b"
    "07 70 01 d0700b"
    "0c 01 03"
    # bodies: no locals; 2 i32, 1 (ref null 1)
    "0a 0f 02 02 00 0b 0a 02 027f 01630100 00 0b"
    # data: active, passive, active in memory 1; a custom section "a" at the end
    "0b 13 03 00 41000b 0161 01 02 6263 02 01 41000b 00 00 04 0161 0102"
)


@pytest.fixture
def everything() -> bytes:
    return EVERYTHING
