"""WASI preview 1 for one guest: the capabilities that it gets, and the functions to link it to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmwright.wasi.abi import (
    MODULE,
    MODULE_UNSTABLE,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    SIGNATURES,
)
from wasmwright.wasi.clocks import Clocks, SystemClocks
from wasmwright.wasi.descriptors import (
    MAX_DESCRIPTORS,
    DescriptorTable,
    preopened,
    preopened_socket,
    stdio,
)
from wasmwright.wasi.fd_calls import FdCalls
from wasmwright.wasi.filesystem import Directory
from wasmwright.wasi.hostcall import State
from wasmwright.wasi.hostdir import HostDirectory
from wasmwright.wasi.path_calls import PathCalls
from wasmwright.wasi.poll_calls import PollCalls
from wasmwright.wasi.process_calls import ProcessCalls
from wasmwright.wasi.random import Random, SystemRandom
from wasmwright.wasi.sock_calls import SockCalls
from wasmwright.wasi.streams import (
    FileStream,
    Stream,
    StreamInput,
    StreamOutput,
    input_stream,
    output_stream,
)
from wasmwright.wasi.unstable import UnstableCalls

if TYPE_CHECKING:
    from socket import socket

DEFAULT_OUTPUT_LIMIT = 64 << 20  # bytes captured of standard output, and of standard error

HostPath = str | os.PathLike[str]


class ReadOnly(NamedTuple):
    """A directory that is handed over for reading only: `dirs={"/data": ReadOnly(path)}`."""

    directory: HostPath | Directory


# A path as an argument is its text, as for `subprocess`.
Argument = str | bytes | os.PathLike[str]
Dirs = Mapping[str, "HostPath | Directory | ReadOnly"]


class Preview1:
    """The host side of one WASI guest. A context manager; `close` releases all descriptors.

    args: the guest's argv, the program's name first. env: its environment. stdin, stdout,
    stderr: see `streams.input_stream` and `output_stream` ("stdout" as `stderr` joins the two);
    by default nothing comes in and output is captured, each at most `output_limit` bytes. dirs:
    guest path to host path, `Directory` or `ReadOnly`; nothing else of any file system can be
    reached. A `Directory` object stays the host's, to be handed to other guests as well. sockets:
    connected or listening sockets of the host, under the numbers after those of the directories
    (3 and on); they stay open for the host, connections that the guest accepts end with it.

    Raises OSError for a host directory that can't be opened, ValueError for arguments or
    environment with a NUL or a `=` in a name, TypeError for what can't be an argument, a stream or
    a socket.
    """

    def __init__(
        self,
        args: Iterable[Argument] = (),
        env: Mapping[str, str] | None = None,
        *,
        stdin: StreamInput = None,
        stdout: StreamOutput = None,
        stderr: StreamOutput = None,
        dirs: Dirs | None = None,
        sockets: Iterable[socket] = (),
        clocks: Clocks | None = None,
        random: Random | None = None,
        output_limit: int = DEFAULT_OUTPUT_LIMIT,
        max_descriptors: int = MAX_DESCRIPTORS,
    ) -> None:
        self.stdin: Stream = input_stream(stdin)
        self.stdout: Stream = output_stream(stdout, output_limit, "stdout")
        joined = stderr in ("stdout", -2) if isinstance(stderr, str | int) else False
        self.stderr: Stream = (
            self.stdout if joined else output_stream(stderr, output_limit, "stderr")
        )
        self._table = DescriptorTable(max_descriptors)
        self._state = State(
            args=[_c_string(arg, "argument") for arg in args],
            env=_environment(env or {}),
            table=self._table,
            clocks=SystemClocks() if clocks is None else clocks,
            random=SystemRandom() if random is None else random,
        )
        self._table.add(stdio(self.stdin, RIGHT_FD_READ))
        self._table.add(stdio(self.stdout, RIGHT_FD_WRITE))
        self._table.add(stdio(self.stderr, RIGHT_FD_WRITE))
        try:
            for guest_path, directory in (dirs or {}).items():
                self._preopen(guest_path, directory)
            # After the directories: wasi-libc looks for those up to the first other descriptor.
            for item in sockets:
                from wasmwright.wasi.sockets import SocketStream

                self._table.add(preopened_socket(SocketStream(item)))
        except BaseException:
            self.close()
            raise
        self._memory: Any = None
        self._functions = self._collect()

    def _preopen(self, guest_path: str, directory: HostPath | Directory | ReadOnly) -> None:
        read_only = isinstance(directory, ReadOnly)
        if isinstance(directory, ReadOnly):
            directory = directory.directory
        if isinstance(directory, str | os.PathLike):
            opened: Directory = HostDirectory(directory)
        else:
            opened = directory.reopen()
        self._table.add(preopened(opened, guest_path, read_only))

    def _collect(self) -> dict[str, dict[str, Callable[..., int]]]:
        state = self._state
        fds, paths = FdCalls(state), PathCalls(state)
        groups: tuple[object, ...] = (
            fds,
            paths,
            PollCalls(state),
            ProcessCalls(state),
            SockCalls(state),
        )
        unstable = UnstableCalls(state, fds, paths)
        return {
            MODULE: {name: _find(name, groups) for name in SIGNATURES},
            MODULE_UNSTABLE: {name: _find(name, (unstable, *groups)) for name in SIGNATURES},
        }

    def imports(self) -> dict[str, dict[str, Callable[..., int]]]:
        """The functions by module and name, for an instance's imports.

        They take plain ints, read as unsigned where the interface says so, and return an errno.
        `proc_exit` raises `Exit`. Types are in `abi.SIGNATURES`.
        """
        return {module: dict(functions) for module, functions in self._functions.items()}

    def bind(self, memory: Any) -> None:
        """Set the guest's memory: any object with a writable buffer of bytes.

        Until then functions that need memory return EFAULT.
        """
        self._memory = memory
        self._state.memory = b"" if memory is None else memory

    def share(self) -> Preview1:
        """Another face of the same guest, for a second instance with a memory of its own.

        Arguments, environment and descriptors are the same; `close` on either closes them.
        """
        other = copy(self)
        other._state = copy(self._state)
        other.bind(None)
        other._functions = other._collect()
        return other

    @property
    def memory(self) -> Any:
        """The guest's memory, None before `bind`."""
        return self._memory

    @property
    def on_wait(self) -> Callable[[], object] | None:
        """Called at least every 50 ms while the guest waits in a call; may raise to end that."""
        return self._state.on_wait

    @on_wait.setter
    def on_wait(self, callback: Callable[[], object] | None) -> None:
        self._state.on_wait = callback

    def interruptible(self, check: Callable[[], object]) -> None:
        """Have the engine's `check` called as `on_wait` is: it raises if the guest is to stop."""
        self._state.interrupted = check

    def flush(self) -> None:
        """Flush output that went to Python file objects."""
        for stream in (self.stdout, self.stderr):
            if isinstance(stream, FileStream):
                stream.flush()

    def close(self) -> None:
        """Close everything that the guest has open. Its calls fail with EBADF from then on."""
        with self._state.lock:
            self._table.close()

    def __enter__(self) -> Preview1:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _find(name: str, groups: tuple[object, ...]) -> Callable[..., int]:
    for group in groups:
        function: Callable[..., int] | None = getattr(group, name, None)
        if function is not None:
            return function
    raise AssertionError(f"no WASI function {name}")


def _c_string(value: str | bytes | os.PathLike[str], what: str) -> bytes:
    plain = os.fspath(value)
    data = plain.encode("utf-8", "surrogateescape") if isinstance(plain, str) else plain
    if b"\0" in data:
        raise ValueError(f"{what} with a NUL in it: {value!r:.80}")
    return data


def _environment(env: Mapping[str, str]) -> list[bytes]:
    for name in env:
        if "=" in name or not name:
            raise ValueError(f"not a name for an environment variable: {name!r:.80}")
    return [_c_string(f"{name}={value}", "environment variable") for name, value in env.items()]
