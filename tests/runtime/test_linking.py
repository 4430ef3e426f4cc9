"""Matching of imports: what fits, and how the error lists all that does not."""

import pytest

import wasmwright as ww

EXPORTS = """(module
  (memory (export "memory") 2 5)
  (table (export "table") 3 8 funcref)
  (table (export "externs") 1 externref)
  (global (export "fixed") i32 (i32.const 1))
  (global (export "mutable") (mut i64) (i64.const 2))
  (func (export "f") (param i32) (result i32) local.get 0)
  (func (export "pair") (result i32 f64) i32.const 1 f64.const 2))"""


@pytest.fixture
def exporter(instantiate):
    return instantiate(EXPORTS)


@pytest.fixture
def link(instantiate):
    def attempt(imports, given):
        return instantiate(f"(module {imports})", given)

    return attempt


def test_every_missing_import_is_listed_with_its_type(link):
    imports = """(import "env" "log" (func (param i32 f64) (result i64)))
      (import "env" "memory" (memory 1 2))
      (import "other" "table" (table 1 funcref))
      (import "other" "global" (global (mut f32)))"""
    for given in (None, {}, {"env": {}}, {"env": {}, "other": {}}):
        with pytest.raises(ww.LinkError) as caught:
            link(imports, given)
        lines = str(caught.value).splitlines()
        assert lines[0] == "unknown import"
        assert [line.split(":")[0].strip() for line in lines[1:]] == [
            "env.log",
            "env.memory",
            "other.table",
            "other.global",
        ]
        for line, text in zip(
            lines[1:], ("[i32 f64] -> [i64]", "1 2", "funcref", "mut f32"), strict=True
        ):
            assert text in line
            assert line.endswith("is not given")


def test_missing_and_mismatched_imports_are_listed_together(link):
    imports = (
        """(import "a" "x" (func)) (import "a" "y" (memory 1)) (import "a" "z" (global i32))"""
    )
    with pytest.raises(ww.LinkError) as caught:
        link(imports, {"a": {"y": 5, "z": "text"}})
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert lines[1].endswith("is not given")
    assert "a Python int" in lines[2]
    assert "a Python str" in lines[3]


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("(func (param i64) (result i32))", "f"),
        ("(func (param i32))", "f"),
        ("(func (result f64 i32))", "pair"),
        ("(func)", "memory"),
        ("(memory 3)", "memory"),
        ("(memory 1 4)", "memory"),
        ("(memory 1)", "table"),
        ("(memory i64 1)", "memory"),
        ("(table 4 funcref)", "table"),
        ("(table 1 7 funcref)", "table"),
        ("(table 1 externref)", "table"),
        ("(table 1 2 externref)", "externs"),
        ("(table 1 funcref)", "f"),
        ("(global i64)", "fixed"),
        ("(global (mut i32))", "fixed"),
        ("(global i64)", "mutable"),
        ("(global (mut i32))", "mutable"),
        ("(global i32)", "f"),
    ],
)
def test_an_extern_of_another_type_does_not_link(link, exporter, imported, name):
    with pytest.raises(
        ww.LinkError, match=rf"^incompatible import type\n  a\.{name}: .* is given "
    ):
        link(f'(import "a" "{name}" {imported})', {"a": exporter})


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("(func (param i32) (result i32))", "f"),
        ("(func (result i32 f64))", "pair"),
        ("(memory 0)", "memory"),
        ("(memory 2 5)", "memory"),
        ("(memory 2 100)", "memory"),
        ("(table 3 funcref)", "table"),
        ("(table 0 8 funcref)", "table"),
        ("(table 1 externref)", "externs"),
        ("(global i32)", "fixed"),
        ("(global (mut i64))", "mutable"),
    ],
)
def test_an_extern_that_is_at_least_what_is_asked_for_links(link, exporter, imported, name):
    text = f'(import "a" "{name}" {imported})'
    for given in (exporter, exporter.exports, {name: exporter.exports[name]}):
        link(text, {"a": given})


def test_a_memory_links_by_its_current_size(link):
    memory = ww.Memory(1, 5)
    with pytest.raises(ww.LinkError):
        link('(import "a" "m" (memory 2))', {"a": {"m": memory}})
    memory.grow(1)
    link('(import "a" "m" (memory 2))', {"a": {"m": memory}})


def test_functions_of_two_modules_link_by_structure(link, instantiate):
    given = instantiate("""(module (type (func)) (type $t (func (param i32 i64) (result f32)))
      (func (export "f") (type $t) f32.const 1))""")
    text = """(type $other (func (param f64))) (type $t (func (param i32 i64) (result f32)))
      (import "a" "f" (func (type $t)))"""
    link(text, {"a": given})


@pytest.mark.parametrize("value", [3, 1.5, "text", None, [], ww.Memory(1)])
def test_what_cannot_be_called_is_no_function(link, value):
    with pytest.raises(ww.LinkError, match="is given"):
        link('(import "a" "f" (func))', {"a": {"f": value}})


@pytest.mark.parametrize(
    ("kind", "value"),
    [("i32", 1 << 32), ("i32", 1.5), ("i32", None), ("f64", "1"), ("v128", b"x"), ("funcref", 1)],
)
def test_a_value_that_is_not_of_the_globals_type_does_not_link(link, kind, value):
    with pytest.raises(ww.LinkError, match="is given"):
        link(f'(import "a" "g" (global {kind}))', {"a": {"g": value}})


def test_numbers_link_as_immutable_globals_only(instantiate):
    text = """(module (import "a" "g" (global i64)) (export "g" (global 0))
      (func (export "f") (result i64) (global.get 0)))"""
    exports = instantiate(text, {"a": {"g": (1 << 64) - 1}}).exports
    assert exports.f() == exports.g.value == -1
    with pytest.raises(ww.LinkError):
        instantiate('(module (import "a" "g" (global (mut i64))))', {"a": {"g": 1}})


def test_an_immutable_global_may_start_others(instantiate):
    text = """(module (import "a" "g" (global $g i32)) (memory (export "m") 1)
      (global (export "copy") i32 (global.get $g))
      (data (global.get $g) "hello"))"""
    exports = instantiate(text, {"a": {"g": 10}}).exports
    assert exports.copy.value == 10
    assert exports.m[10:15] == b"hello"


def test_reexports_are_the_same_objects(instantiate, exporter):
    text = """(module
      (import "a" "memory" (memory 1)) (import "a" "table" (table 1 funcref))
      (import "a" "mutable" (global (mut i64))) (import "a" "f" (func (param i32) (result i32)))
      (export "memory" (memory 0)) (export "table" (table 0)) (export "mutable" (global 0))
      (export "f" (func 0)))"""
    again = instantiate(text, {"a": exporter}).exports
    for name in ("memory", "table", "f"):
        assert again[name] is exporter.exports[name]
    again.mutable.value = 77
    assert exporter.exports.mutable.value == 77


@pytest.mark.parametrize(
    "given", [{"a": 5}, {"a": None}, {"a": object()}, 5, "text", {"a": "text"}]
)
def test_imports_that_are_no_mappings_are_an_error_and_no_crash(link, given):
    with pytest.raises((ww.LinkError, TypeError)):
        link('(import "a" "f" (func))', given)


def test_an_objects_attributes_are_imports(instantiate):
    class Host:
        base = 40

        def add(self, value):
            return self.base + value

    text = """(module (import "host" "add" (func $add (param i32) (result i32)))
      (func (export "run") (result i32) (call $add (i32.const 2))))"""
    assert instantiate(text, {"host": Host()}).exports.run() == 42


def test_any_value_of_its_type_links_as_an_immutable_global(instantiate):
    text = """(module (type $f (func (result i32)))
      (import "a" "text" (global $text (ref extern)))
      (import "a" "null" (global externref))
      (import "a" "small" (global (ref i31)))
      (import "a" "func" (global $func (ref $f)))
      (import "a" "struct" (global (ref null struct)))
      (func (export "text") (result externref) (global.get $text))
      (func (export "call") (result i32) (call_ref $f (global.get $func)))
      (export "small" (global 2)) (export "struct" (global 4)))"""
    other = instantiate("""(module (type $s (struct (field i32)))
      (func (export "seven") (result i32) (i32.const 7))
      (func (export "make") (result (ref $s)) (struct.new $s (i32.const 5))))""")
    values = {
        "text": "".join(["some", "thing"]),
        "null": None,
        "small": -3,
        "func": other.exports.seven,
        "struct": other.exports.make(),
    }
    instance = instantiate(text, {"a": values})
    instance.heap.collect()
    assert instance.exports.text() is values["text"]
    assert instance.exports.call() == 7
    assert instance.exports.small.value == -3
    assert instance.exports.struct.value is values["struct"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("(ref extern)", None), ("funcref", len), ("i31ref", 1 << 30), ("structref", "text")],
)
def test_a_reference_that_is_not_of_the_globals_type_does_not_link(link, kind, value):
    with pytest.raises(ww.LinkError, match="is given a Python"):
        link(f'(import "a" "g" (global {kind}))', {"a": {"g": value}})


def test_long_names_are_cut_in_messages(link):
    with pytest.raises(ww.LinkError) as caught:
        link(f'(import "{"x" * 5000}" "{"y" * 5000}" (func))', {})
    assert len(str(caught.value)) < 500


def test_thousands_of_imported_globals(instantiate):
    """Dart's compiler makes a global of each text of the program; a module has 40,000 of them."""
    count = 5000
    values = {f"text {i}": object() for i in range(count)}
    imports = "".join(f'(import "" "{name}" (global (ref extern)))' for name in values)
    text = f"""(module {imports} (table (export "table") 2 externref)
      (func (export "last") (result externref) (global.get {count - 1})))"""
    instance = instantiate(text, {"": values})
    instance.heap.collect()
    assert instance.heap.pins == count
    assert instance.exports.last() is values[f"text {count - 1}"]
