"""``wasmwright compile``, and ``run`` of what it makes."""

import pytest

ADD = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'


def test_a_compiled_file_runs(cli, file, tmp_path):
    path = file(ADD, "add.wasm")
    done = cli("compile", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = cli("run", "--invoke", "add", tmp_path / "add.wwc", "2", "3")
    assert (done.returncode, done.stdout) == (0, b"5\n")


def test_the_name_decides_whether_machine_code_runs(cli, file, tmp_path):
    cli("compile", file(ADD, "add.wasm"), "-o", tmp_path / "other.wasm")
    done = cli("run", "--invoke", "add", tmp_path / "other.wasm", "2", "3")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"machine code" in done.stderr


def test_a_damaged_file_is_one_line(cli, file, tmp_path):
    path = tmp_path / "add.wwc"
    cli("compile", file(ADD, "add.wasm"))
    path.write_bytes(path.read_bytes()[:-1])
    done = cli("run", path)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"wasmwright: {path}: the file of compiled code is damaged or truncated\n".encode()
    )


def test_another_target_is_compiled_and_not_run(cli, file, tmp_path):
    path = tmp_path / "arm.wwc"
    assert cli("compile", "--target", "aarch64", file(ADD), "-o", path).returncode == 0
    done = cli("run", "--invoke", "add", path, "2", "3")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"for aarch64; this machine is x86_64" in done.stderr


@pytest.mark.parametrize(
    "options",
    [("--target", "m68k"), ("--cpu", "pentium"), ("--target", "riscv64", "--cpu", "native")],
)
def test_unknown_targets_are_wrong_usage(cli, file, options):
    done = cli("compile", *options, file(ADD))
    assert (done.returncode, done.stdout) == (2, b"")


def test_what_cannot_be_compiled_is_one_line(cli, file, tmp_path):
    path = file("(module (func (drop (v128.const i64x2 1 2))))")
    done = cli("compile", "--target", "riscv64", path)
    assert (done.returncode, done.stderr) == (
        1,
        f"wasmwright: {path}: v128.const for riscv64\n".encode(),
    )
    assert cli("compile", "-").returncode == 2
