"""WebAssembly out of npm packages, each with a small host of ours in its JavaScript's place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gojs import Go
from ruby import Ruby
from sqlite import Database
from treesitter import Library

Find = Callable[[str], Path]

pytestmark = pytest.mark.timeout(900)


def test_sqlite_answers_queries(npm: Find) -> None:
    database = Database(npm("sql.js/dist/sql-wasm-debug.wasm"))
    database.execute("create table t (a integer primary key, b text, c blob)")
    for number in range(100):
        database.execute("insert into t values (?, ?, ?)", (number, f"row {number}", b"\0\xff"))
    assert database.execute("select count(*), sum(a), max(b) from t") == [(100, 4950, "row 99")]
    assert database.execute("select b, c, null, 2.5 from t where a = 7") == [
        ("row 7", b"\0\xff", None, 2.5)
    ]
    assert database.execute("select json_extract('{\"a\": [1, 2]}', '$.a[1]')") == [(2,)]
    with pytest.raises(ValueError, match="no such table: nowhere"):
        database.execute("select * from nowhere")


def test_tree_sitter_parses_with_grammars_linked_at_run_time(npm: Find) -> None:
    library = Library(npm("web-tree-sitter/web-tree-sitter.wasm"))
    json = library.language(npm("tree-sitter-json/tree-sitter-json.wasm"), "tree_sitter_json")
    assert library.parse(json, b'{"a": [1, true]}') == (
        "(document (object (pair key: (string (string_content)) value: (array (number) (true)))))"
    )
    javascript = library.language(
        npm("tree-sitter-javascript/tree-sitter-javascript.wasm"), "tree_sitter_javascript"
    )
    # A regular expression and a template: the grammar's own scanner, through the shared table.
    tree = library.parse(javascript, b"const f = (x) => `a${x}` + /re/.test(x)\n")
    assert "(template_string (string_fragment) (template_substitution (identifier)))" in tree
    assert "object: (regex pattern: (regex_pattern))" in tree
    assert "ERROR" not in tree
    assert "(ERROR" in library.parse(json, b"{]")


def test_ruby_runs_scripts(npm: Find) -> None:
    ruby = Ruby(npm("@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm"))
    assert ruby.eval("RUBY_VERSION").startswith("3.4")
    assert ruby.eval("[3, 1, 2].sort.map { |x| x * 2 }.inspect") == "[2, 4, 6]"
    assert ruby.eval("begin; Integer('x'); rescue => e; e.message; end") == (
        'invalid value for Integer(): "x"'
    )
    assert ruby.eval("require 'json'; JSON.generate({a: [1, nil, 'é']})") == '{"a":[1,null,"é"]}'
    ruby.eval("puts 'hi'; $stdout.flush")
    assert ruby.stdout == b"hi\n"
    with pytest.raises(ValueError, match="Ruby raised"):
        ruby.eval("raise 'no'")


def test_esbuild_transforms_and_bundles(npm: Find, tmp_path: Path) -> None:
    program = npm("esbuild-wasm/esbuild.wasm")
    go = Go(program, b"const long = (a: number): number => a ** 2;\nconsole.log(long(3))\n")
    assert go.run("esbuild", "--loader=ts", "--minify") == 0
    assert go.stdout == b"const long=n=>n**2;console.log(long(3));\n"

    go = Go(program, b"let x = ")
    assert go.run("esbuild", "--loader=js") == 1
    assert b"Unexpected end of file" in go.stderr

    (tmp_path / "a.js").write_text('import {f} from "./b.js"; console.log(f(2))')
    (tmp_path / "b.js").write_text("export const f = x => x + 1; export const unused = 3")
    go = Go(program, root=tmp_path)
    assert go.run("esbuild", "/a.js", "--bundle", "--minify") == 0
    assert go.stdout == b"(()=>{var o=t=>t+1;console.log(o(2));})();\n"
