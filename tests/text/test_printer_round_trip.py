"""Printed text parses to the module that was printed: samples, and the official suite."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmwright.binary.decode import decode
from wasmwright.binary.instructions import instructions
from wasmwright.binary.names import decode_names
from wasmwright.errors import CompileError
from wasmwright.model.module import Module
from wasmwright.model.parts import Code, Expr
from wasmwright.text import parse
from wasmwright.text import printer_atoms as atoms
from wasmwright.text.printer import print_module

ROOT = Path(__file__).parents[2]
SUITE = Path(os.environ.get("WASM_TESTSUITE", ROOT.parent / "shared/testsuite"))
LARGEST = 2_000_000  # bytes; larger modules of $WASM_CORPUS take minutes without mypyc

OPTIONS = ({}, {"fold": True}, {"offsets": True}, {"names": False})


def samples() -> list[Path]:
    found = sorted(ROOT.glob("bench/**/*.wasm")) + sorted(ROOT.glob("examples/**/*.wasm"))
    if corpus := os.environ.get("WASM_CORPUS"):
        found += sorted(Path(corpus).rglob("*.wasm"))
    return [path for path in found if path.stat().st_size <= LARGEST]


def content(module: Module) -> dict[str, object]:
    """All that text can say of a module, in a form that compares.

    Not the length of its integers, how its locals are grouped, its empty sections, whether it
    counts its data segments, nor where its name section stands.
    """

    def code(where: Code | Expr | None) -> object:
        if where is None:
            return None
        return [(row.opcode, given) for _, row, given in instructions(module, where)]

    names = decode_names(module)
    names.note = None
    return {
        "types": (module.types, module.groups),
        "imports": module.imports,
        "funcs": module.funcs,
        "tables": [(table.type, code(table.init)) for table in module.tables],
        "memories": module.memories,
        "globals": [(definition.type, code(definition.init)) for definition in module.globals],
        "tags": module.tags,
        "exports": module.exports,
        "start": module.start,
        "elems": [
            (e.flags, e.type, e.table, code(e.offset), e.funcs, [code(item) for item in e.exprs])
            for e in module.elems
        ],
        "codes": [
            ([t for count, t in body.locals for _ in range(count)], code(body))
            for body in module.codes
        ],
        "datas": [
            (data.mode, data.memory, code(data.offset), module.data[data.start : data.end])
            for data in module.datas
        ],
        "customs": [
            (custom.name, custom.after, module.data[custom.start : custom.end])
            for custom in module.customs
            if custom.name not in ("name", "metadata.code.branch_hint")
        ],
        "names": {
            kind: {i: each for i, each in of.items() if each != {}} if isinstance(of, dict) else of
            for kind, of in asdict(names).items()
        },
    }


def check(data: bytes, **options: bool) -> None:
    module = decode(data)
    back = decode(parse(print_module(module, **options)))
    expected, found = content(module), content(back)
    for part in expected:
        assert found[part] == expected[part], part


@pytest.mark.parametrize("path", samples(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample(path: Path) -> None:
    data = path.read_bytes()
    for options in OPTIONS:
        check(data, **options)


@pytest.mark.parametrize("path", samples()[:3], ids=lambda path: path.stem)
def test_the_same_module_gives_the_same_text(path: Path) -> None:
    text = print_module(path.read_bytes())
    assert print_module(path.read_bytes()) == text
    assert print_module(parse(text)) == text


def test_the_text_of_everything_that_has_a_name() -> None:
    check(
        parse("""(module $m (@name "n")
          (type $t (@name "a b") (func (param i32))) (type $s (struct (field $x (@name "y") i32)))
          (import "" "" (func $i (type $t) (param $p (@name "q") i32)))
          (table $t 1 funcref) (memory $t 1) (global $t i32 (i32.const 0)) (tag $t (type $t))
          (func $f (param $a i32) (param $b (@name "a") i32) (local $c (@name "a") i32)
            block $l block $l br 1 end end)
          (elem $t func) (data $t ""))""")
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)), min_size=1))
def test_floats_keep_every_bit(numbers: list[tuple[int, int]]) -> None:
    code = b"".join(
        b"\x43" + f32.to_bytes(4, "little") + b"\x44" + f64.to_bytes(8, "little")
        for f32, f64 in numbers
    )
    text = "\n".join(
        f"f32.const {atoms.f32(f32).decode()} f64.const {atoms.f64(f64).decode()}"
        for f32, f64 in numbers
    )
    assert code in parse(f"(module (func {text}))")


@given(st.text())
def test_strings_and_ids_keep_every_character(name: str) -> None:
    quoted = atoms.quoted(name).decode()
    module = decode(parse(f"(module (func) (export {quoted} (func 0)))"))
    assert module.exports[0].name == name
    if name:
        id = atoms.identifier(name).decode()
        assert decode_names(decode(parse(f"(module (func {id}))"))).funcs == {0: name}


# Modules as they stand in scripts

SKIP = re.compile(r'"(?:[^"\\]|\\.)*"|;;[^\n]*|\(;(?:[^;(]|;(?!\))|\((?!;))*;\)|[()]')
FORM = re.compile(r"\(module\b(?!\s+(?:definition\s+)?(?:\$\S+\s+)?(?:binary|quote|instance)\b)")


def modules(script: str) -> list[str]:
    """The modules that a script has as text, those of its assertions included."""
    found: list[str] = []
    depth = start = 0
    is_open = False
    for token in SKIP.finditer(script):
        if token[0] == "(":
            depth += 1
            if not is_open and depth <= 2 and FORM.match(script, token.start()):
                start, is_open, outside = token.start(), True, depth - 1
        elif token[0] == ")":
            depth -= 1
            if is_open and depth == outside:
                found.append(
                    re.sub(r"^\(module\s+definition", "(module", script[start : token.end()])
                )
                is_open = False
    return found


def scripts() -> list[Path]:
    found = sorted(SUITE.glob("**/*.wast")) if SUITE.is_dir() else []
    return [path for path in found if "custom-descriptors" not in path.parts]


@pytest.mark.slow
@pytest.mark.skipif(not scripts(), reason="needs the official suite: set WASM_TESTSUITE")
@pytest.mark.parametrize("path", scripts(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_modules_of_a_script(path: Path) -> None:
    for source in modules(path.read_text("utf-8")):
        try:
            data = parse(source)
        except CompileError:
            continue  # the parser's tests say which
        try:
            content(decode(data))
        except CompileError:
            continue  # nothing that could be compared
        check(data)
        check(data, fold=True)
