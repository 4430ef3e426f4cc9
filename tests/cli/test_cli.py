"""What all commands share: usage, exit statuses, errors of one line, and pipes."""

import subprocess
import sys

import pytest

COMMANDS = ["run", "validate", "parse", "print", "dump"]


def assert_one_line(done, status):
    assert done.returncode == status
    assert done.stderr.startswith(b"wasmwright: ")
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr


def test_no_command_shows_the_help(cli):
    done = cli()
    assert done.returncode == 2
    assert b"Usage: wasmwright" in done.stdout + done.stderr


def test_help_and_version_are_no_errors(cli):
    for arguments in (("--help",), ("-h",), ("--version",), ("run", "--help")):
        done = cli(*arguments)
        assert done.returncode == 0
        assert b"asmwright" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("--nonsense",), ("dump", "--nonsense"), ("run",), ("dump", "a", "b")],
)
def test_wrong_usage_is_status_2_without_a_traceback(cli, arguments):
    done = cli(*arguments)
    assert done.returncode == 2
    assert b"Usage" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_file_is_named(cli, command):
    done = cli(command, "missing.wasm")
    assert_one_line(done, 1)
    assert b"missing.wasm: No such file or directory" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_is_no_module(cli, command, tmp_path):
    done = cli(command, tmp_path)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["run", "validate", "dump", "print"])
@pytest.mark.parametrize("cut", [0, 1, 7, 9, 20, -1])
def test_a_truncated_module_is_an_error_of_one_line(cli, file, command, cut):
    path = file('(module $m (func (export "f") (result i32) i32.const 1))')
    path.write_bytes(path.read_bytes()[:cut])
    done = cli(command, path)
    assert_one_line(done, 1)
    assert str(path).encode() in done.stderr


def test_a_file_that_never_ends_is_refused(cli):
    done = cli("validate", "/dev/zero")
    assert_one_line(done, 1)
    assert b"too large" in done.stderr or b"magic header" in done.stderr


@pytest.mark.parametrize("command", [("dump", "--json"), ("print",)])
def test_a_reader_that_leaves_early_is_no_traceback(file, command):
    functions = "".join(f'(func (export "function number {i}"))' for i in range(5000))
    path = file(f"(module {functions})")
    process = subprocess.Popen(
        [sys.executable, "-m", "wasmwright", *command, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert errors == b""


def test_a_full_disk_is_an_error_of_one_line(file):
    path = file("(module)")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wasmwright", "dump", str(path)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr
