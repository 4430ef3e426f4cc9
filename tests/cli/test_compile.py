"""``wasmwright compile``, and ``run`` of what it makes."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

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


def test_the_same_file_whatever_the_number_of_jobs(cli, file, tmp_path):
    path = file(ADD, "add.wasm")
    made = []
    for jobs in ("1", "3"):
        assert cli("compile", "-j", jobs, path, "-o", tmp_path / jobs).returncode == 0
        made.append((tmp_path / jobs).read_bytes())
    assert made[0] == made[1]
    done = cli("compile", "-j", "0", path)
    assert done.returncode == 2
    assert b"0 is not in the range" in done.stderr


def big(count=300):
    """A module that takes LLVM seconds."""
    body = "(local.set 0 (i32.rotl (i32.add (local.get 0) (i32.const {})) (local.get 1)))"
    loop = "(loop $l {} (br_if $l (i32.lt_u (local.get 0) (i32.const 9))))"
    body = loop.format("".join(body.format(i) for i in range(60)))
    return "(module {})".format(f"(func (param i32 i32) {body * 4})" * count)


def test_ctrl_c_ends_it_at_once_and_leaves_no_file(tmp_path, file):
    path = file(big(1500), "big.wat")
    environment = {**os.environ, "WASMWRIGHT_CACHE": "off"}
    command = [sys.executable, "-m", "wasmwright", "compile", "-j", "2", path]
    running = subprocess.Popen(
        [*command, "-o", tmp_path / "out.wwc"], stderr=subprocess.PIPE, env=environment
    )
    time.sleep(3)
    assert running.poll() is None, "the module is too small for this test"
    running.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, errors = running.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert running.returncode == -signal.SIGINT
    assert errors == b"wasmwright: interrupted\n"
    assert not (tmp_path / "out.wwc").exists()


def test_a_terminal_sees_a_bar_and_a_file_does_not(cli, file, tmp_path):
    path = file(big(20), "big.wat")
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "wasmwright", "compile", path, "-o", tmp_path / "out.wwc"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    running = subprocess.Popen(command, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # when the other end is closed
        while piece := os.read(controller, 4096):
            shown += piece
    os.close(controller)
    assert running.wait(60) == 0
    assert b"compiling big.wat" in shown
    assert b"100%" in shown
    assert cli("compile", path, "-o", tmp_path / "out.wwc").stderr == b""
