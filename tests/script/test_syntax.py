"""Scripts become commands."""

from __future__ import annotations

import pytest

from wasmwright.features import DEFAULT
from wasmwright.script.syntax import (
    AssertAction,
    AssertModule,
    AssertReturn,
    Definition,
    Get,
    Instantiation,
    Invoke,
    ModuleSource,
    Register,
    kind_of,
    parse_script,
)
from wasmwright.script.values import (
    Either,
    ExternRef,
    HostRef,
    NanPattern,
    Null,
    Number,
    RefPattern,
    Vector,
    VectorPattern,
)
from wasmwright.text import TextError, parse


def module_of(source: str) -> ModuleSource:
    [command] = parse_script(source)
    assert isinstance(command, Definition)
    return command.module


def test_modules_of_every_form() -> None:
    commands = parse_script(
        """
        (module $a (func))
        (module definition $b (memory 1))
        (module $c binary "\\00asm" "\\01\\00\\00\\00")
        (module definition binary "")
        (module quote "(func" ")")
        (module instance $i $a) (module instance $a) (module instance)
        """
    )
    definitions = [each for each in commands if isinstance(each, Definition)]
    assert [(each.module.id, each.module.form, each.instantiate) for each in definitions] == [
        ("a", "text", True), ("b", "text", False), ("c", "binary", True),
        (None, "binary", False), (None, "quote", True),
    ]  # fmt: skip
    assert [each.line for each in commands] == [2, 3, 4, 5, 6, 7, 7, 7]
    instances = [each for each in commands if isinstance(each, Instantiation)]
    assert [(each.id, each.module) for each in instances] == [("i", "a"), (None, "a"), (None, None)]
    binaries = [each.module.binary(DEFAULT) for each in definitions]
    assert binaries[:3] == [parse("(module $a (func))"), parse("(module $b (memory 1))"), parse("")]
    assert binaries[3:] == [b"", parse("(func)")]


def test_a_script_may_be_the_fields_of_one_module() -> None:
    assert module_of("(func) (memory 0)").binary(DEFAULT) == parse("(func) (memory 0)")


def test_a_wrong_module_fails_when_it_is_asked_for() -> None:
    module = module_of("\n(module (func (foo (bar))))")
    with pytest.raises(TextError, match="unknown operator foo") as raised:
        module.binary(DEFAULT)
    assert raised.value.line == 2


def test_actions_and_assertions() -> None:
    commands = parse_script(
        """
        (register "m" $a) (register "n")
        (invoke "f" (i32.const -1)) (get $a "g")
        (assert_return (invoke $a "f") (i32.const 1) (i64.const 2))
        (assert_trap (invoke "f") "unreachable") (assert_trap (module (func)) "out of bounds")
        (assert_exhaustion (invoke "f") "call stack exhausted") (assert_exception (invoke "f"))
        (assert_malformed (module quote "x") "unknown") (assert_invalid (module) "type mismatch")
        (assert_unlinkable (module) "unknown import") (assert_malformed_custom (module) "@custom")
        """
    )
    assert [kind_of(each) for each in commands] == [
        "register", "register", "invoke", "get", "assert_return", "assert_trap", "assert_trap",
        "assert_exhaustion", "assert_exception", "assert_malformed", "assert_invalid",
        "assert_unlinkable", "assert_malformed_custom",
    ]  # fmt: skip
    assert commands[:2] == [Register(2, "m", "a"), Register(2, "n", None)]
    assert commands[2] == Invoke(3, None, "f", (Number("i32", 0xFFFF_FFFF),))
    assert commands[3] == Get(3, "a", "g")
    returned = commands[4]
    assert isinstance(returned, AssertReturn)
    assert returned.results == (Number("i32", 1), Number("i64", 2))
    assert isinstance(commands[5], AssertAction)
    assert isinstance(commands[6], AssertModule)
    assert (commands[6].outcome, commands[6].message) == ("trap", "out of bounds")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("(i32.const 0x80000000)", Number("i32", 1 << 31)),
        ("(f32.const -nan:0x200000)", Number("f32", 0xFFA00000)),
        ("(f64.const nan:canonical)", NanPattern("f64", "canonical")),
        ("(f32.const nan:arithmetic)", NanPattern("f32", "arithmetic")),
        ("(v128.const i8x16 " + "1 " * 16 + ")", Vector(b"\1" * 16)),
        (
            "(v128.const f64x2 nan:canonical 0)",
            VectorPattern((NanPattern("f64", "canonical"), Number("f64", 0))),
        ),
        ("(ref.null)", Null()),
        ("(ref.null func)", Null()),
        ("(ref.extern 3)", ExternRef(3)),
        ("(ref.host 4)", HostRef(4)),
        ("(ref.extern)", RefPattern("extern")),
        ("(ref.func)", RefPattern("func")),
        ("(ref.struct)", RefPattern("struct")),
        ("(ref)", RefPattern("any")),
        ("(either (i32.const 1) (ref.null))", Either((Number("i32", 1), Null()))),
    ],
)
def test_results_of_every_kind(text: str, pattern: object) -> None:
    [command] = parse_script(f'(assert_return (invoke "f") {text})')
    assert isinstance(command, AssertReturn)
    assert command.results == (pattern,)


@pytest.mark.parametrize(
    "source",
    [
        "(module) (foo)",
        "(module) foo",
        '(assert_foo (module) "")',
        '(assert_return (module) "")',
        '(invoke "f" (ref.func))',
        '(assert_return (invoke "f") (v128.const i32x4 1 2 3))',
        '(register "a"',
    ],
)
def test_what_is_no_script_is_an_error(source: str) -> None:
    with pytest.raises(TextError):
        parse_script(source)
