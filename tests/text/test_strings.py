"""String literals stand for the bytes that the specification says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmwright.text.lexer import source_bytes, string_end
from wasmwright.text.strings import string


def content(literal: str) -> bytes:
    data = source_bytes(f" {literal} ")
    end = string_end(data, 1, len(data), "")
    assert end == len(data) - 1
    return string(data, 1, end)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ('""', b""),
        ('"abc"', b"abc"),
        ('"é→😀"', "é→😀".encode()),
        (r'"\t\n\r\"\'\\"', b"\t\n\r\"'\\"),
        (r'"\00\fF\Ab"', b"\x00\xff\xab"),
        (r'"\u{0}\u{e9}\u{00_1F_600}\u{10ffff}"', "\0é😀\U0010ffff".encode()),
        (r'"a\22b\5cc"', b'a"b\\c'),
        (r'"\c3\a9"', "é".encode()),
    ],
)
def test_escapes_stand_for_bytes(literal: str, expected: bytes) -> None:
    assert content(literal) == expected


@given(st.lists(st.binary(max_size=3) | st.characters(exclude_categories=["Cs"])))
def test_any_mixture_of_characters_and_escapes_is_read(parts: list[bytes | str]) -> None:
    literal = ""
    for part in parts:
        if isinstance(part, bytes):
            literal += "".join(f"\\{byte:02x}" for byte in part)
        elif part < " " or part in '"\\\x7f':
            literal += f"\\u{{{ord(part):x}}}"
        else:
            literal += part
    expected = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    assert content(f'"{literal}"') == expected
