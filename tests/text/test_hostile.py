"""Input of any shape ends in a module or in a clear error, soon and without deep recursion."""

from __future__ import annotations

import random

import pytest

from wasmwright.binary.decode import decode
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.text import TextError, parse
from wasmwright.text.lexer import tokenize
from wasmwright.text.tokens import KEYWORDS

DEPTH = 100_000


@pytest.mark.parametrize(
    "source",
    [
        "(module (func " + "(block " * DEPTH + ")" * DEPTH + "))",
        "(module (func " + "block " * DEPTH + "end " * DEPTH + "))",
        "(module (func (drop " + "(i32.eqz " * DEPTH + "(i32.const 0)" + ")" * DEPTH + ")))",
        "(module (func " + "(if (i32.const 0) (then " * DEPTH + "))" * DEPTH + "))",
        "(module (func block $a " + "block $b br $a " * DEPTH + "end " * (DEPTH + 1) + "))",
        "(;" * DEPTH + ";)" * DEPTH + "(module)",
        "(module " + "(@a " * DEPTH + ")" * DEPTH + ")",
    ],
    ids=["folded", "flat", "operands", "arms", "labels", "comments", "annotations"],
)
def test_nesting_may_be_deep(source: str) -> None:
    assert decode(parse(source))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(" * DEPTH, "unexpected token"),
        ("(" * DEPTH + ")" * DEPTH, "unexpected token"),
        ("(module (func " + "(" * DEPTH + ")" * DEPTH + "))", "unexpected token"),
        ("(module (func (param " + "(ref " * DEPTH + ")" * DEPTH + "))", "unexpected token"),
        ("(module " + "(rec " * DEPTH, "unexpected token"),
        ("(module " + "(module quote " * DEPTH, "unexpected token"),
        ("(;" * DEPTH, "unclosed comment"),
        ("(@a " * DEPTH, "unclosed annotation"),
        ("(module (global i64 (i64.const " + "1" * DEPTH + ")))", "constant out of range"),
        ("(module (func\0))", "illegal character U+0000"),
    ],
)  # fmt: skip
def test_nonsense_may_be_long(source: str, message: str) -> None:
    with pytest.raises(TextError) as raised:
        parse(source)
    assert raised.value.message.startswith(message)
    assert len(str(raised.value)) < 400


@pytest.mark.slow
def test_a_string_may_have_a_hundred_megabytes() -> None:
    size = 100_000_000
    module = decode(parse(b'(module (data "' + b"a" * size + b'\\00"))'))
    [segment] = module.datas
    assert segment.end - segment.start == size + 1


SOURCES = [
    """(module $m (type $t (func (param i32) (result i32)))
      (import "a" "b" (func $i (type $t))) (memory (export "m") 1 2) (table $u funcref (elem $f))
      (func $f (type $t) (local $x i64) (block $l (br_if $l (local.get 0)))
        (call_indirect $u (type $t) (i32.load offset=4 align=2 (local.get 0)) (i32.const -1))))""",
    """(rec (type $s (sub (struct (field $a (mut i8)) (field (ref null $s))))) (type (array f32)))
      (global $g (ref null $s) (ref.null $s)) (data $d "\\00b") (elem $e declare func 0)
      (func (@name "n") (result i32) i32.const 1 (@metadata.code.branch_hint "\\01")
        if (result i32) (ref.test (ref $s) (global.get $g)) else i32.const 0x1F end)
      (@custom "c" (after code) "x")""",
    """(tag $x (param i32)) (func (try (do (throw $x (i32.const 0))) (catch $x drop) (catch_all)))
      (func (block $a (result exnref) (try_table (catch_ref $x $a) (catch_all 0) nop) unreachable)
        drop v128.const f32x4 1 nan -0x1p-3 inf f32.const nan:0x1 drop drop)
      (start 0) (export "e" (tag 0))""",
]


def test_changed_tokens_raise_nothing_but_our_errors() -> None:
    random_ = random.Random(20_240_914)
    vocabulary = [
        *sorted(KEYWORDS),
        b"$a",
        b'"x"',
        b"0",
        b"-1",
        b"1.5",
        b"(",
        b")",
        b"foo",
        b"\xff",
    ]
    vocabulary += [b'(@name "x")', b'(@custom "x")', b"(;", b'"', b"$", b"(@a ", b"9" * 5000]
    tokens = []
    for source in SOURCES:
        data = source.encode()
        found = tokenize(data, 0, len(data))
        pairs = zip(found.starts, found.ends, strict=True)
        tokens.append([data[start:end] for start, end in pairs])
    parsed = 0
    for _ in range(3000):
        changed = list(random_.choice(tokens))
        for _ in range(random_.choice((1, 1, 2, 4))):
            place = random_.randrange(len(changed))
            other = random_.randrange(len(changed))
            match random_.randrange(4):
                case 0:
                    del changed[place]
                case 1:
                    changed[place] = random_.choice(vocabulary)
                case 2:
                    changed.insert(place, random_.choice(vocabulary))
                case _:
                    changed[place], changed[other] = changed[other], changed[place]
        try:
            binary = parse(b" ".join(changed))
        except (MalformedError, InvalidError):
            continue
        decode(binary)
        parsed += 1
    assert parsed > 100
