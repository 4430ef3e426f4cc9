import os
import re
import subprocess
import sys

import pytest

PAGE = "<!doctype html>\n<html>\n<head><title>x</title></head><body></body></html>"
ADD = """(module $calc
  (func $add (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
"""


@pytest.fixture
def site(tmp_path):
    """A folder with a page, modules in both formats, good and bad, and what must not be served."""
    from wasmwright.text import parse

    root = tmp_path / "site"
    (root / "sub dir").mkdir(parents=True)
    (root / "page.html").write_text(PAGE)
    (root / "add.wat").write_text(ADD)
    (root / "add.wasm").write_bytes(parse(ADD))
    (root / "sub dir" / "add.wasm").write_bytes(parse(ADD))
    (root / "bad.wat").write_text("(module\n  (func (i32.const x)))\n")
    (root / "invalid.wat").write_text("(module\n  (func\n    drop))\n")
    (root / "garbage.wasm").write_bytes(b"\0asm\1\0\0\0\x63\1\0")
    (root / ".env").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    return root


HELLO = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\08\\00\\00\\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 3))))
"""
SCRIPT_PAGE = """<!doctype html><title>x</title><script src="page.js"></script>"""
SCRIPT = """
onload = async () => {
  try {
    const { instance } = await WebAssembly.instantiateStreaming(fetch("add.wasm"));
    document.title = `${instance.exports.add(40, 2)} ${globalThis.wasmwright?.WebAssembly === WebAssembly}`;
  } catch (error) { document.title = String(error); }
};
"""


@pytest.fixture
def base(site):
    """The address of a server of that folder, with a program and a page that uses a module."""
    (site / "hello.wat").write_text(HELLO)
    (site / "page.html").write_text(SCRIPT_PAGE)
    (site / "page.js").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "-m", "wasmwright", "serve", str(site), "--port", "0", "--write"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    yield "http://localhost:" + re.search(r":(\d+)/", process.stdout.readline())[1]
    process.kill()
    process.communicate()
