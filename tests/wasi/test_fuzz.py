"""Any call with any arguments gives an errno or ends the guest, and stays inside."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from wasmwright.wasi import (
    Errno,
    Exit,
    FixedClocks,
    MemoryDirectory,
    OverlayDirectory,
    Preview1,
    SeededRandom,
    ZipDirectory,
)
from wasmwright.wasi.abi import MODULE, MODULE_UNSTABLE, SIGNATURES

SIZE = 65536

# No sizes between what a test may allocate and what no disk has.
i32 = st.one_of(
    st.integers(0, 16),
    st.integers(0, SIZE + 16),
    st.integers(-(1 << 31), -(1 << 31) + 8),
    st.integers(-16, -1),
)
i64 = st.one_of(st.integers(0, SIZE), st.integers(-8, -1), st.integers(1 << 60, (1 << 63) - 1))
CALLS = st.one_of(
    *(
        st.tuples(
            st.sampled_from([MODULE, MODULE_UNSTABLE]),
            st.just(name),
            st.tuples(*(i32 if kind == "i32" else i64 for kind in params)),
        )
        for name, (params, _) in sorted(SIGNATURES.items())
    )
)


def archive() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("f", b"x" * 1000)
        file.writestr("d/a", b"")
    return buffer.getvalue()


ARCHIVE = archive()


def prepare(memory: bytearray) -> None:
    """Put paths, buffers and subscriptions where small pointers find them."""
    for at, text in enumerate((b"f", b"d", b"l", b"..", b"d/../g", b"out", b"d/h", b"a")):
        memory[at * 2 : at * 2 + len(text)] = text
    for index in range(64):
        struct.pack_into("<II", memory, 64 + 8 * index, 1024 + index, index)


@settings(max_examples=150, deadline=None)
@given(st.lists(CALLS, min_size=1, max_size=30))
def test_no_call_raises_or_leaks(calls: list[tuple[str, str, tuple[int, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        outside = Path(name)
        root = outside / "root"
        (root / "d").mkdir(parents=True)
        (root / "f").write_bytes(b"x" * 1000)
        (root / "l").symlink_to("d")
        (root / "out").symlink_to("../secret")
        (outside / "secret").write_text("secret")
        other, ended = socket.socketpair()
        other.close()
        before = len(os.listdir("/proc/self/fd"))
        memory = bytearray(SIZE)
        prepare(memory)
        with Preview1(
            ["prog", "arg"],
            {"K": "V"},
            stdin=b"input" * 100,
            dirs={
                "/": root,
                "/memory": MemoryDirectory({"f": b"x", "d": {}}, max_bytes=1 << 20, max_names=20),
                "/overlay": OverlayDirectory(root, max_bytes=1 << 20, max_names=20),
                "/zip": ZipDirectory(ARCHIVE),
            },
            sockets=[ended],
            clocks=FixedClocks(),
            random=SeededRandom(),
            output_limit=1 << 16,
            max_descriptors=20,
        ) as wasi:
            wasi.bind(memory)
            functions = wasi.imports()
            for module, function, args in calls:
                try:
                    assert Errno(functions[module][function](*args)) in Errno
                except Exit:
                    assert function in ("proc_exit", "proc_raise")
        assert len(os.listdir("/proc/self/fd")) == before
        ended.close()
        assert sorted(os.listdir(outside)) == ["root", "secret"]
        assert (outside / "secret").read_text() == "secret"
