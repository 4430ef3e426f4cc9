"""The configuration of WASI for a store."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from wasmwright.compat.wasmtime.errors import Closeable, WasmtimeError
from wasmwright.wasi import Preview1, ReadOnly
from wasmwright.wasi.streams import HostStream, StreamInput, StreamOutput

Path = str | bytes | os.PathLike[str]
CustomOutput = Callable[[bytes], int | None]


class DirPerms(Enum):
    """What a program may do in a directory (versions before 50)."""

    READ_ONLY = 1
    WRITE_ONLY = 2
    READ_WRITE = 3


class FilePerms(Enum):
    """What a program may do with files in a directory (versions before 50)."""

    READ_ONLY = 1
    WRITE_ONLY = 2
    READ_WRITE = 3


class WasiConfig(Closeable):
    """Arguments, environment, streams and directories of a WASI program.

    It begins with none of them: no arguments, empty input, output that goes nowhere.
    """

    def __init__(self) -> None:
        self._argv: list[str] = []
        self._env: dict[str, str] = {}
        self._stdin: StreamInput = "null"
        self._stdout: StreamOutput = "null"
        self._stderr: StreamOutput = "null"
        self._dirs: dict[str, Any] = {}

    def system(self) -> Preview1:
        """The WASI host that is configured here."""
        return Preview1(
            self._argv,
            self._env,
            stdin=self._stdin,
            stdout=self._stdout,
            stderr=self._stderr,
            dirs=self._dirs,
        )

    def _set_argv(self, argv: Iterable[str]) -> None:
        self._argv = [_text(arg) for arg in argv]

    argv = property(None, _set_argv, None, "The arguments, the program's name first.")

    def inherit_argv(self) -> None:
        """Pass on this process's own arguments."""
        self._argv = list(sys.orig_argv)

    def _set_env(self, pairs: Mapping[str, str] | Iterable[Iterable[str]]) -> None:
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        self._env = {_text(name): _text(value) for name, value in items}

    env = property(None, _set_env, None, "The environment as pairs of a name and a value.")

    def inherit_env(self) -> None:
        """Pass on this process's own environment."""
        self._env = dict(os.environ)

    def _set_stdin_file(self, path: Path) -> None:
        self._stdin = _open(path, os.O_RDONLY, "stdin")

    stdin_file = property(None, _set_stdin_file, None, "A file to read as standard input.")

    def _set_stdout_file(self, path: Path) -> None:
        self._stdout = _open(path, _OUTPUT, "stdout")

    stdout_file = property(None, _set_stdout_file, None, "A file for standard output.")

    def _set_stderr_file(self, path: Path) -> None:
        self._stderr = _open(path, _OUTPUT, "stderr")

    stderr_file = property(None, _set_stderr_file, None, "A file for standard error.")

    def _set_stdout_custom(self, callback: CustomOutput) -> None:
        self._stdout = _CustomStream(callback)

    stdout_custom = property(None, _set_stdout_custom, None, "What takes standard output.")

    def _set_stderr_custom(self, callback: CustomOutput) -> None:
        self._stderr = _CustomStream(callback)

    stderr_custom = property(None, _set_stderr_custom, None, "What takes standard error.")

    def inherit_stdin(self) -> None:
        """Read from this process's standard input."""
        self._stdin = HostStream(0)

    def inherit_stdout(self) -> None:
        """Write to this process's standard output."""
        self._stdout = HostStream(1)

    def inherit_stderr(self) -> None:
        """Write to this process's standard error."""
        self._stderr = HostStream(2)

    def preopen_dir(
        self,
        path: Path,
        guest_path: str,
        dir_perms: DirPerms | bool = DirPerms.READ_WRITE,
        file_perms: FilePerms = FilePerms.READ_WRITE,
        *,
        fs_mutable: bool | None = None,
    ) -> None:
        """Let the program see the directory ``path`` under the name ``guest_path``.

        It may only read there if ``fs_mutable`` (since version 50; the third argument) is False
        or one of the permissions is READ_ONLY. WasmtimeError if there is no such directory.
        """
        host = os.fsdecode(path)
        if not os.path.isdir(host) or not os.access(host, os.R_OK | os.X_OK):
            raise WasmtimeError("failed to add preopen dir")
        if isinstance(dir_perms, bool):
            dir_perms = DirPerms.READ_WRITE if dir_perms else DirPerms.READ_ONLY
        read_only = (
            fs_mutable is False
            or dir_perms == DirPerms.READ_ONLY
            or file_perms == FilePerms.READ_ONLY
        )
        self._dirs[guest_path] = ReadOnly(host) if read_only else host


_OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a str, not {type(value).__name__}")
    return value


def _open(path: Path, flags: int, which: str) -> HostStream:
    try:
        return HostStream(os.open(os.fsdecode(path), flags | os.O_CLOEXEC, 0o666), owned=True)
    except OSError as error:
        raise WasmtimeError(f"failed to set {which} file") from error


class _CustomStream:
    """Output that a function takes: it gives how many bytes it took, None for all.

    A negative number is an errno. Its exceptions are the program's I/O errors, as in the package.
    """

    def __init__(self, callback: CustomOutput) -> None:
        self._callback = callback

    def read_into(self, buffers: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def write_from(self, buffers: Iterable[memoryview]) -> int:
        data = b"".join(buffers)
        try:
            taken = self._callback(data)
        except Exception as error:
            raise OSError(errno.EIO, f"the callback failed: {error}") from error
        if taken is None:
            return len(data)
        if taken < 0:
            raise OSError(-taken, os.strerror(-taken))
        return min(taken, len(data))

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass
