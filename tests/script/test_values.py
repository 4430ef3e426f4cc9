"""Results match patterns bit by bit."""

from __future__ import annotations

import pytest

from wasmwright.script.values import (
    Either,
    ExternRef,
    HostRef,
    NanPattern,
    Null,
    Number,
    Pattern,
    Reference,
    RefPattern,
    Value,
    Vector,
    VectorPattern,
    matches,
    show,
)


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        (Number("i32", 1), Number("i32", 1), True),
        (Number("i32", 1), Number("i64", 1), False),
        (Number("f32", 1 << 31), Number("f32", 0), False),
        (Number("f32", 0x7FC00000), NanPattern("f32", "canonical"), True),
        (Number("f32", 0xFFC00000), NanPattern("f32", "canonical"), True),
        (Number("f32", 0x7FC00001), NanPattern("f32", "canonical"), False),
        (Number("f32", 0xFFC00001), NanPattern("f32", "arithmetic"), True),
        (Number("f32", 0x7FA00000), NanPattern("f32", "arithmetic"), False),
        (Number("f32", 0x7F800000), NanPattern("f32", "arithmetic"), False),
        (Number("f64", 0x7FF8 << 48), NanPattern("f64", "canonical"), True),
        (Number("f64", 0x7FF8 << 48), NanPattern("f32", "canonical"), False),
        (Vector(bytes(16)), Vector(bytes(16)), True),
        (
            Vector(bytes.fromhex("0000c07f 01000000 00000000 0000c0ff")),
            VectorPattern(
                (
                    NanPattern("f32", "canonical"),
                    Number("f32", 1),
                    Number("f32", 0),
                    NanPattern("f32", "arithmetic"),
                )
            ),
            True,
        ),
        (
            Vector(bytes(16)),
            VectorPattern((NanPattern("f64", "canonical"), Number("f64", 0))),
            False,
        ),
        (Null(), Null(), True),
        (Null(), RefPattern("extern"), False),
        (ExternRef(1), ExternRef(1), True),
        (ExternRef(1), ExternRef(2), False),
        (ExternRef(1), RefPattern("extern"), True),
        (HostRef(1), RefPattern("any"), True),
        (Reference("func"), RefPattern("func"), True),
        (Reference("func"), RefPattern("any"), False),
        (Reference("struct"), RefPattern("eq"), True),
        (Reference("i31"), RefPattern("i31"), True),
        (Reference("i31"), RefPattern("struct"), False),
        (Number("i32", 2), Either((Number("i32", 1), Number("i32", 2))), True),
        (Number("i32", 3), Either((Number("i32", 1), Number("i32", 2))), False),
    ],
)
def test_a_value_matches_its_patterns_only(value: Value, pattern: Pattern, expected: bool) -> None:
    assert matches(value, pattern) is expected


def test_values_are_shown_as_scripts_write_them() -> None:
    values = [Number("f32", 0x7FC00000), Vector(bytes(range(16))), Null(), Reference("func")]
    assert show(values) == (
        "[(f32.const 0x7fc00000) (v128.const i32x4 0x03020100 0x07060504 0x0b0a0908 0x0f0e0d0c) "
        "(ref.null) (ref.func)]"
    )
