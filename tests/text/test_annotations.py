"""Annotations make names, custom sections and branch hints, or are errors where they cannot."""

from __future__ import annotations

import pytest

from wasmwright.binary.decode import decode
from wasmwright.binary.names import decode_names
from wasmwright.text import TextError, parse

SECTIONS = "custom type import func table memory global export start elem code data datacount tag"
HINT = "metadata.code.branch_hint"


def order(source: str) -> list[str]:
    """The sections of a module by name, custom ones by their own."""
    module = decode(parse(source))
    customs = iter(module.customs)
    names = SECTIONS.split()
    return [names[each.id] if each.id else next(customs).name for each in module.sections]


def error(source: str) -> str:
    with pytest.raises(TextError) as raised:
        parse(source)
    return raised.value.message


def test_custom_sections_stand_where_they_are_put() -> None:
    # The example of the specification's appendix.
    source = """
        (module
          (@custom "A" "aaa") (type $t (func)) (@custom "B" (after func) "bbb")
          (@custom "C" (before func) "ccc") (@custom "D" (after last) "ddd") (table 10 funcref)
          (func (type $t)) (@custom "E" (after import) "eee") (@custom "F" (before type) "fff")
          (@custom "G" (after data) "ggg") (@custom "H" (after code) "hhh")
          (@custom "I" (after func) "iii") (@custom "J" (before func) "jjj")
          (@custom "K" (before first) "kkk"))
        """
    assert order(source) == [*"KF", "type", *"ECJ", "func", *"BI", "table", "code", *"HGAD", "name"]


def test_the_content_of_a_custom_section_may_be_split() -> None:
    module = decode(parse('(@custom "a" "b\\00" "" "c") (func) (@"custom" "é")'))
    assert module.custom("a") == b"b\0c"
    assert module.custom("é") == b""


def test_name_annotations_win_over_identifiers() -> None:
    names = decode_names(
        decode(
            parse(
                """
                (module $m (@name "M") (@custom "x")
                  (func $f (@name "f f") (param $p (@name "p p") i32) (param (@name "q") i32)
                    (local (@name "l") i32) local.get $p)
                  (type (@name "t") (struct (field $a (@name "b") i32))) (tag (@name "θ"))
                  (memory (@name "mem") 1))
                """
            )
        )
    )
    assert names.module == "M"
    assert names.funcs == {0: "f f"}
    assert names.locals == {0: {0: "p p", 1: "q", 2: "l"}}
    assert names.types == {0: "t"}
    assert names.fields == {0: {0: "b"}}
    assert names.tags == {0: "θ"}
    assert names.memories == {0: "mem"}


def test_branch_hints_stand_before_the_code_by_offset() -> None:
    module = decode(
        parse(
            f"""
            (func)
            (func (param i32) (local i32)
              local.get 0 (@{HINT} "\\00") if end
              (@{HINT} "\\01") (if (local.get 0) (then))
              (block ((@{HINT} "\\01") br_if 0 (local.get 0))))
            """
        )
    )
    code = module.codes[1]
    body = module.data[code.body_start : code.end]
    places = [5, 10, 17]
    assert [body[place] for place in places] == [0x04, 0x04, 0x0D]
    hints = b"".join(bytes([place, 1, hint]) for place, hint in zip(places, (0, 1, 1), strict=True))
    assert module.custom(HINT) == b"\x01\x01\x03" + hints
    assert order(f'(func (@{HINT} "\\00") if end)')[-2:] == [HINT, "code"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(@custom)", "@custom annotation: missing section name"),
        ("(@custom 4)", "@custom annotation: missing section name"),
        ('(@custom "\\ff")', "@custom annotation: malformed UTF-8 encoding"),
        ('(@custom "a" here)', "@custom annotation: unexpected token"),
        ('(@custom "a" (after))', "@custom annotation: malformed section kind"),
        ('(@custom "a" (before last))', "@custom annotation: malformed section kind"),
        ('(@custom "a" (after first))', "@custom annotation: malformed section kind"),
        ('(@custom "a" (before types))', "@custom annotation: malformed section kind"),
        ('(@custom "a" (in type))', "@custom annotation: malformed placement"),
        ('(@custom "a" (after type) (after type))', "@custom annotation: unexpected token"),
        ('(@custom "a" (after type type))', "@custom annotation: unexpected token"),
        ('(func (@custom "a"))', "misplaced @custom annotation"),
        ('(type (@custom "a") (func))', "misplaced @custom annotation"),
        ('(module (@name "a") (@name "b"))', "@name annotation: multiple module names"),
        ('(func (@name "a") (@name "b"))', "@name annotation: multiple function names"),
        ("(func (@name a))", "@name annotation: string expected"),
        ('(func (@name "a" "b"))', "@name annotation: unexpected token"),
        ('(func (@name "\\ff"))', "@name annotation: malformed UTF-8 encoding"),
        ('(func) (@name "a")', "misplaced @name annotation"),
        ('(func (nop (@name "a")))', "misplaced @name annotation"),
        (f'(@{HINT} "\\00") (func)', f"@{HINT} annotation: not in a function"),
        (f'(func (@{HINT} "\\00"))', f"@{HINT} annotation: not in a function"),
        (f'(func (@{HINT} "\\00") nop)', f"@{HINT} annotation: invalid target"),
        (f'(func (@{HINT} "\\00") (block))', f"@{HINT} annotation: invalid target"),
        (f'(func (@{HINT} "\\00") (@{HINT} "\\00") if end)', f"@{HINT} annotation: duplicate"),
        (f'(func (@{HINT} "\\02") if end)', f"@{HINT} annotation: the hint is"),
        (f"(func (@{HINT} 0) if end)", f"@{HINT} annotation: unexpected token"),
    ],
)
def test_annotations_that_mean_nothing_are_errors(source: str, message: str) -> None:
    assert error(source).startswith(message)


def test_other_annotations_mean_nothing_anywhere() -> None:
    source = '(module (@x) $m (@y "a" (b)) (func (@z) $f (@w) (nop (@v))))'
    assert parse(source) == parse("(module $m (func $f (nop)))")
