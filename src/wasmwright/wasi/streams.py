"""Streams that a guest reads or writes without a position: standard input, output and error.

A stream is any object with the four methods of `Stream`. `input_stream` and `output_stream` make
one from what `wasi.run` takes: `bytes`, a file-like object, a host descriptor, a callable, or the
words "inherit", "capture" and "null".
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat as stat_modes
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, Final, Protocol, runtime_checkable

# subprocess's constants (PIPE, STDOUT, DEVNULL), accepted by value: the module costs 10 ms.
_SUBPROCESS_NAMES: Final = {-1: "capture", -2: "stdout", -3: "null"}

# A call to a Python stream object is not worth less, and a guest that says "4 GiB" gets no more.
_CHUNK: Final = 1 << 20


@runtime_checkable
class Stream(Protocol):
    """What a guest sees as a pipe or terminal. Errors are `OSError`.

    Buffers are views of guest memory, valid only during the call.
    """

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        """Fill `buffers` as far as data is there; give the number of bytes, 0 at the end."""

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        """Take bytes from `buffers`; give how many."""

    def isatty(self) -> bool:
        """Whether a person sits at the other end."""

    def fileno(self) -> int:
        """A host descriptor to wait on, or -1 if the stream never blocks."""

    def close(self) -> None:
        """The guest closed its last descriptor of the stream."""


def _refuse() -> OSError:
    return OSError(errno.EBADF, os.strerror(errno.EBADF))


class NullStream:
    """Always at its end, and takes everything."""

    __slots__ = ()

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        return 0

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        return sum(map(len, buffers))

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


class HostStream:
    """The host descriptor `fd`. `owned` streams close it, the others leave it to the host."""

    __slots__ = ("__weakref__", "_blocks", "_fd", "_owned")

    def __init__(self, fd: int, *, owned: bool = False) -> None:
        self._fd = fd
        self._owned = owned
        try:
            self._blocks = not stat_modes.S_ISREG(os.fstat(fd).st_mode)
        except OSError:  # reading or writing will say what is wrong
            self._blocks = False

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        return os.readv(self._fd, buffers)

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        if len(buffers) == 1:
            return os.write(self._fd, buffers[0])
        return os.writev(self._fd, buffers)

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def fileno(self) -> int:
        return self._fd if self._blocks else -1

    def close(self) -> None:
        if self._owned and self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()


class CaptureStream:
    """Keeps what is written, up to `limit` bytes; what goes beyond fails as on a full disk.

    `data` is what came so far, `truncated` whether anything was refused.
    """

    __slots__ = ("_data", "limit", "truncated")

    def __init__(self, limit: int) -> None:
        self._data = bytearray()
        self.limit = limit
        self.truncated = False

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        raise _refuse()

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        data = self._data
        start = len(data)
        for buffer in buffers:
            room = self.limit - len(data)
            if len(buffer) > room:
                data += buffer[:room]
                self.truncated = True
                break
            data += buffer
        written = len(data) - start
        if not written and self.truncated:
            raise OSError(errno.ENOSPC, f"more than {self.limit} bytes of output")
        return written

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


class FileStream:
    """A Python file-like object, binary or text (then as UTF-8); left open when done.

    Reading asks for `read1` where there is one, so that a pipe gives what it has. Objects of
    unknown types are handed copies: they may keep what they are given.
    """

    __slots__ = ("_decoder", "_file", "_pending", "_text")

    def __init__(self, file: Any) -> None:
        self._text = isinstance(file, io.TextIOBase) or hasattr(file, "encoding")
        self._file = file
        self._pending = b""  # read from a text file, not yet asked for
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        buffer = next((part for part in buffers if part), None)
        if buffer is None:
            return 0
        size = min(len(buffer), _CHUNK)
        data = self._read(size)
        if data is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes | None:
        if self._text:
            if not self._pending:
                self._pending = self._file.readline(size).encode("utf-8", "surrogateescape")
            data, self._pending = self._pending[:size], self._pending[size:]
            return data
        read = getattr(self._file, "read1", None) or getattr(self._file, "read", None)
        if read is None:
            raise _refuse()
        data = read(size)
        # The buffer in guest memory bounds what can be taken, whatever the object gives.
        return None if data is None else bytes(data)[:size]

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        written = 0
        for buffer in buffers:
            size = len(buffer)
            count: int | None
            if self._text:
                self._file.write(self._decoder.decode(buffer))
                count = size
            else:
                count = self._file.write(bytes(buffer))
            # Many a write method gives nothing back; what it says is not believed past the size.
            taken = size if count is None else max(0, min(count, size))
            written += taken
            if taken < size:
                break
        return written

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self.flush()

    def flush(self) -> None:
        """Flush the file, where it can be."""
        flush = getattr(self._file, "flush", None)
        if flush is not None and not getattr(self._file, "closed", False):
            flush()


class CallbackStream:
    """Calls a function with each piece of output, as `bytes`."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[bytes], object]) -> None:
        self._function = function

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        raise _refuse()

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        data = b"".join(buffers)
        self._function(data)
        return len(data)

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


StreamInput = str | bytes | bytearray | memoryview | int | IO[Any] | Stream | None
StreamOutput = str | int | IO[Any] | Callable[[bytes], object] | Stream | None


def input_stream(source: StreamInput) -> Stream:
    """The stream for a guest's standard input.

    `source`: None or "null" (empty), "inherit", bytes-like (is fed), an int (a host descriptor,
    left open, or `subprocess.DEVNULL`), a file-like object, or a `Stream`. TypeError for anything
    else; text is refused because a word can't be told from input: pass `text.encode()`.
    """
    if isinstance(source, int) and source < 0:
        source = _SUBPROCESS_NAMES.get(source, str(source))
    if source is None or source == "null":
        return NullStream()
    if source == "inherit":
        return _inherit(sys.stdin, 0)
    if isinstance(source, bytes | bytearray | memoryview):
        return FileStream(io.BytesIO(source))
    if isinstance(source, int):
        return HostStream(source)
    if isinstance(source, Stream):
        return source
    if hasattr(source, "read"):
        return FileStream(source)
    raise TypeError(
        "stdin must be bytes, a file object, a file descriptor, 'inherit' or 'null', "
        f"not {source!r:.60}"
    )


def output_stream(target: StreamOutput, limit: int, which: str = "stdout") -> Stream:
    """The stream for a guest's standard output or error (`which` names it in messages).

    `target`: None or "capture" (kept, at most `limit` bytes), "inherit", "null", an int (a host
    descriptor, left open, or `subprocess.PIPE` and `DEVNULL`), a file-like object, a function
    that takes `bytes`, or a `Stream`. TypeError for anything else.
    """
    if isinstance(target, int) and target < 0:
        target = _SUBPROCESS_NAMES.get(target, str(target))
    if target is None or target == "capture":
        return CaptureStream(limit)
    if target == "null":
        return NullStream()
    if target == "inherit":
        return _inherit(*((sys.stderr, 2) if which == "stderr" else (sys.stdout, 1)))
    if isinstance(target, int):
        return HostStream(target)
    if isinstance(target, Stream):
        return target
    if not isinstance(target, str):
        if hasattr(target, "write"):
            return FileStream(target)
        if callable(target):
            return CallbackStream(target)
    raise TypeError(
        f"{which} must be a file object, a file descriptor, a function, 'inherit', 'capture' "
        f"or 'null', not {target!r:.60}"
    )


def _inherit(file: Any, fd: int) -> Stream:
    """The host's own stream: its descriptor if it still has that one, else the Python object.

    In notebooks, tests and GUI programs `sys.stdout` is not a descriptor.
    """
    if file is None:
        return NullStream()
    try:
        number = file.fileno()
    except (AttributeError, OSError, ValueError):
        return FileStream(file)
    if fd != 0:
        file.flush()  # what Python wrote before comes before
    return HostStream(number)
