"""Modules that arrive as a stream: where bytes come from, and what happens to them meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from wasmwright import tuning
from wasmwright.api.module import refuse_ahead, wat2wasm
from wasmwright.binary.decode import decode
from wasmwright.binary.preamble import is_text
from wasmwright.binary.reader import too_many
from wasmwright.codegen.options import Options
from wasmwright.model.module import Module
from wasmwright.validate.module import validate
from wasmwright.validate.stream import StreamChecker

if TYPE_CHECKING:
    from wasmwright.runtime.code import ModuleCode
    from wasmwright.runtime.stream import StreamCompiler

_BEGINNING = 8  # bytes that tell a module from machine code, and from most texts
_BLANK = 4096  # bytes of white space before which a text must begin

Piece = bytes | bytearray | memoryview


class Readable(Protocol):
    """A binary file, for one."""

    def read(self, size: int, /) -> bytes | None: ...


class Receiving(Protocol):
    """A socket, for one."""

    def recv(self, size: int, /) -> bytes: ...


class AsyncReadable(Protocol):
    """An ``asyncio.StreamReader``, for one."""

    def read(self, size: int, /) -> Awaitable[bytes]: ...


ByteStream = Readable | Receiving | Iterable[Piece]
AsyncByteStream = AsyncReadable | AsyncIterable[Piece]


def pieces(source: ByteStream) -> Iterator[bytes]:
    """The bytes of a stream as they come; TypeError for what is none."""
    size = tuning.STREAM_PIECE
    if isinstance(source, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"{type(source).__name__} is no stream of bytes: use Module")
    any_source: Any = source
    # `read1` gives what has come, where `read` waits until it is as much as asked for.
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    read = read or getattr(source, "recv", None)
    if read is None:
        try:
            iterator = iter(any_source)
        except TypeError:
            raise TypeError(
                "a stream has read() or recv(), or iterates over bytes; "
                f"{type(source).__name__} does not"
            ) from None
        for piece in iterator:
            yield _checked(piece)
        return
    while True:
        piece = read(size)
        if piece is None:
            raise BlockingIOError("the stream does not block, and has nothing to read now")
        if not _checked(piece):
            return
        yield _checked(piece)


async def async_pieces(source: AsyncByteStream) -> AsyncIterator[bytes]:
    """The same of an asynchronous stream."""
    any_source: Any = source
    # Before iteration, since a StreamReader iterates over lines.
    read = getattr(source, "read", None)
    if read is not None:
        while piece := _checked(await read(tuning.STREAM_PIECE)):
            yield piece
    elif hasattr(source, "__aiter__"):
        async for piece in any_source:
            yield _checked(piece)
    else:
        raise TypeError(
            "an asynchronous stream has a coroutine read(), or iterates asynchronously over "
            f"bytes; {type(source).__name__} does not"
        )


def _checked(piece: object) -> bytes:
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, (bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"a stream of bytes gave {type(piece).__name__}; is it open in text mode?")


class Arriving:
    """A module of which some bytes have come. Leaving its ``with`` ends what it began."""

    def __init__(self, options: Options, compiles: bool, jobs: int | None, most: int) -> None:
        self.options = options
        self.compiles = compiles
        self._jobs = jobs
        self._most = most
        self._checker = StreamChecker(options.features, most)
        self._compiler: StreamCompiler | None = None
        # The first bytes, until they are enough to tell what they are of; all, of a text.
        self._beginning: bytearray | None = bytearray()
        self._text = False

    def __enter__(self) -> Self:
        if self.compiles:
            # Only now: checking a module needs nothing of what runs one.
            from wasmwright.runtime.jobs import job_count
            from wasmwright.runtime.stream import StreamCompiler

            guard = self.options.guard is not False
            count = job_count(self._jobs)
            self._compiler = StreamCompiler(self._checker, guard, self.options, count)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._compiler is not None:
            self._compiler.stop()

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes; raises what is wrong with them."""
        if self._beginning is None:
            self._check(piece)
            return
        self._beginning += piece
        if len(self._beginning) > self._most:
            raise too_many("bytes", len(self._beginning), self._most, "of a stream", 0)
        if self._text or len(self._beginning) < _BEGINNING:
            return
        begun = bytes(self._beginning)
        self._text = is_text(begun)
        blank = len(begun) < _BLANK and not begun.strip()
        if not self._text and not blank:
            self._begin(begun)

    def _begin(self, begun: bytes) -> None:
        refuse_ahead(begun)
        self._beginning = None
        self._check(begun)

    def _check(self, piece: bytes) -> None:
        self._checker.feed(piece)
        if self._compiler is not None:
            self._compiler.advance()

    def finish(self) -> Module:
        """The module, which is valid."""
        begun = self._beginning
        if begun is not None:
            if is_text(bytes(begun)):
                module = decode(wat2wasm(bytes(begun)), self.options.features)
                validate(module, self.options.features)
                return module
            self._begin(bytes(begun))
        return self._checker.finish()

    def give(self, code: ModuleCode) -> None:
        """Gives ``code`` all its functions, those that are not compiled yet compiled now."""
        assert self._compiler is not None
        self._compiler.finish(code)
        code.compile_all(self._jobs)
