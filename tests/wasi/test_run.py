"""Programs on the engine: `wasi.run` and `Command`."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wasmwright as ww
from wasmwright import wasi
from wasmwright.wasi.abi import MODULE, MODULE_UNSTABLE, SIGNATURES

EXAMPLES = Path(__file__).parents[2] / "examples"


def program(body: str, *imports: str, data: str = "", more: str = "", module: str = MODULE) -> str:
    """A command whose `_start` is `body`, with WASI functions imported under their names."""
    lines = []
    for name in imports:
        params, results = SIGNATURES[name]
        kinds = f"(param {' '.join(params)}) (result {' '.join(results)})".replace("(result )", "")
        lines.append(f'(import "{module}" "{name}" (func ${name} {kinds}))')
    return f"""(module {" ".join(lines)}
        (memory (export "memory") 1) {f'(data (i32.const 1024) "{data}")' if data else ""}
        {more}
        (func (export "_start") (local $i i32) {body}))"""


# An iovec at 0 that stands for `size` bytes at 1024.
IOV = "(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const {size}))"


def writing(text: str, fd: int = 1) -> str:
    """Code that writes `text`, which the program's data must begin with."""
    return IOV.format(size=len(text.encode())) + (
        f"(drop (call $fd_write (i32.const {fd}) (i32.const 0) (i32.const 1) (i32.const 8)))"
    )


def exiting(code: int) -> str:
    """A program that ends with an exit code."""
    return program(f"(call $proc_exit (i32.const {code}))", "proc_exit")


ECHO = program(
    IOV.format(size=1000)
    + """(loop $more
        (br_if 1 (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if 1 (i32.eqz (i32.load (i32.const 8))))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.const 1000))
        (br $more))""",
    "fd_read",
    "fd_write",
)

# Writes its environment, as strings that end in NUL.
ENVIRONMENT = program(
    """(drop (call $environ_sizes_get (i32.const 16) (i32.const 4)))
    (drop (call $environ_get (i32.const 2048) (i32.const 1024)))
    (i32.store (i32.const 0) (i32.const 1024))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    "environ_sizes_get",
    "environ_get",
    "fd_write",
)

# Writes 1000 bytes at a time to standard output until that fails, and exits with the errno.
FLOOD = program(
    IOV.format(size=1000)
    + """(loop $more
        (local.set $i (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $more (i32.eqz (local.get $i))))
    (call $proc_exit (local.get $i))""",
    "fd_write",
    "proc_exit",
)

TRAPS = program(
    writing("last words") + writing("last words", 2) + "(unreachable)",
    "fd_write",
    data="last words",
)

# Writes 8 bytes of time and 8 of randomness.
OBSERVES = program(
    IOV.format(size=16)
    + """(drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 1024)))
    (drop (call $random_get (i32.const 1032) (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    "clock_time_get",
    "random_get",
    "fd_write",
)


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.fixture(scope="module")
def echo() -> wasi.Command:
    return wasi.Command(ECHO)


@pytest.fixture(scope="module")
def wc() -> wasi.Command:
    return wasi.Command(EXAMPLES / "wc.wasm")


# -- what a program is -------------------------------------------------------------------


def test_programs_come_as_paths_bytes_text_and_modules(tmp_path: Path) -> None:
    hello = EXAMPLES / "hello.wasm"
    text = exiting(3)
    (tmp_path / "exit.wat").write_text(text)
    for source in (hello, str(hello), hello.read_bytes(), ww.Module(hello)):
        assert wasi.run(source, ["Ada"]).stdout == b"Hello, Ada!\n"
    for source in (text, text.encode(), tmp_path / "exit.wat", str(tmp_path / "exit.wat")):
        assert wasi.run(source).exit_code == 3


def test_a_command_runs_any_number_of_times_each_time_anew(wc: wasi.Command) -> None:
    for text, counts in ((b"a b\n", b"1        2        4"), (b"", b"0        0        0")):
        result = wc(["/f"], dirs={"/": wasi.MemoryDirectory({"f": text})})
        assert (result.exit_code, counts in result.stdout) == (0, True)
    assert repr(wc) == "<wasi.Command wc.wasm>"
    assert wc(["/f"]).exit_code == 1  # what was handed over then is not there now


def test_the_name_of_the_program_is_its_files_or_given() -> None:
    show = program(
        """(drop (call $args_get (i32.const 16) (i32.const 1024)))
        (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 14))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
        "args_get",
        "fd_write",
    )
    assert wasi.run(show, ["a", b"\xff"]).stdout == b"program.wasm\0a"
    assert wasi.run(show, ["a", b"\xff"], argv0="p").stdout == b"p\0a\0\xff" + bytes(9)


def test_programs_of_2019_run() -> None:
    old = program(writing("old"), "fd_write", data="old", module=MODULE_UNSTABLE)
    assert wasi.run(old).stdout == b"old"


def test_commands_run_in_parallel(echo: wasi.Command) -> None:
    results: dict[int, bytes] = {}

    def work(index: int) -> None:
        data = bytes([index]) * 100_000
        results[index] = b"ok" if echo(stdin=data).stdout == data else b"mixed up"

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(8), b"ok")


# -- how it ends -------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 3, 255, 256, 2**31, 2**32 - 1])
def test_exit_codes_come_out(code: int) -> None:
    result = wasi.run(exiting(code))
    assert result == wasi.Result(code)
    if code:
        with pytest.raises(wasi.ExitError, match=f"exit code {code}") as caught:
            result.check()
        assert caught.value.result is result
    else:
        assert result.check() is result


def test_returning_is_exit_code_0_and_a_signal_128_more() -> None:
    assert wasi.run(program("")).check().exit_code == 0
    raising = program("(drop (call $proc_raise (i32.const 6)))", "proc_raise")
    assert wasi.run(raising).exit_code == 134


def test_exiting_in_the_start_function_is_exiting() -> None:
    text = program("", "proc_exit", more="(func $s (call $proc_exit (i32.const 9))) (start $s)")
    assert wasi.run(text).exit_code == 9


def test_the_last_line_of_standard_error_explains_the_exit_code() -> None:
    text = program(
        writing("first\\nlast", 2).replace("(i32.const 11)", "(i32.const 10)")
        + "(call $proc_exit (i32.const 1))",
        "fd_write",
        "proc_exit",
        data="first\\nlast",
    )
    with pytest.raises(wasi.ExitError, match=r"^exit code 1: last$"):
        wasi.run(text).check()


def test_a_trap_comes_out_with_the_last_words_of_the_program() -> None:
    with pytest.raises(ww.Trap, match=r"^unreachable") as caught:
        wasi.run(TRAPS)
    assert caught.value.frames[0].name == "_start"
    assert caught.value.__notes__ == ["standard error of the program:\nlast words"]
    with pytest.raises(ww.Trap) as caught:
        wasi.run(TRAPS, stderr="null")
    assert not hasattr(caught.value, "__notes__")


def test_a_note_is_no_longer_than_can_be_read() -> None:
    text = program(
        f"(loop {writing('x' * 50, 2)} (local.set $i (i32.add (local.get $i) (i32.const 1))) "
        "(br_if 0 (i32.lt_u (local.get $i) (i32.const 100)))) (unreachable)",
        "fd_write",
        data="x" * 50,
    )
    with pytest.raises(ww.Trap) as caught:
        wasi.run(text)
    assert caught.value.__notes__ == ["standard error of the program:\n" + "x" * 2000]


def test_exceptions_of_the_hosts_objects_come_out_as_themselves() -> None:
    def fail(data: bytes) -> None:
        raise ZeroDivisionError(data)

    with pytest.raises(ZeroDivisionError, match="last words"):
        wasi.run(TRAPS, stdout=fail)


def test_what_is_no_program_is_a_link_error() -> None:
    with pytest.raises(ww.LinkError, match=r"no export named _start: .*not a WASI command$"):
        wasi.run("(module)")
    with pytest.raises(ww.LinkError, match=r"not a WASI command \(it is a reactor\)"):
        wasi.run('(module (func (export "_initialize")))')
    with pytest.raises(ww.LinkError, match='must export its memory as "memory"'):
        wasi.run(exiting(0).replace('(export "memory")', ""))
    with pytest.raises(ww.LinkError, match=r"proc_exit is \[i32\] -> \[\].* as \[i64\] -> \[\]"):
        wasi.Command('(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))))')
    with pytest.raises(ww.LinkError, match="imports it as global"):
        wasi.Command('(module (import "wasi_snapshot_preview1" "proc_exit" (global i32)))')
    with pytest.raises(ww.LinkError, match="fd_teleport"):
        wasi.run(
            program("").replace(" (memory", f'(import "{MODULE}" "fd_teleport" (func)) (memory')
        )


def test_further_imports_are_given_beside() -> None:
    text = program(
        "(call $proc_exit (call $f (i32.const 20)))",
        "proc_exit",
    ).replace("(memory", '(import "env" "double" (func $f (param i32) (result i32))) (memory', 1)
    assert wasi.run(text, imports={"env": {"double": lambda x: 2 * x}}).exit_code == 40
    replaced = wasi.run(
        text, imports={"env": {"double": int}, MODULE: {"proc_exit": lambda code: None}}
    )
    assert replaced.exit_code == 0


# -- streams -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stdin",
    [b"in\xffput", bytearray(b"in\xffput"), memoryview(b"in\xffput"), io.BytesIO(b"in\xffput")],
)
def test_bytes_go_in_and_out(echo: wasi.Command, stdin: Any) -> None:
    assert echo(stdin=stdin).stdout == b"in\xffput"


def test_text_goes_in_and_out(echo: wasi.Command) -> None:
    target = io.StringIO()
    assert echo(stdin=io.StringIO("zwölf\nmehr"), stdout=target) == wasi.Result(0)
    assert target.getvalue() == "zwölf\nmehr"


def test_files_and_descriptors_go_in_and_out(echo: wasi.Command, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"0123456789" * 1000)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        echo(stdin=source, stdout=target)
    assert (tmp_path / "out").read_bytes() == b"0123456789" * 1000
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        echo(stdin=source.fileno(), stdout=target.fileno())
    assert (tmp_path / "out").read_bytes() == b"0123456789" * 1000


def test_pipes_of_other_processes_go_in_and_out(echo: wasi.Command) -> None:
    code = "import sys; sys.stdout.write('x' * 300_000)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as source:
        assert echo(stdin=source.stdout).stdout == b"x" * 300_000
    code = "import sys; print(len(sys.stdin.read()))"
    sink = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sink.stdin is not None
    echo(stdin=b"y" * 300_000, stdout=sink.stdin.fileno())
    assert sink.communicate()[0] == b"300000\n"


def test_output_goes_to_functions_as_it_comes(echo: wasi.Command) -> None:
    pieces: list[bytes] = []
    assert echo(stdin=b"z" * 2500, stdout=pieces.append).stdout == b""
    assert [len(piece) for piece in pieces] == [1000, 1000, 500]


def test_output_is_inherited_dropped_or_joined(
    echo: wasi.Command, capfd: pytest.CaptureFixture[str]
) -> None:
    result = echo(stdin=b"to the host", stdout="inherit")
    assert (result.stdout, capfd.readouterr().out) == (b"", "to the host")
    assert echo(stdin=b"gone", stdout=subprocess.DEVNULL) == wasi.Result(0)
    with pytest.raises(ww.Trap) as caught:
        wasi.run(TRAPS, stderr="stdout")
    assert caught.value.__notes__ == ["standard error of the program:\nlast wordslast words"]


def test_captured_output_is_bounded(echo: wasi.Command) -> None:
    result = wasi.run(FLOOD, output_limit=12_345)
    assert (len(result.stdout), result.exit_code, result.truncated) == (12_345, 51, True)
    assert echo(stdin=b"12345", output_limit=5) == wasi.Result(0, b"12345")


# -- what it sees ------------------------------------------------------------------------


def test_the_environment_is_empty_or_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "host")
    assert wasi.run(ENVIRONMENT).stdout == b""
    assert wasi.run(ENVIRONMENT, env={"A": "1", "B": "zwölf=12"}).stdout == (
        "A=1\0B=zwölf=12\0".encode()
    )


@pytest.fixture(params=["host", "read-only", "memory", "zip", "overlay", "overlay of zip"])
def make_directory(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Makes a directory of each kind, with the file `in/text`."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "text").write_bytes(b"one two\nthree\n")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(tmp_path / "in" / "text", "in/text")
    return {
        "host": lambda: tmp_path,
        "read-only": lambda: wasi.ReadOnly(tmp_path),
        "memory": lambda: wasi.MemoryDirectory({"in": {"text": b"one two\nthree\n"}}),
        "zip": lambda: wasi.ZipDirectory(buffer),
        "overlay": lambda: wasi.OverlayDirectory(tmp_path),
        "overlay of zip": lambda: wasi.OverlayDirectory(wasi.ZipDirectory(buffer)),
    }[request.param]


def test_directories_of_all_kinds_are_files_to_a_program(
    wc: wasi.Command, make_directory: Callable[[], Any]
) -> None:
    directory = make_directory()
    for _ in range(2):  # and stay the host's
        result = wc(["/data/in/text", "/data/none"], dirs={"/data": directory})
        assert b"2        3       14 /data/in/text" in result.stdout
        assert (result.exit_code, b"/data/none" in result.stderr) == (1, True)


def test_a_missing_directory_is_an_os_error(tmp_path: Path, wc: wasi.Command) -> None:
    with pytest.raises(FileNotFoundError):
        wc(dirs={"/a": tmp_path, "/b": tmp_path / "none"})


def test_fixed_time_and_randomness_repeat() -> None:
    def observe() -> bytes:
        return wasi.run(
            OBSERVES, clocks=wasi.FixedClocks(7), random=wasi.SeededRandom("seed")
        ).stdout

    assert observe() == observe() != wasi.run(OBSERVES).stdout
    assert observe()[:8] == (7).to_bytes(8, "little")


def test_sockets_are_handed_over() -> None:
    import socket

    text = program(
        IOV.format(size=5)
        + "(call $proc_exit (call $sock_send (i32.const 3) (i32.const 0) (i32.const 1) "
        "(i32.const 0) (i32.const 8)))",
        "sock_send",
        "proc_exit",
        data="hello",
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert wasi.run(text, sockets=[theirs]).check().exit_code == 0
        assert ours.recv(9) == b"hello"
    assert wasi.run(text).exit_code == wasi.Errno.BADF


def test_memory_is_limited() -> None:
    text = program("(call $proc_exit (memory.grow (i32.const 31)))", "proc_exit")
    assert wasi.run(text).exit_code == 1
    assert wasi.run(text, limits=ww.Limits(memory=1 << 20)).exit_code == 2**32 - 1
    with pytest.raises(ww.LinkError, match="memory minimum size"):
        wasi.run(text, limits=ww.Limits(memory=1000))


def test_many_runs_leave_nothing_behind(wc: wasi.Command, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(tmp_path / "f", "f")
    trapping: Callable[..., Any] = wasi.Command(TRAPS)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        dirs = {
            "/": tmp_path,
            "/z": wasi.ZipDirectory(tmp_path / "z.zip"),
            "/o": wasi.OverlayDirectory(tmp_path),
            "/m": wasi.MemoryDirectory({"f": b""}),
        }
        wc(["/f", "/z/f", "/o/f", "/m/f", "/none"], dirs=dirs)
        with pytest.raises(ww.Trap):
            trapping(dirs=dirs)
        with pytest.raises(ww.LinkError):
            wasi.run("(module)", dirs=dirs)
        del dirs
        assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize("args", ["one", b"one", [1], [None]])
def test_arguments_are_a_list_of_text(args):
    with pytest.raises(TypeError):
        wasi.run(EXAMPLES / "hello.wasm", args)


def test_a_path_can_be_an_argument(tmp_path):
    assert str(tmp_path) in wasi.run(EXAMPLES / "hello.wasm", [tmp_path]).stdout.decode()
