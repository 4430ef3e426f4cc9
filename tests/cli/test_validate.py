"""``wasmwright validate``: silent for valid modules, one line for each other."""


def test_valid_modules_are_silent(cli, file):
    paths = [file("(module)", "a.wasm"), file("(module (memory 1))", "b.wasm")]
    done = cli("validate", *paths)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_each_bad_module_has_its_line(cli, file, tmp_path):
    good = file("(module)", "good.wasm")
    invalid = file("(module (func (result i32) i64.const 0))", "invalid.wasm")
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"\0asm\1\0\0")
    done = cli("validate", good, invalid, "missing.wasm", broken, good)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 3
    assert "invalid.wasm: type mismatch" in lines[0]
    assert "(func 0, at 0x" in lines[0]
    assert "missing.wasm: No such file" in lines[1]
    assert "broken.wasm: unexpected end" in lines[2]


def test_standard_input_is_validated(cli):
    assert cli("validate", input=b"\0asm\1\0\0\0").returncode == 0
    assert cli("validate", "-", input=b"").returncode == 1
    assert cli("validate", "-", input=b"(module (func (result i32)))").returncode == 1
