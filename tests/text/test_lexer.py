"""Source text becomes the tokens that the specification says."""

from __future__ import annotations

import pytest

from wasmwright.text import TextError, tokens
from wasmwright.text.lexer import source_bytes, tokenize
from wasmwright.text.tokens import (
    ALIGN_EQ,
    END,
    FLOAT,
    ID,
    INSTRUCTION,
    INT,
    LPAR,
    NAT,
    OFFSET_EQ,
    RESERVED,
    RPAR,
    STRING,
)


def kinds(source: str | bytes) -> list[int]:
    data = source_bytes(source)
    found = list(tokenize(data, 0, len(data)).kinds)
    assert found[-2:] == [END, END]
    return found[:-2]


def texts(source: str) -> list[str]:
    data = source_bytes(source)
    found = tokenize(data, 0, len(data))
    pairs = zip(found.starts, found.ends, strict=True)
    return [data[start:end].decode() for start, end in pairs][:-2]


def error(source: str | bytes) -> str:
    with pytest.raises(TextError) as raised:
        kinds(source)
    return raised.value.message


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("(", LPAR),
        (")", RPAR),
        ("$x", ID),
        ('$"a b"', ID),
        ("$!#$%&'*+-./:<=>?@\\^_`|~", ID),
        ('""', STRING),
        ('"\\t\\n\\r\\"\\\'\\\\\\00\\ff\\u{1_F600}"', STRING),
        ("0", NAT),
        ("1_000", NAT),
        ("0xAb_cD", NAT),
        ("+1", INT),
        ("-0x1", INT),
        ("1.", FLOAT),
        ("1e5", FLOAT),
        ("-1_0.2_0E+1_0", FLOAT),
        ("0x1.8p-3", FLOAT),
        ("0x.8", RESERVED),
        ("inf", FLOAT),
        ("-nan", FLOAT),
        ("+nan:0x1_F", FLOAT),
        ("nan:canonical", tokens.NAN_CANONICAL),
        ("offset=1", OFFSET_EQ),
        ("align=0x10", ALIGN_EQ),
        ("module", tokens.MODULE),
        ("i32.add", INSTRUCTION + 0x6A),
        ("select", INSTRUCTION + 0x1B),
        ("i32.ad", RESERVED),
        ("1__0", RESERVED),
        ("1_", RESERVED),
        ("_1", RESERVED),
        ("0x", RESERVED),
        ("0x_1", RESERVED),
        ("1e", RESERVED),
        ("1e_5", RESERVED),
        ("1._5", RESERVED),
        ("+", RESERVED),
        ("nan:0x", RESERVED),
        ("nan:0", RESERVED),
        ("offset=", RESERVED),
        ("offset=-1", RESERVED),
        ("0$x", RESERVED),
        ('"a""b"', RESERVED),
        ('$x"a"', RESERVED),
        ('$"x"0', RESERVED),
        ('"a"x', RESERVED),
        (",", RESERVED),
        (";", RESERVED),
        ("[", RESERVED),
        ("}", RESERVED),
        ("Xyz", RESERVED),
    ],
)
def test_a_token_has_its_kind(token: str, kind: int) -> None:
    assert kinds(token) == [kind]
    assert texts(f" {token}\n") == [token]


def test_white_space_and_parentheses_separate_tokens() -> None:
    assert texts("(a\tb\r\n(c)d)$x(\n") == ["(", "a", "b", "(", "c", ")", "d", ")", "$x", "("]


def test_comments_are_white_space() -> None:
    assert texts("a;;b\nc ;; (; d\re(;f;)g") == ["a", "c", "e", "g"]
    assert texts("a(;(;b;);c(;;);)d;;") == ["a", "d"]
    assert texts("(;;;)a(;)(;;);)b(; \0 ;)") == ["a", "b"]


def test_annotations_are_white_space() -> None:
    source = 'a(@b)c(@"x y" (z ";)" ; , [)(;);))d(@e (@f) (@) (@ g) ;; )\n)h'
    assert texts(source) == ["a", "c", "d", "h"]


def test_known_annotations_are_listed_with_their_place() -> None:
    data = b'a (@name "x") b (@other) (@"custom" "y" (after z)) c'
    found = tokenize(data, 0, len(data)).annotations
    assert [(each.id, each.token) for each in found] == [(b"name", 1), (b"custom", 2)]
    assert [data[each.content_start : each.content_end] for each in found] == [
        b' "x"',
        b' "y" (after z)',
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a \0", "illegal character U+0000"),
        ("é", "illegal character U+00E9"),
        ("\x7f", "illegal character"),
        ("(@a é)", "illegal character"),
        (b"\xff", "malformed UTF-8 encoding"),
        ("\ud800", "malformed UTF-8 encoding"),
        ("(; (; ;)", "unclosed comment"),
        ('"abc', "unclosed string"),
        ('"abc\n"', "unclosed string"),
        ('"a\tb"', "illegal control character in string literal"),
        ('"\\q"', "illegal escape"),
        ('"\\f"', "illegal escape"),
        ('"\\u{110000}"', "illegal escape"),
        ('"\\u{d800}"', "illegal escape"),
        ('"\\u{}"', "illegal escape"),
        ('"\\', "illegal escape"),
        ("$", "empty identifier"),
        ("$ x", "empty identifier"),
        ('$""', "empty identifier"),
        ('$"a\nb"', "empty identifier"),
        ("(@)", "empty annotation id"),
        ('(@"")', "empty annotation id"),
        ('(@"\\ef")', "malformed UTF-8"),
        ("(@a (b)", "unclosed annotation"),
        ('(@a ")', "unclosed string"),
    ],
)
def test_what_is_no_token_is_an_error(source: str | bytes, message: str) -> None:
    assert error(source).startswith(message)


def test_the_offset_of_a_bad_byte_is_reported() -> None:
    with pytest.raises(TextError) as raised:
        source_bytes(b"(module\n  \xe9)")
    assert (raised.value.line, raised.value.column) == (2, 3)
