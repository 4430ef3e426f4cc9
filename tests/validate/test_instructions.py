from __future__ import annotations

import pytest

from wasmwright.features import ALL, DEFAULT, MVP, NAMES, SIMD
from wasmwright.isa import AT, INSTRUCTIONS, Instruction, immediates
from wasmwright.model.types import (
    F32,
    I32,
    I64,
    NUMBER_NAMES,
    GlobalType,
    Limits,
    MemoryType,
)

MEMORY = [MemoryType(Limits(1))]
MEMORY64 = [MemoryType(Limits(1, address64=True))]

FIXED = [row for row in INSTRUCTIONS if row.params is not None]

IMMEDIATES = {
    immediates.MEMARG: "0:0",
    immediates.LANE: "0",
    immediates.LANES: ",".join("0" * 16),
}


def with_immediates(row: Instruction) -> str:
    words = [IMMEDIATES.get(kind, "0") for kind in row.immediates]
    if row.family.startswith("atomic") and immediates.MEMARG in row.immediates:
        words[0] = f"{natural_alignment(row)}:0"
    return " ".join([row.name, *words])


def natural_alignment(row: Instruction) -> int:
    """Of an atomic access: from the bits in its name, or else from the value's type."""
    operation = row.name.partition("atomic.")[2]
    digits = "".join(char for char in operation.partition("_")[0] if char.isdigit())
    bits = int(digits) if digits else 64 if row.name.startswith("i64") else 32
    return (bits // 8).bit_length() - 1


def operands(row: Instruction, address: int) -> list[int]:
    assert row.params is not None
    return [address if code == AT else code for code in row.params]


def names(types: list[int]) -> str:
    return " ".join(NUMBER_NAMES[code] for code in types)


def gets(count: int) -> str:
    return "".join(f"local.get {i};" for i in range(count))


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
class TestRowsThatTypeThemselves:
    def test_take_and_give_what_the_row_says(self, row: Instruction, valid) -> None:
        for address, memory in ((I32, MEMORY), (I64, MEMORY64)):
            types = operands(row, address)
            results = [address if code == AT else code for code in row.results or ()]
            valid(
                gets(len(types)) + with_immediates(row),
                params=names(types),
                results=names(results),
                memories=memory,
            )

    def test_reject_an_operand_of_another_type(self, row: Instruction, invalid) -> None:
        types = operands(row, I32)
        for place in range(len(types)):
            wrong = list(types)
            wrong[place] = F32 if types[place] != F32 else I64
            error = invalid(
                gets(len(types)) + with_immediates(row) + ";unreachable",
                f"type mismatch: instruction requires [{names(types)}] "
                f"but stack has [{names(wrong)}] in {row.name}",
                params=names(wrong),
                memories=MEMORY,
            )
            assert error.func == 0

    def test_reject_a_missing_operand(self, row: Instruction, invalid) -> None:
        types = operands(row, I32)
        if types:
            invalid(
                gets(len(types) - 1) + with_immediates(row) + ";unreachable",
                "type mismatch: instruction requires",
                params=names(types[:-1]),
                memories=MEMORY,
            )

    def test_reject_a_wrong_use_of_the_result(self, row: Instruction, invalid) -> None:
        if row.results:
            wrong = "funcref"
            invalid(
                "unreachable;" + with_immediates(row),
                "type mismatch",
                results=wrong,
                memories=MEMORY,
            )

    def test_take_anything_in_unreachable_code(self, row: Instruction, valid) -> None:
        valid("unreachable;" + with_immediates(row) + ";unreachable", memories=MEMORY)

    def test_need_their_feature(self, row: Instruction, invalid) -> None:
        if row.feature != MVP:
            invalid(
                "unreachable;" + with_immediates(row),
                f"{NAMES[row.feature]} support is not enabled: {row.name}",
                memories=MEMORY,
                features=ALL & ~row.feature,
            )


def test_every_instruction_has_a_rule(valid, invalid) -> None:
    from wasmwright.validate.rules import FIXED as GENERIC
    from wasmwright.validate.rules import signatures

    table = list(signatures(ALL))
    for row in INSTRUCTIONS:
        assert table[row.slot] & 0xFF >= min(4, GENERIC), row.name


class TestParametric:
    def test_drop_takes_any_type(self, valid) -> None:
        for name in ("i32", "f64", "v128", "funcref", "exnref", "ref:func"):
            valid("local.get 0; drop", params=name)

    def test_drop_needs_an_operand_of_its_own_block(self, invalid) -> None:
        invalid("drop", "type mismatch")
        invalid("i32.const 0; block -; drop; end; drop", "type mismatch")

    @pytest.mark.parametrize("name", ["i32", "i64", "f32", "f64", "v128"])
    def test_select_takes_numbers_and_vectors(self, name: str, valid) -> None:
        valid(
            "local.get 0; local.get 1; local.get 2; select",
            params=f"{name} {name} i32",
            results=name,
        )

    def test_select_needs_equal_types(self, invalid) -> None:
        invalid(
            "local.get 0; local.get 1; i32.const 0; select; drop",
            "type mismatch",
            params="i32 i64",
        )

    def test_select_without_type_takes_no_references(self, invalid) -> None:
        for params in ("funcref funcref", "externref externref"):
            invalid(
                "local.get 0; local.get 1; i32.const 0; select; drop",
                "type mismatch",
                params=params,
            )
        invalid(
            "unreachable; local.get 0; i32.const 0; select; drop", "type mismatch", params="funcref"
        )

    def test_select_with_type_takes_references(self, valid, invalid) -> None:
        text = "local.get 0; local.get 1; i32.const 0; select funcref"
        valid(text, params="funcref ref:func", results="funcref")
        invalid(text, "type mismatch", params="funcref externref", results="funcref")

    def test_select_has_one_type(self, invalid) -> None:
        for types in (",", "i32,i32"):
            invalid(f"unreachable; select {types}; unreachable", "invalid result arity")

    def test_select_in_unreachable_code_keeps_what_it_knows(self, valid, invalid) -> None:
        text = "unreachable; f32.const 0; i32.const 0; select"
        valid(text, results="f32")
        invalid(text, "type mismatch", results="i32")
        valid("unreachable; select; drop")


class TestVariables:
    def test_locals_have_their_types(self, valid, invalid) -> None:
        valid(
            "local.get 0; local.set 1; local.get 1; local.tee 0; drop", params="i64", locals="i64"
        )
        invalid(
            "local.get 0; drop; local.get 1",
            "type mismatch",
            params="i64",
            results="i64",
            locals="i32",
        )
        invalid("f32.const 0; local.set 0", "type mismatch", params="i64")
        invalid("f32.const 0; local.tee 0; drop", "type mismatch", params="i64")

    def test_unknown_local(self, invalid) -> None:
        for name in ("local.get", "local.set", "local.tee"):
            invalid(f"unreachable; {name} 2", "unknown local 2", params="i32", locals="i32")
            invalid(f"unreachable; {name} 200", "unknown local 200", params="i32", locals="i32")
            invalid(f"unreachable; {name} 200000", "unknown local 200000", params="i32")

    def test_tee_gives_the_type_of_the_local(self, valid, invalid) -> None:
        text = "local.get 0; local.tee 1; drop; local.get 0; local.tee 1"
        valid(text, params="ref:func", locals="funcref", results="funcref")
        invalid(text, "type mismatch", params="ref:func", locals="funcref", results="ref:func")

    def test_globals_have_their_types(self, valid, invalid) -> None:
        globals = [(GlobalType(I64, True), "i64.const 0"), (GlobalType(I64, False), "i64.const 0")]
        valid("global.get 1; global.set 0", globals=globals)
        invalid("i64.const 0; global.set 1", "immutable global", globals=globals)
        invalid("f32.const 0; global.set 0", "type mismatch", globals=globals)
        invalid("global.get 1", "type mismatch", results="i32", globals=globals)
        for name in ("global.get", "global.set"):
            invalid(f"unreachable; {name} 2", "unknown global 2", globals=globals)


class TestEncoding:
    def test_illegal_opcodes(self, invalid) -> None:
        for body in (
            b"\xff",
            b"\x27",
            b"\xc5",
            b"\xfb\x1f",
            b"\xfc\x12",
            b"\xfd\x94\x02",
            b"\xfe\x04",
        ):
            error = invalid(body + b"\x0b", "illegal opcode")
            assert error.offset == 8

    def test_prefixed_opcodes_may_be_longer_than_need_be(self, valid, invalid) -> None:
        valid(b"\x43\0\0\0\0\xfc\x80\x80\x80\x80\x00\x1a\x0b")
        invalid(
            b"\x43\0\0\0\0\xfc\x80\x80\x80\x80\x80\x00\x1a\x0b", "integer representation too long"
        )

    def test_integers_are_checked_to_the_last_bit(self, valid, invalid) -> None:
        valid(b"\x41\xff\xff\xff\xff\x07\x1a\x0b")
        valid(b"\x41\x80\x80\x80\x80\x78\x1a\x0b")
        invalid(b"\x41\xff\xff\xff\xff\x0f\x1a\x0b", "integer too large")
        invalid(b"\x41\x80\x80\x80\x80\x80\x00\x1a\x0b", "integer representation too long")
        valid(b"\x20\x80\x80\x80\x80\x00\x1a\x0b", params="i32")
        invalid(b"\x20\x80\x80\x80\x80\x10\x1a\x0b", "integer too large", params="i32")

    def test_every_truncation_is_malformed(self, build, invalid) -> None:
        text = (
            "i32.const 1000; i64.const 7; i32.wrap_i64; i32.add; i32.load 2:300; f64.const 1; drop;"
            "v128.const 7; i8x16.extract_lane_s 3; i32.add; br_table 0,0 0"
        )
        code = build(text, memories=MEMORY).codes[0]
        data = build(text, memories=MEMORY).data[code.start : code.end]
        for size in range(len(data)):
            invalid(data[:size], "", memories=MEMORY)

    def test_code_after_the_last_end(self, invalid) -> None:
        invalid(b"\x0b\x0b", "section size mismatch")
        invalid(b"\x0b\x01\x0b", "section size mismatch")


def test_errors_say_where_they_are(invalid) -> None:
    error = invalid("i32.const 1; f32.const 0; i32.add; drop", "type mismatch", funcs=[0])
    # Eight bytes of header, the two of the other function, then two constants.
    assert (error.func, error.offset) == (1, 8 + 2 + 2 + 5)
    assert str(error) == (
        "type mismatch: instruction requires [i32 i32] but stack has [i32 f32] in i32.add "
        "(func 1, at 0x11)"
    )


def test_long_lists_are_shortened_in_messages(invalid) -> None:
    many = " ".join(["i32"] * 500)
    error = invalid("", "type mismatch", results=many)
    assert len(str(error)) < 250
    assert "(500 types)" in str(error)


def test_default_features_are_all(valid) -> None:
    valid("v128.const 0; drop", features=DEFAULT)
    assert DEFAULT & SIMD
