"""Scripts run on the engine, and their reports say what failed and why."""

from __future__ import annotations

import pytest

from wasmwright.features import WASM_2
from wasmwright.script import Report, run_script
from wasmwright.script.suite import features_of

ADD = """
(module $add
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "id32") (param f32) (result f32) (local.get 0))
  (func (export "id64") (param f64) (result f64) (local.get 0))
  (func (export "mixed") (param i32 f32 i64 f64) (result f64 i64 f32 i32)
    (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func (export "vector") (param v128) (result v128) (local.get 0))
  (func (export "extern") (param externref) (result externref) (local.get 0))
  (func $f (export "func") (result funcref) (ref.func $f))
  (func (export "trap") unreachable)
  (func (export "loop") (call 8))
  (global (export "nan") f32 (f32.const nan:0x1))
  (global (export "mutable") (mut f64) (f64.const -nan:0x1))
  (global (export "int") i64 (i64.const -1))
  (global (export "ref") externref (ref.null extern))
  (memory (export "memory") 1))
"""


def run(commands: str) -> Report:
    return run_script(ADD + commands)


@pytest.mark.parametrize(
    "command",
    [
        '(assert_return (invoke "add" (i32.const -1) (i32.const 2)) (i32.const 1))',
        '(assert_return (invoke $add "add" (i32.const 1) (i32.const 2)) (i32.const 3))',
        '(assert_return (invoke "id32" (f32.const nan:0x200000)) (f32.const nan:0x200000))',
        '(assert_return (invoke "id32" (f32.const -nan:0x1)) (f32.const -nan:0x1))',
        '(assert_return (invoke "id64" (f64.const nan:0x1)) (f64.const nan:0x1))',
        '(assert_return (invoke "id64" (f64.const nan)) (f64.const nan:canonical))',
        '(assert_return (invoke "mixed" (i32.const 1) (f32.const 2) (i64.const 3) (f64.const 4)) '
        "(f64.const 4) (i64.const 3) (f32.const 2) (i32.const 1))",
        '(assert_return (invoke "vector" (v128.const f32x4 nan:0x1 1 2 3)) '
        "(v128.const f32x4 nan:0x1 1 2 3))",
        '(assert_return (invoke "extern" (ref.extern 7)) (ref.extern 7))',
        '(assert_return (invoke "extern" (ref.null extern)) (ref.null))',
        '(assert_return (invoke "func") (ref.func))',
        '(assert_return (get "nan") (f32.const nan:0x1))',
        '(assert_return (get "mutable") (f64.const -nan:0x1))',
        '(assert_return (get "int") (i64.const -1))',
        '(assert_return (get $add "ref") (ref.null))',
        '(assert_trap (invoke "trap") "unreachable")',
        '(assert_exhaustion (invoke "loop") "call stack exhausted")',
        '(assert_trap (module (func unreachable) (start 0)) "unreachable")',
        '(assert_trap (module (memory 0) (data (i32.const 0) "a")) "out of bounds memory access")',
        '(assert_malformed (module quote "(foo)") "unknown operator")',
        '(assert_malformed (module binary "") "unexpected end")',
        '(assert_invalid (module (func (result i32))) "type mismatch")',
        '(assert_unlinkable (module (import "a" "b" (func))) "unknown import")',
        '(assert_unlinkable (module (import "spectest" "print" (memory 1))) "incompatible import")',
        '(assert_malformed_custom (module quote "(@custom)") "@custom annotation: missing")',
        '(module (import "spectest" "print_i32" (func (param i32))) (func (export "f")))',
        '(register "add" $add) (module (import "add" "memory" (memory 1)) (export "m" (memory 0)))',
        '(module definition $d (func (export "f"))) (module instance $i $d) (invoke $i "f")',
    ],
)
def test_a_command_passes(command: str) -> None:
    report = run(command)
    assert report.ok, str(report)
    assert report.passed.total() >= 2


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            '(assert_return (invoke "add" (i32.const 1) (i32.const 2)) (i32.const 4))',
            "assert_return: got [(i32.const 0x3)], expected [(i32.const 0x4)]",
        ),
        ('(assert_return (invoke "foo"))', "there is no export 'foo'"),
        ('(assert_return (invoke "nan"))', "export 'nan' is not a function"),
        ('(assert_return (get "add"))', "export 'add' is not a global"),
        ('(assert_return (invoke $foo "add"))', "there is no instance foo"),
        ('(assert_return (invoke "add"))', "wrong number of arguments"),
        ('(assert_return (invoke "id32" (f64.const 0)))', "wrong type of argument"),
        ('(assert_return (invoke "trap"))', "Trap: unreachable"),
        ('(assert_trap (invoke "trap") "integer")', "expected 'integer', got: Trap: unreachable"),
        (
            '(assert_trap (invoke "func") "x")',
            "expected 'x', but it returned [(ref.func)]",
        ),
        ('(assert_invalid (module) "x")', "expected 'x', but it is a valid module"),
        ('(assert_unlinkable (module) "x")', "expected 'x', but it was instantiated"),
        ('(assert_malformed (module binary "\\00asm") "x")', "MalformedError: unexpected end"),
        ("(module (func foo))", "TextError: unknown operator foo"),
        ("(module (func i32.add))", "InvalidError: type mismatch"),
        ('(module (import "a" "b" (func)))', "LinkError: unknown import"),
        ('(register "x" $foo)', "there is no instance foo"),
        ("(module instance $i $foo)", "there is no module foo"),
    ],
)
def test_a_command_fails_and_says_why(command: str, message: str) -> None:
    report = run("\n" + command)
    [failure] = report.failures
    assert failure.line == ADD.count("\n") + 2
    assert message in str(failure)
    assert report.failed.total() == 1
    assert not report.ok


def test_after_a_module_that_failed_there_is_no_instance() -> None:
    report = run('(module (func foo)) (assert_return (invoke "add" (i32.const 1) (i32.const 2)))')
    assert [each.kind for each in report.failures] == ["module", "assert_return"]
    assert report.failures[1].message == "there is no instance"


def test_instances_of_one_definition_are_separate() -> None:
    report = run_script(
        """
        (module definition $d (global $g (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))
        (module instance $a $d) (module instance $b $d)
        (assert_return (invoke $a "next") (i32.const 1))
        (assert_return (invoke $a "next") (i32.const 2))
        (assert_return (invoke $b "next") (i32.const 1))
        """
    )
    assert report.ok, str(report)


@pytest.mark.parametrize("guard", [True, False])
def test_memories_are_checked_either_way(guard: bool) -> None:
    report = run_script(
        """
        (module (memory 1) (func (export "f") (result i32) (i32.load (i32.const 65536))))
        (assert_trap (invoke "f") "out of bounds memory access")
        """,
        guard=guard,
    )
    assert report.ok, str(report)


def test_features_can_be_turned_off() -> None:
    source = '(assert_invalid (module (memory 1) (memory 1)) "multiple memories")'
    assert run_script(source, features=WASM_2).ok
    assert not run_script(source).ok


def test_folders_of_the_suite_have_their_features() -> None:
    assert features_of("core/i32.wast") != features_of("proposals/threads/memory.wast")
    assert features_of("legacy/exceptions/throw.wast") & ~features_of("core/gc/array.wast")
