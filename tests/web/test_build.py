import gzip
import json
import re
import subprocess

import pytest

from wasmwright.text import parse
from wasmwright.web import build


def test_modules_come_behind_what_they_import():
    order = build.modules("index.js")
    assert order[-1] == "index.js"
    assert order.index("errors.js") < order.index("reader.js") < order.index("decode.js")
    assert sorted({path.name for path in build.FOLDER.glob("*.js")} - set(order)) == [
        "ahead-runtime.js",
        "without-simd.js",
    ]


def test_a_name_in_two_modules_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "a.js").write_text("export const twice = 1;\n")
    (tmp_path / "b.js").write_text('import { twice } from "./a.js";\nfunction twice() {}\n')
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    with pytest.raises(build.BuildError, match="twice is also in a.js"):
        build.join(["a.js", "b.js"])


def test_no_module_is_longer_than_500_lines():
    for path in build.FOLDER.glob("*.js"):
        if not path.name.startswith("opcodes"):
            assert len(path.read_text().splitlines()) < 500, path.name


def test_no_runtime_of_a_translated_module_evaluates_source():
    code = build.join(build.modules("ahead-runtime.js"))
    assert not re.search(r"\beval\(|\bnew Function\b", re.sub(r"//.*", "", code))


@pytest.mark.parametrize(("simd", "most"), [(True, 40), (False, 30)])
def test_the_short_library_is_small(simd, most):
    code = build.library(minify=True, simd=simd)
    assert len(gzip.compress(code.encode(), 9)) <= most * 1000


VECTOR_MODULES = [
    "(module (func (result v128) (v128.const i64x2 1 2)))",
    "(module (func (param v128)))",
    "(module (global v128 (v128.const i64x2 1 2)))",
    "(module (memory 1) (func (drop (i32x4.all_true (v128.load (i32.const 0))))))",
]


@pytest.mark.parametrize("minify", [False, True])
def test_a_library_without_vectors_says_so(node, tmp_path, minify):
    script = tmp_path / "small.cjs"
    script.write_text(build.library(minify=minify, simd=False))
    check = (
        "const { WebAssembly } = require(process.argv[1]);"
        "for (const module of JSON.parse(process.argv[2])) {"
        "  const bytes = new Uint8Array(module); console.log(WebAssembly.validate(bytes));"
        "  try { new WebAssembly.Module(bytes); } catch (error) { console.log(error.message); } }"
        "try { new WebAssembly.Global({ value: 'v128' }); } catch (error) { console.log(error.message); }"
    )
    modules = [list(parse(text)) for text in [*VECTOR_MODULES, "(module (func (param f64)))"]]
    done = subprocess.run(
        [node, "-e", check, str(script), json.dumps(modules)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0:8:2] == ["false"] * 4
    assert all("unsupported feature: simd" in line for line in lines[1:8:2])
    assert lines[8] == "true"
    assert "not a WebAssembly value type" in lines[9]


@pytest.mark.parametrize("minify", [False, True])
@pytest.mark.parametrize("simd", [True, False])
def test_the_library_defines_webassembly_where_it_is_missing(node, tmp_path, minify, simd):
    script = tmp_path / "page.js"
    script.write_text(build.library(minify=minify, simd=simd))
    check = (
        "const vm = require('vm'); const context = vm.createContext({});"
        "vm.runInContext('const native = WebAssembly;', context);"
        "const run = (text) => vm.runInContext(text, context);"
        "const source = require('fs').readFileSync(process.argv[1], 'utf8');"
        "run(source); console.log(run('WebAssembly === native'));"
        "run('delete globalThis.WebAssembly;' + source);"
        "console.log(run('WebAssembly.validate(new Uint8Array([0,97,115,109,1,0,0,0]))'));"
    )
    done = subprocess.run(
        [node, "-e", check, str(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["true", "true"]


def test_what_is_shared_with_code_of_another_scope_is_what_generated_code_names():
    source = (build.FOLDER / "evaluate.js").read_text()
    shared = re.search(r"^export const shared = \{(.*?)^\};", source, re.MULTILINE | re.DOTALL)[1]
    names = re.findall(r"(\w+),", shared.partition("get high")[0])
    assert sorted([*names, "high"]) == build.reserved_names()
