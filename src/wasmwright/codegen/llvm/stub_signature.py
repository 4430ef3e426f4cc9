"""Signatures in memory, as the generic stubs read them.

A signature is ``{i32 count of parameters, i32 count of results, i32 1 if the heap knows of one of
the results, i32 0}`` and then a record for each parameter and each result: ``{i32 kind (its letter
in the key), i32 place}``. A place is an offset into the *register file* or, from ``RT_AREA`` on,
one into the runtime block. The register file is what the stub puts into registers, or finds there:
16 bytes each, first the integers.
"""

from __future__ import annotations

import struct
from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen.llvm.stub_values import TRACED, valtypes

NAME: Final = "generic"  # in place of a key

PARAMS: Final = 0
RESULTS: Final = 4
TRACED_RESULTS: Final = 8
RECORDS: Final = 16
RECORD_SIZE: Final = 8
RECORD_PLACE: Final = 4

REGISTER: Final = 16
FILE_SIZE: Final = REGISTER * (abi.PARAM_INTS + abi.PARAM_FLOATS)


def describe(key: str) -> bytes:
    """The signature of a key."""
    params, results = key.split("_")
    traced = any(kind in TRACED for kind in results)
    return b"".join(
        (
            struct.pack("<4I", len(params), len(results), traced, 0),
            _side(params, abi.PARAM_INTS, abi.PARAM_FLOATS),
            _side(results, abi.RESULT_INTS, abi.RESULT_FLOATS),
        )
    )


def _side(kinds: str, ints: int, floats: int) -> bytes:
    records = []
    offsets = abi.area_offsets(valtypes(kinds), ints, floats)
    next_int, next_float = 0, REGISTER * ints
    for kind, place in zip(kinds, offsets, strict=True):
        if place < 0 and kind in "fdv":
            place, next_float = next_float, next_float + REGISTER
        elif place < 0:
            place, next_int = next_int, next_int + REGISTER
        records.append(struct.pack("<2I", ord(kind), place))
    return b"".join(records)
