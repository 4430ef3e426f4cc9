"""``Module.from_stream`` and ``from_stream_async``: sources, errors, and compiling meanwhile."""

import asyncio
import gc
import io
import socket
import threading
from pathlib import Path

import pytest

import wasmwright as ww
from wasmwright import tuning

PROGRAM = Path(__file__).parents[2] / "bench" / "programs" / "wasm" / "nbody.wasm"
ADD = ww.wat2wasm(
    '(module (memory 1) (data $d "xyz") (func (export "add") (param i32 i32) (result i32)'
    " (data.drop $d) (i32.add (local.get 0) (local.get 1))))"
)


def add(module):
    return ww.Instance(module).exports.add(2, 3)


class OnlyRead:
    """A source that gives a few bytes at a time."""

    def __init__(self, data, size=3):
        self.data = io.BytesIO(data)
        self.size = size

    def read(self, size):
        return self.data.read(min(size, self.size))


@pytest.mark.parametrize(
    "source",
    [
        io.BytesIO(ADD),
        OnlyRead(ADD),
        [ADD[:5], ADD[5:6], b"", bytearray(ADD[6:20]), memoryview(ADD)[20:]],
        (ADD[i : i + 1] for i in range(len(ADD))),
    ],
    ids=["file", "read", "list", "generator"],
)
def test_sources(source):
    assert add(ww.Module.from_stream(source)) == 5


def test_a_file_on_disk():
    with PROGRAM.open("rb") as file:
        module = ww.Module.from_stream(file)
    assert module.model == ww.Module(PROGRAM).model


def test_a_socket():
    ours, theirs = socket.socketpair()

    def send():
        for byte in ADD:
            theirs.send(bytes((byte,)))
        theirs.close()

    thread = threading.Thread(target=send)
    thread.start()
    with ours:
        assert add(ww.Module.from_stream(ours)) == 5
    thread.join()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"\0asm", "bytes is no stream of bytes: use Module"),
        ("(module)", "str is no stream"),
        (7, r"has read\(\) or recv\(\), or iterates over bytes; int does not"),
        (io.StringIO("(module)"), "gave str; is it open in text mode"),
        ([1, 2], "gave int"),
    ],
)
def test_what_is_no_stream_of_bytes(source, message):
    with pytest.raises(TypeError, match=message):
        ww.Module.from_stream(source)


def test_a_stream_that_has_nothing_now():
    class Nothing:
        def read(self, size):
            return None

    with pytest.raises(BlockingIOError):
        ww.Module.from_stream(Nothing())


TEXT = b'\n  ;; a comment (not a form)\n(module (func (export "add") (param i32 i32)'
TEXT += b"(result i32) (i32.add (local.get 0) (local.get 1))))"


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_text(size):
    pieces = (TEXT[i : i + size] for i in range(0, len(TEXT), size))
    assert add(ww.Module.from_stream(pieces, compile=True)) == 5


@pytest.mark.parametrize("data", [b"", b"\0as", b"\0asm\1\0\0", b"text", b"(module", b" " * 5000])
def test_short_and_wrong_beginnings_are_told_as_of_the_whole(data):
    with pytest.raises(ww.MalformedError) as expected:
        ww.Module(data)
    with pytest.raises(ww.MalformedError) as found:
        ww.Module.from_stream([data[i : i + 1] for i in range(len(data))])
    assert str(found.value) == str(expected.value)


def test_machine_code_is_refused():
    made = ww.Module(ADD).serialize()
    with pytest.raises(ww.MalformedError, match="machine code, compiled ahead of time"):
        ww.Module.from_stream([made])


def test_an_error_ends_the_reading():
    def source():
        yield b"\0asm\1\0\0\0\1\4\1\x61\0\0"
        raise AssertionError("read on")

    with pytest.raises(ww.MalformedError, match="malformed definition type"):
        ww.Module.from_stream(source())


def test_no_more_than_max_size_is_taken():
    def endless():
        yield ADD[:8]
        while True:
            yield b"\0\x7f\1a" + bytes(125)

    with pytest.raises(ww.InvalidError, match="too many bytes: 1040"):
        ww.Module.from_stream(endless(), max_size=1000)
    with pytest.raises(ww.InvalidError, match="too many bytes"):
        ww.Module.from_stream(iter(lambda: b" ", None), max_size=1000)


def test_an_error_of_the_source_comes_out_as_it_is():
    def source():
        yield ADD[:30]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        ww.Module.from_stream(source(), compile=True)
    assert gc.isenabled()


def test_options_reach_the_module():
    module = ww.Module.from_stream([ADD], fuel=True, guard=False)
    assert module.consumes_fuel
    with pytest.raises(ww.CompileError):
        ww.Module.from_stream([ADD], features=ww.features.WASM_1)


@pytest.mark.parametrize("counted", [True, False])
def test_everything_is_compiled_when_it_is_there(monkeypatch, counted):
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    monkeypatch.setattr(tuning, "EAGER_UNIT", 64)
    begun = []
    drop = "(data.drop $d)" if counted else ""
    functions = "".join(
        f'(func (export "f{i}") (param i32) (result i32) {drop}'
        f" (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))"
        f" (i32.add (call_indirect $t (result i32) (i32.const 0)) (i32.add (local.get 0)"
        f" (i32.const {i}))))"
        for i in range(40)
    )
    data = ww.wat2wasm(
        f'(module (memory 1) (data $d "xyz") (table $t 1 funcref) (elem $e func $seven)'
        f"(func $seven (result i32) (i32.const 700)) {functions})"
    )

    def source():
        for i in range(len(data)):
            yield data[i : i + 1]
        begun.append(1)

    module = ww.Module.from_stream(source(), compile=True, jobs=2)
    assert begun
    assert all(module.code(True)._compiled)
    exports = ww.Instance(module).exports
    assert [exports[f"f{i}"](2) for i in range(40)] == [702 + i for i in range(40)]
    assert gc.isenabled()


def test_a_reader_in_asyncio():
    async def main():
        reader = asyncio.StreamReader()

        async def send():
            for start in range(0, len(ADD), 10):
                reader.feed_data(ADD[start : start + 10])
                await asyncio.sleep(0)
            reader.feed_eof()

        sending = asyncio.create_task(send())
        module = await ww.Module.from_stream_async(reader)
        await sending
        return module

    assert add(asyncio.run(main())) == 5


def test_an_asynchronous_iterator_and_what_is_none():
    async def source():
        for start in range(0, len(ADD), 7):
            yield ADD[start : start + 7]

    assert add(asyncio.run(ww.Module.from_stream_async(source(), compile=True))) == 5
    with pytest.raises(TypeError, match="a coroutine read"):
        asyncio.run(ww.Module.from_stream_async([ADD]))


def test_a_cancelled_stream_ends():
    async def endless():
        yield ADD[:8]
        while True:
            yield b"\0\2\1a"
            await asyncio.sleep(0.01)

    async def main():
        task = asyncio.create_task(ww.Module.from_stream_async(endless(), compile=True))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert gc.isenabled()
