"""Proposals as flags, and the sets of them that the released versions of WebAssembly are.

A feature set is an ``int`` of or-ed flags. ``NAMES`` is the table from which the command
line, the messages and the documentation take the names.
"""

from __future__ import annotations

from typing import Final

MVP: Final = 0
SIGN_EXTENSION: Final = 1 << 0
SATURATING_FLOAT_TO_INT: Final = 1 << 1
MULTI_VALUE: Final = 1 << 2
MUTABLE_GLOBALS: Final = 1 << 3
REFERENCE_TYPES: Final = 1 << 4
BULK_MEMORY: Final = 1 << 5
SIMD: Final = 1 << 6
EXTENDED_CONST: Final = 1 << 7
TAIL_CALL: Final = 1 << 8
MULTI_MEMORY: Final = 1 << 9
MEMORY64: Final = 1 << 10
FUNCTION_REFERENCES: Final = 1 << 11
GC: Final = 1 << 12
EXCEPTIONS: Final = 1 << 13
RELAXED_SIMD: Final = 1 << 14
THREADS: Final = 1 << 15
WIDE_ARITHMETIC: Final = 1 << 16
LEGACY_EXCEPTIONS: Final = 1 << 17
CUSTOM_PAGE_SIZES: Final = 1 << 18

NAMES: Final[dict[int, str]] = {
    SIGN_EXTENSION: "sign-extension",
    SATURATING_FLOAT_TO_INT: "saturating-float-to-int",
    MULTI_VALUE: "multi-value",
    MUTABLE_GLOBALS: "mutable-globals",
    REFERENCE_TYPES: "reference-types",
    BULK_MEMORY: "bulk-memory",
    SIMD: "simd",
    EXTENDED_CONST: "extended-const",
    TAIL_CALL: "tail-call",
    MULTI_MEMORY: "multi-memory",
    MEMORY64: "memory64",
    FUNCTION_REFERENCES: "function-references",
    GC: "gc",
    EXCEPTIONS: "exceptions",
    RELAXED_SIMD: "relaxed-simd",
    THREADS: "threads",
    WIDE_ARITHMETIC: "wide-arithmetic",
    LEGACY_EXCEPTIONS: "legacy-exceptions",
    CUSTOM_PAGE_SIZES: "custom-page-sizes",
}

WASM_1: Final = MVP
WASM_2: Final = (
    WASM_1
    | SIGN_EXTENSION
    | SATURATING_FLOAT_TO_INT
    | MULTI_VALUE
    | MUTABLE_GLOBALS
    | REFERENCE_TYPES
    | BULK_MEMORY
    | SIMD
)
WASM_3: Final = (
    WASM_2
    | EXTENDED_CONST
    | TAIL_CALL
    | MULTI_MEMORY
    | MEMORY64
    | FUNCTION_REFERENCES
    | GC
    | EXCEPTIONS
    | RELAXED_SIMD
)
ALL: Final = WASM_3 | THREADS | WIDE_ARITHMETIC | LEGACY_EXCEPTIONS | CUSTOM_PAGE_SIZES

# What a module may use unless its embedder says otherwise.
DEFAULT: Final = ALL


def describe(flags: int) -> str:
    """The names of the features in ``flags``, comma-separated, in table order."""
    return ", ".join(name for flag, name in NAMES.items() if flags & flag)
