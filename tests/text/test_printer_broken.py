"""Bodies that are malformed or invalid are printed as far as they go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmwright.errors import CompileError
from wasmwright.text.printer import print_module

BOTH = pytest.mark.parametrize("fold", [False, True])


def leb(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def module(code: bytes) -> bytes:
    """A module with one function of no type at all, whose instructions are ``code``."""
    body = leb(len(code) + 1) + b"\0" + code
    section = b"\x01" + body
    types = b"\x01\x04\x01\x60\0\0"
    return b"\0asm\1\0\0\0" + types + b"\x03\x02\x01\0" + b"\x0a" + leb(len(section)) + section


def lines(code: bytes, fold: bool = False) -> list[str]:
    text = print_module(module(code), fold=fold).splitlines()
    return [line.strip() for line in text[3:-2]]


@BOTH
def test_an_illegal_opcode_ends_the_text_with_what_is_left(fold: bool) -> None:
    found = lines(b"\x01\xff\x01\x02\x0b", fold)
    assert found[0].strip("()") == "nop"
    assert found[1].startswith(";; error: illegal opcode ff (at 0x")
    assert found[2] == ";; the body goes on with 4 bytes: ff 01 02 0b"
    assert len(found) == 3


@BOTH
def test_an_instruction_that_is_cut_short_is_not_printed(fold: bool) -> None:
    found = lines(b"\x01\x43\x00\x00", fold)
    assert found[0].strip("()") == "nop"
    assert found[1].startswith(";; error: unexpected end of section or function")
    assert found[2] == ";; the body goes on with 3 bytes: 43 00 00"


@BOTH
def test_what_is_left_is_shown_in_part(fold: bool) -> None:
    assert lines(b"\xff" * 1000, fold)[-1].endswith("ff …")


def test_open_blocks_stay_open() -> None:
    assert lines(b"\x02\x40\x01") == [
        "block ;; label = @1",
        "nop",
        lines(b"\x02\x40\x01")[2],
    ]
    assert lines(b"\x02\x40\x01")[2].startswith(";; error: unexpected end")


def test_the_folded_form_closes_its_parentheses_on_a_line_of_their_own() -> None:
    found = lines(b"\x02\x40\x03\x40\x01", fold=True)
    assert found[:3] == ["(block (;@1;)", "(loop (;@2;)", "(nop)"]
    assert found[3].startswith(";; error: ")
    assert found[4] == "))"


@BOTH
def test_code_after_the_end_is_printed(fold: bool) -> None:
    found = [line.strip("()") for line in lines(b"\x01\x0b\x01\x0b", fold)]
    assert found[0] == "nop"
    assert [line for line in found if line.startswith(";; error: the function ends here")]
    assert found[-1] == "nop"


@BOTH
@pytest.mark.parametrize(("opcode", "name"), [(b"\x05", "else"), (b"\x19", "catch_all")])
def test_an_arm_without_a_block_is_reported(opcode: bytes, name: str, fold: bool) -> None:
    found = lines(b"\x02\x40" + opcode + b"\x0b\x0b", fold)
    assert any(line.startswith(f";; error: {name} without a block") for line in found)


@BOTH
def test_a_delegate_without_a_try_is_reported(fold: bool) -> None:
    found = lines(b"\x02\x40\x18\x00\x0b", fold)
    assert any(line.startswith(";; error: delegate without a block") for line in found)


@BOTH
def test_indices_that_mean_nothing_stay_numbers(fold: bool) -> None:
    codes = "10 x 20 x 23 x 0c x 02 x 0b fb02 x x 28 42 09 00 08 x 0b".replace("x", "e300")
    code = bytes.fromhex(codes)
    text = "\n".join(lines(code, fold))
    for part in (
        "call 99",
        "local.get 99",
        "global.get 99",
        "br 99",
        "block (type 99)",
        "struct.get 99 99",
        "i32.load 9",
        "throw 99",
    ):
        assert part in text


@BOTH
@pytest.mark.parametrize(
    "code",
    [b"\x02\x40" * 100_000 + b"\x0b" * 100_001, b"\x02\x40" * 100_000, b"\x45" * 100_000 + b"\x0b"],
)
def test_nesting_has_no_end(code: bytes, fold: bool) -> None:
    assert len(print_module(module(code), fold=fold)) < 60_000_000


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_body(code: bytes) -> None:
    data = module(code + b"\x0b")
    flat, folded = print_module(data), print_module(data, fold=True)
    assert flat.count(";; error:") == folded.count(";; error:")
    without_comments = [line for line in folded.splitlines() if ";;" not in line]
    assert "\n".join(without_comments).count("(") == "\n".join(without_comments).count(")")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_any_module_is_printed_or_malformed(sections: bytes) -> None:
    try:
        text = print_module(b"\0asm\1\0\0\0" + sections)
    except CompileError:
        return
    assert text.startswith("(module")
