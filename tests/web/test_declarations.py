"""The TypeScript declarations, read and, where there is a ``tsc``, checked with ``--strict``."""

import shutil
import subprocess

import pytest

from wasmwright.text import parse
from wasmwright.web.declarations import declarations

TEXT = """
(module
  (import "env" "log" (func (param i32 i64) (result f32)))
  (import "env" "twice" (func (param i32)))
  (import "env" "twice" (func (param i32 i32)))
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1 funcref))
  (import "env" "fixed" (global i64))
  (import "env" "moving" (global (mut f64)))
  (import "env" "tag" (tag (param i32)))
  (import "an\\"other\\n" "*/ \\u{2028} \\u{1F600}" (func (param externref) (result externref)))
  (export "memory" (memory 0))
  (export "table" (table 0))
  (export "global" (global 0))
  (export "tag" (tag 0))
  (func (export "") (result i32 i64) (i32.const 1) (i64.const 2))
  (func (export "constructor") (param externref))
  (func (export "__proto__") (param funcref) (result funcref) (local.get 0))
  (func (export "vector") (param v128))
  (func (export "two words") (param i32 f32 f64) (result f64) (local.get 2)))
"""

# What ought to be, and (@ts-expect-error) what ought not to.
USE = """
import { Exception, Global, instantiate, LinkError, Memory, RuntimeError, Table, Tag } from "./module.mjs";
const tag = new Tag({ parameters: ["i32"] });
const env = {
  log: (a: number, b: bigint) => a + Number(b), twice: () => {}, memory: new Memory({ initial: 1 }),
  table: new Table({ element: "funcref", initial: 1 }), fixed: 5n, tag,
  moving: new Global({ value: "f64", mutable: true }, 1.5),
};
const other = { "*/ \\u2028 \\u{1F600}": (x: string) => x };
const exports = instantiate({ env, 'an"other\\n': other });
const [one, two]: [number, bigint] = exports[""]();
exports.constructor({ any: "thing" });
exports.__proto__(null)?.(1);
const half: number = exports["two words"](1, 2, 3) + exports.memory.buffer.byteLength + one + Number(two);
const value: bigint = exports.global.value;
const error: Error = new RuntimeError("x") || new LinkError("y");
const code: number = new Exception(exports.tag, [half]).getArg(tag, 0) + exports.table.length;
console.log(value, error, code);
instantiate({ env: { ...env, fixed: new Global({ value: "i64" }, 5n) }, 'an"other\\n': other });
// @ts-expect-error
exports["two words"](1, 2n, 3);
// @ts-expect-error
exports.vector(new Uint8Array(16));
// @ts-expect-error
instantiate({ env, nothing: {} });
// @ts-expect-error
instantiate({ env: { ...env, fixed: 5 }, 'an"other\\n': other });
// @ts-expect-error
instantiate({ env: { ...env, log: () => "text" }, 'an"other\\n': other });
// @ts-expect-error
instantiate({ env: { ...env, tag: {} }, 'an"other\\n': other });
// @ts-expect-error
exports.missing();
"""


def test_declarations_have_the_types_of_imports_and_exports():
    text = declarations(parse(TEXT))
    for line in (
        '"log": (x0: number, x1: bigint) => number;',
        '"twice": ((x0: number) => void) & ((x0: number, x1: number) => void);',
        '"fixed": Global<bigint> | bigint;',
        '"moving": Global<number>;',
        'readonly "": () => [number, bigint];',
        'readonly "two words": (x0: number, x1: number, x2: number) => number;',
        'readonly "tag": Tag;',
        "export declare function instantiate(imports: Imports): Exports;",
    ):
        assert line in text
    assert "instantiate(imports?: Imports)" in declarations(parse("(module)"))


@pytest.mark.skipif(shutil.which("tsc") is None, reason="needs tsc: npm install typescript")
@pytest.mark.parametrize("library", ["ES2020", "ES2020,DOM"])
def test_typescript_reads_them(tmp_path, library):
    (tmp_path / "module.d.mts").write_text(declarations(parse(TEXT)))
    console = "declare const console: { log(...values: unknown[]): void };\n"
    (tmp_path / "use.mts").write_text((console if library == "ES2020" else "") + USE)
    command = "tsc --noEmit --strict --noUncheckedIndexedAccess --module nodenext --target es2020"
    done = subprocess.run(
        [*command.split(), "--lib", library, "--types", "", "use.mts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0
