from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, Filetype
from wasmwright.wasi.abi import FDFLAG_NONBLOCK

OUT, IOVS, DATA = 8, 64, 16384


def test_input_is_empty_and_output_captured_by_default(make_guest: Callable[..., Any]) -> None:
    guest = make_guest()
    assert guest.read(0) == b""
    assert guest.write(1, b"out") == 3
    assert guest.write(2, b"err") == 3
    assert guest.write(1, b"put") == 3
    assert (guest.wasi.stdout.data, guest.wasi.stderr.data) == (b"output", b"err")


@pytest.mark.parametrize(
    "source", [b"fed in", bytearray(b"fed in"), memoryview(b"fed in"), io.BytesIO(b"fed in")]
)
def test_bytes_are_fed(make_guest: Callable[..., Any], source: Any) -> None:
    guest = make_guest(stdin=source)
    assert guest.read(0, 3) == b"fed"
    assert guest.read(0) == b" in"
    assert guest.read(0) == b""


def test_text_files_are_utf8(make_guest: Callable[..., Any]) -> None:
    target = io.StringIO()
    guest = make_guest(stdin=io.StringIO("zwölf\nmehr"), stdout=target)
    assert guest.read(0, 4) == "zwö".encode()
    assert guest.read(0) == b"l"  # of the characters read, what did not fit in 4 bytes
    assert guest.read(0) == b"f\n"
    assert guest.read(0) == b"mehr"
    guest.write(1, b"\xc3")
    guest.write(1, b"\xa4\xff!")
    assert target.getvalue() == "ä\ufffd!"


def test_files_descriptors_and_functions(make_guest: Callable[..., Any], tmp_path: Path) -> None:
    pieces: list[bytes] = []
    read_end, write_end = os.pipe()
    with open(tmp_path / "in", "w+b") as file:
        file.write(b"content")
        file.seek(0)
        guest = make_guest(stdin=file, stdout=write_end, stderr=pieces.append)
        assert guest.read(0) == b"content"
        guest.write(1, b"piped")
        guest.write(2, b"called")
    guest.wasi.close()
    os.close(write_end)
    assert os.read(read_end, 100) == b"piped"
    os.close(read_end)
    assert pieces == [b"called"]


def test_subprocess_constants_and_joined_output(make_guest: Callable[..., Any]) -> None:
    guest = make_guest(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    guest.write(1, b"a")
    guest.ok("fd_close", 1)
    guest.write(2, b"b")
    assert guest.wasi.stdout.data == b"ab"
    make_guest(stdout="null", stderr="stdout").write(2, b"x")


def test_inherit_goes_through_python_where_there_is_no_descriptor(
    make_guest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = io.StringIO()
    monkeypatch.setattr(sys, "stdout", target)
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed"))
    guest = make_guest(stdin="inherit", stdout="inherit")
    guest.write(1, guest.read(0))
    assert target.getvalue() == "typed"


@pytest.mark.parametrize(
    "options",
    [{"stdin": "some text"}, {"stdout": "file.txt"}, {"stdin": 1.5}, {"stderr": object()}],
)
def test_what_is_no_stream_is_a_type_error(
    make_guest: Callable[..., Any], options: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match="must be"):
        make_guest(**options)


def test_captured_output_is_bounded(make_guest: Callable[..., Any]) -> None:
    guest = make_guest(output_limit=10)
    assert guest.write(1, b"12345678") == 8
    assert guest.write(1, b"9abcdef") == 2
    iovs = guest.iovs((DATA, 1))
    assert guest.call("fd_write", 1, *iovs, OUT) is Errno.NOSPC
    assert guest.wasi.stdout.data == b"123456789a"
    assert guest.wasi.stdout.truncated
    assert not guest.wasi.stderr.truncated


def test_the_directions_are_rights(make_guest: Callable[..., Any]) -> None:
    guest = make_guest(stdin=b"x")
    iovs = guest.iovs((DATA, 1))
    assert guest.call("fd_write", 0, *iovs, OUT) is Errno.NOTCAPABLE
    assert guest.call("fd_read", 1, *iovs, OUT) is Errno.NOTCAPABLE


def test_only_a_terminal_is_a_character_device(make_guest: Callable[..., Any]) -> None:
    leader, follower = os.openpty()
    with open(os.devnull, "rb") as devnull:
        guest = make_guest(stdin=devnull.fileno(), stdout=follower)
        for fd, filetype in ((0, Filetype.UNKNOWN), (1, Filetype.CHARACTER_DEVICE), (2, 0)):
            guest.ok("fd_fdstat_get", fd, DATA)
            assert guest.memory[DATA] == filetype
            assert guest.u64(DATA + 8) & (1 << 2 | 1 << 5) == 0  # or isatty would say no
            guest.ok("fd_filestat_get", fd, DATA)
            assert guest.memory[DATA + 16] == filetype
    os.close(leader)
    os.close(follower)


def test_nonblocking_reads_say_again_and_leave_the_hosts_flags(
    make_guest: Callable[..., Any],
) -> None:
    read_end, write_end = os.pipe()
    guest = make_guest(stdin=read_end)
    guest.ok("fd_fdstat_set_flags", 0, FDFLAG_NONBLOCK)
    assert os.get_blocking(read_end)
    assert guest.call("fd_read", 0, *guest.iovs((DATA, 5)), OUT) is Errno.AGAIN
    os.write(write_end, b"now")
    assert guest.read(0) == b"now"
    os.close(write_end)
    assert guest.read(0) == b""
    os.close(read_end)


def test_a_broken_pipe_is_an_errno(make_guest: Callable[..., Any]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    guest = make_guest(stdout=write_end)
    assert guest.call("fd_write", 1, *guest.iovs((DATA, 5)), OUT) is Errno.PIPE
    os.close(write_end)


def test_errors_of_python_streams(make_guest: Callable[..., Any]) -> None:
    def fail(data: bytes) -> None:
        raise PermissionError(13, "no")

    def bug(data: bytes) -> None:
        raise KeyError("bug")

    guest = make_guest(stdout=fail, stderr=bug)
    iovs = guest.iovs((DATA, 5))
    assert guest.call("fd_write", 1, *iovs, OUT) is Errno.ACCES
    with pytest.raises(KeyError):
        guest.call("fd_write", 2, *iovs, OUT)


def test_streams_keep_no_view_of_memory(make_guest: Callable[..., Any]) -> None:
    """What an object keeps of its input must not change with the guest's memory."""

    class Keeper:
        kept: list[Any] = []

        def write(self, data: Any) -> None:
            self.kept.append(data)

    guest = make_guest(stdout=Keeper())
    guest.write(1, b"first")
    guest.write(1, b"later")
    assert Keeper.kept == [b"first", b"later"]
    del guest.memory[:]  # BufferError if somebody still had a view
