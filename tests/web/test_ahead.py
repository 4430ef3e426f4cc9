import subprocess

import pytest

from wasmwright.errors import CompileError
from wasmwright.text import parse
from wasmwright.web import ahead

TEXT = """
(module
  (import "env" "log" (func $log (param i32 i64) (result f32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hi")
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $add)
  (global (export "global") (mut i64) (i64.const 5))
  (func $add (export "add") (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1)))
  (func (export "call") (param i32) (result f32) (call $log (local.get 0) (i64.const -1)))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $fac (export "fac") (param i64 i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (local.get 1))
      (else (return_call $fac
        (i64.sub (local.get 0) (i64.const 1)) (i64.mul (local.get 0) (local.get 1)))))))
"""

CHECK = """
delete globalThis.WebAssembly;
globalThis.eval = globalThis.Function = undefined;
const { instantiate, RuntimeError } = await import(process.argv[2]);
const calls = [];
const exports = instantiate({ env: { log: (a, b) => { calls.push(a, b); return 1.5; } } });
const thrown = (f) => { try { f(); } catch (e) { return `${e instanceof RuntimeError} ${e.message}`; } };
console.log([
  exports.add(1n, 2n), exports.call(7), calls, exports.global.value, exports.fac(20n, 1n),
  new Uint8Array(exports.memory.buffer, 8, 2), exports.table.get(0) === exports.add,
  thrown(() => exports.divide(1, 0)), thrown(() => exports.load(65533)),
].join());
"""


def run(node, folder, text):
    path = folder / "module.mjs"
    path.write_text(text)
    script = folder / "check.mjs"
    script.write_text(CHECK)
    done = subprocess.run(
        [node, str(script), str(path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_translated_module_runs_without_webassembly_and_eval(node, tmp_path, level):
    text = ahead.es_module(parse(TEXT), level=level)
    assert run(node, tmp_path, text) == (
        "3,1.5,7,-1,5,2432902008176640000,104,105,true,"
        "true integer divide by zero,true out of bounds memory access"
    )


def test_levels_go_from_the_readable_to_the_short(node):
    texts = [ahead.es_module(parse(TEXT), level=level) for level in range(3)]
    assert len(texts[0]) > len(texts[1]) > 1.5 * len(texts[2])
    lines = texts[0].splitlines()
    at = lines.index("  // fac")
    assert lines[at + 1].startswith("  function f5(x0, y0, x1, y1) {")
    assert lines[at + 2] == "    x0 = x0|0;"


def test_quickjs_gives_the_same_text_as_node(node):
    pytest.importorskip("quickjs")
    binary = parse(TEXT)
    assert ahead.es_module(binary, engine="quickjs") == ahead.es_module(binary, engine="node")


def test_what_is_wrong_with_a_module_is_a_compile_error(node):
    binary = parse("(module (func (result i32)))")
    with pytest.raises(CompileError, match="^type mismatch"):
        ahead.translate(binary)


def test_a_feature_that_is_not_executed_is_named(node):
    with pytest.raises(CompileError, match="unsupported feature: gc"):
        ahead.translate(parse("(module (type (struct)))"))


def test_no_engine_is_said(monkeypatch):
    monkeypatch.setattr(ahead.shutil, "which", lambda name: None)
    with pytest.raises(ahead.NoEngineError, match="install node"):
        ahead.translate(parse("(module)"), engine="node")


SHARED = """
delete globalThis.WebAssembly;
require(process.argv[1]).install();
const { readFileSync } = require("node:fs");
globalThis.Response = class { constructor(path) { Object.assign(this, { ok: true, url: "file://" + path, type: "basic", headers: new Map([["Content-Type", "application/wasm"]]) }); this.path = path; }
  async arrayBuffer() { return readFileSync(this.path); } };
(async () => {
  const { instance, module } = await WebAssembly.instantiateStreaming(new Response(process.argv[2]), { env: { log: (a, b) => Number(b) } });
  const { exports } = instance;
  let trap;
  try { exports.divide(1, 0); } catch (error) { trap = `${error instanceof WebAssembly.RuntimeError} ${error.message}`; }
  console.log([exports.add((1n << 40n) - 1n, 2n), exports.call(7), exports.fac(20n, 1n), exports.memory instanceof WebAssembly.Memory, trap].join());
})();
"""


def test_code_for_the_library_runs_without_eval(node, polyfill, tmp_path):
    (tmp_path / "x.wasm").write_bytes(parse(TEXT))
    (tmp_path / "x.wasm.js").write_text(ahead.shared_module(parse(TEXT)))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    command = [node, "--disallow-code-generation-from-strings", "-e", SHARED, str(polyfill)]
    done = subprocess.run(
        [*command, str(tmp_path / "x.wasm")], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    expected = "1099511627777,-1,2432902008176640000,true,true integer divide by zero"
    assert done.stdout.strip() == expected
    (tmp_path / "x.wasm.js").unlink()
    done = subprocess.run(
        [*command, str(tmp_path / "x.wasm")], capture_output=True, text=True, check=False
    )
    assert "Content Security Policy forbids" in done.stderr
