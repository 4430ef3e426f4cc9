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
