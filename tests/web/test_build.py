import re
import subprocess

import pytest

from wasmwright.web import build


def test_modules_come_behind_what_they_import():
    order = build.modules("index.js")
    assert order[-1] == "index.js"
    assert order.index("errors.js") < order.index("reader.js") < order.index("decode.js")
    assert sorted({path.name for path in build.FOLDER.glob("*.js")} - set(order)) == [
        "ahead-runtime.js"
    ]


def test_a_name_in_two_modules_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "a.js").write_text("export const twice = 1;\n")
    (tmp_path / "b.js").write_text('import { twice } from "./a.js";\nfunction twice() {}\n')
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    with pytest.raises(build.BuildError, match="twice is also in a.js"):
        build.join(["a.js", "b.js"])


def test_shortening_leaves_strings_templates_and_expressions_alone():
    code = (
        'const a = "x  //y";  // no\nconst b = `p  q`;\nconst c = /\\/\\/ "/ ;\nreturn  a - -b;\n'
    )
    assert build.shorten(code) == 'const a="x  //y";const b=`p  q`;const c=/\\/\\/ "/;return a- -b;'


def test_no_module_is_longer_than_500_lines():
    for path in build.FOLDER.glob("*.js"):
        if path.name != "opcodes.js":
            assert len(path.read_text().splitlines()) < 500, path.name


def test_no_runtime_of_a_translated_module_evaluates_source():
    code = build.join(build.modules("ahead-runtime.js"))
    assert not re.search(r"\beval\(|\bnew Function\b", re.sub(r"//.*", "", code))


@pytest.mark.parametrize("minify", [False, True])
def test_the_library_defines_webassembly_where_it_is_missing(node, tmp_path, minify):
    script = tmp_path / "page.js"
    script.write_text(build.library(minify=minify))
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
