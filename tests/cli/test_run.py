"""``wasmwright run``: programs and single functions, their arguments and exit statuses."""

import os
import pathlib
import subprocess
import sys

import pytest

from wasmwright import cli
from wasmwright.binary.decode import decode
from wasmwright.codegen.options import DEFAULT_TIER
from wasmwright.runtime import perf_map

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"

FUNCTIONS = """(module
  (func (export "add") (param i32 i64) (result i64)
    (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
  (func (export "floats") (param f32 f64) (result f32 f64) local.get 0 local.get 1)
  (func (export "vector") (param v128) (result v128) local.get 0)
  (func (export "object") (param externref))
  (func (export "nothing"))
  (func $trap (export "trap") unreachable)
  (func $recurse (export "recurse") (call $recurse))
  (func (export "loop") (loop (br 0)))
  (memory (export "memory") 1))"""

EXIT = """(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const {code}))))"""


@pytest.fixture
def functions(file):
    return file(FUNCTIONS)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("add", "2", "3"), "5\n"),
        (("add", "-2", "-3"), "-5\n"),
        (("add", "0x10", "0b11"), "19\n"),
        (("add", "4294967295", "18446744073709551615"), "-2\n"),
        (("floats", "1.5", "-2"), "1.5\n-2.0\n"),
        (("floats", "0x1p3", "0x1.8p1"), "8.0\n3.0\n"),
        (("floats", "nan", "-inf"), "nan\n-inf\n"),
        (("vector", "00112233445566778899aabbccddeeff"), "00112233445566778899aabbccddeeff\n"),
        (("nothing",), ""),
    ],
)
def test_a_function_is_called_and_its_results_printed(cli, functions, arguments, output):
    name, *values = arguments
    done = cli("run", "--invoke", name, functions, *values)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, output, b"")


@pytest.mark.parametrize("option", ["--eager", "--explicit-checks"])
def test_a_way_to_compile_changes_no_result(cli, functions, option):
    done = cli("run", option, "--invoke", "add", functions, "2", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"5\n", b"")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("add", "1"),
        ("add", "1", "2", "3"),
        ("add", "x", "1"),
        ("add", "1.5", "1"),
        ("add", "4294967296", "1"),
        ("add", "1", "18446744073709551616"),
        ("add", "1" * 5000, "1"),
        ("add", "", "1"),
        ("floats", "one", "2"),
        ("floats", "0x1p99999", "2"),
        ("vector", "00"),
        ("vector", "zz"),
        ("object", "1"),
    ],
)
def test_wrong_arguments_are_wrong_usage(cli, functions, arguments):
    name, *values = arguments
    done = cli("run", "--invoke", name, functions, *values)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert len(done.stderr) < 1000


def test_an_unknown_function_is_named(cli, functions):
    done = cli("run", "--invoke", "missing", functions)
    assert done.returncode == 1
    assert b"no exported function 'missing'" in done.stderr
    assert cli("run", "--invoke", "memory", functions).returncode == 1


def test_a_plain_module_is_no_program(cli, functions):
    done = cli("run", functions)
    assert done.returncode == 1
    assert b"not a WASI program" in done.stderr
    assert b"add, floats" in done.stderr


@pytest.mark.parametrize(
    ("name", "message"), [("trap", b"unreachable"), ("recurse", b"call stack exhausted")]
)
def test_a_trap_is_status_134_with_the_backtrace(cli, functions, name, message):
    done = cli("run", "--invoke", name, functions)
    assert done.returncode == 134
    assert done.stderr.startswith(b"wasmwright: trap: " + message)
    assert f"${name}".encode() in done.stderr
    assert b"Traceback" not in done.stderr


LOOP = """(module
  (memory (export "memory") 1)
  (func (export "_start") (loop (br 0))))"""


@pytest.mark.parametrize("options", [(), ("--eager",), ("--invoke", "_start")])
def test_ctrl_c_is_status_130(interrupted_cli, file, options):
    done = interrupted_cli("run", *options, file(LOOP))
    assert done.returncode == 130
    assert done.stderr == b"wasmwright: interrupted\n"


@pytest.mark.parametrize("options", [(), ("--eager",), ("--invoke", "_start")])
def test_a_program_out_of_time_is_stopped_with_a_trap(cli, file, options):
    done = cli("run", "--timeout", "0.2", *options, file(LOOP))
    assert done.returncode == 134
    assert done.stderr.startswith(b"wasmwright: trap: interrupted: the deadline of 0.2 s")


@pytest.mark.parametrize("seconds", ["-1", "nan", "soon"])
def test_a_timeout_is_a_number_of_seconds(cli, file, seconds):
    done = cli("run", f"--timeout={seconds}", file(LOOP))
    assert done.returncode == 2
    assert b"--timeout" in done.stderr


@pytest.mark.parametrize("code", [0, 1, 3, 125])
def test_a_programs_exit_code_is_ours(cli, file, code):
    done = cli("run", file(EXIT.format(code=code)))
    assert (done.returncode, done.stderr) == (code, b"")


def test_an_uncaught_exception_is_status_134(cli, file):
    program = file(
        '(module (memory (export "memory") 1) (tag $e (param i32))'
        '(func (export "_start") (throw $e (i32.const 5))))'
    )
    done = cli("run", program)
    assert done.returncode == 134
    assert b"uncaught exception: <wasmwright.Tag [i32]> with (5)" in done.stderr


def test_a_program_that_traps_is_status_134(cli, file):
    path = file('(module (memory (export "memory") 1) (func $main (export "_start") unreachable))')
    done = cli("run", path)
    assert done.returncode == 134
    assert b"unreachable" in done.stderr


def test_missing_imports_are_listed(cli, file):
    text = """(module (import "env" "one" (func)) (import "env" "two" (memory 1))
      (memory (export "memory") 1) (func (export "_start")) (func (export "f")))"""
    for arguments in (("run",), ("run", "--invoke", "f")):
        done = cli(*arguments, file(text.replace('(memory (export "memory") 1)', "")))
        assert done.returncode == 1
        assert b"env.one" in done.stderr
        assert b"env.two" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_module_comes_from_standard_input_too(cli, functions):
    done = cli("run", "--invoke", "add", "-", "2", "3", input=functions.read_bytes())
    assert (done.returncode, done.stdout) == (0, b"5\n")
    text = b'(module (func (export "f") (result i32) i32.const 7))'
    assert cli("run", "--invoke", "f", "-", input=text).stdout == b"7\n"


def test_a_directory_that_is_not_there_is_wrong_usage(cli, functions):
    done = cli("run", "--dir", "/nowhere/at/all", functions)
    assert done.returncode == 2
    assert b"not a directory" in done.stderr


def test_a_coredump_is_written_when_a_program_traps(cli, tmp_path):
    shapes = pathlib.Path(__file__).parents[1] / "runtime" / "dwarf" / "shapes.wasm"
    path = tmp_path / "shapes.core"
    done = cli("run", "--coredump", path, "--invoke", "zero", shapes, "0")
    assert done.returncode == 134
    said = done.stderr.decode()
    assert f"coredump written to {path}" in said
    assert "$divide at shapes.c:11" in said
    stack = decode(path.read_bytes()).custom("corestack")
    assert stack[:9] == b"\x00\x04main\x02\x00\x00"  # two frames
    path.unlink()
    done = cli("run", "--coredump", path, "--invoke", "zero", shapes, "7")
    assert (done.returncode, done.stdout) == (0, b"5\n")
    assert not path.exists()


def test_a_coredump_that_cannot_be_written_is_said(cli, file, tmp_path):
    path = file('(module (func (export "run") unreachable))')
    done = cli("run", "--coredump", tmp_path / "no" / "such", "--invoke", "run", path)
    assert done.returncode == 134
    assert b"No such file" in done.stderr
    assert b"trap: unreachable" in done.stderr


def test_a_profile_names_the_functions_for_perf(cli, functions):
    path = pathlib.Path(f"/tmp/perf-{os.getpid()}.map")
    try:
        done = cli("run", "--profile", "perf", "--invoke", "add", functions, "2", "3")
        assert (done.returncode, done.stdout) == (0, b"5\n")
        assert done.stderr.decode() == f"wasmwright: names of functions for perf are in {path}\n"
        (line,) = [line for line in path.read_text().splitlines() if line.endswith(" add")]
        start, size, _ = line.split()
        assert int(start, 16) > 0
        assert 0 < int(size, 16) < 1000
    finally:
        perf_map.disable()
        path.unlink()


def test_a_profile_does_not_write_where_a_link_leads(cli, functions, tmp_path):
    path = pathlib.Path(f"/tmp/perf-{os.getpid()}.map")
    path.symlink_to(tmp_path / "victim")
    try:
        done = cli("run", "--profile", "perf", "--invoke", "nothing", functions)
        assert done.returncode == 1
        assert done.stderr.decode().startswith(f"wasmwright: --profile: {path}: ")
        assert not (tmp_path / "victim").exists()
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("args", "plain"),
    [
        (["run", "f.wasm", "--dir", "x"], (1, [], [], DEFAULT_TIER)),
        (["run", "--dir", ".", "f.wasm"], (3, ["."], [], DEFAULT_TIER)),
        (
            ["run", "--dir", "a::b", "--env", "X=1", "--tier", "baseline", "--dir", "c", "f", "-x"],
            (9, ["a::b", "c"], ["X=1"], "baseline"),
        ),
        (["run", "--dir=a", "f"], None),
        (["run", "--tier", "fast", "f"], None),
        (["run", "--dir", "a", "--stats", "f"], None),
        (["run", "--dir", "a"], None),
        (["run", "--dir"], None),
        (["run", "--", "f"], None),
        (["run", "-"], None),
        (["run"], None),
        (["dump", "f"], None),
        ([], None),
    ],
)
def test_what_many_runs_have_needs_no_parser(args: list[str], plain: object) -> None:
    assert cli._plain(args) == plain


def test_a_run_with_a_folder_and_a_variable_does_not_import_click(tmp_path: pathlib.Path) -> None:
    (tmp_path / "in.txt").write_text("one two\n")
    code = (
        "import sys\nfrom wasmwright.cli import main\n"
        "try:\n main(sys.argv[1:])\n"
        "finally:\n assert 'click' not in sys.modules"
    )
    wc = EXAMPLES / "wc.wasm"
    options = ["--dir", str(tmp_path), "--env", "A=B", "--tier", "baseline"]
    command = [sys.executable, "-c", code, "run", *options, str(wc), str(tmp_path / "in.txt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["1", "2", "8"]), done.stderr
