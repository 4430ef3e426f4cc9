from __future__ import annotations

import array
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, Filetype
from wasmwright.wasi.abi import (
    FDFLAG_NONBLOCK,
    RECV_DATA_TRUNCATED,
    RECV_PEEK,
    RECV_WAITALL,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHT_SOCK_ACCEPT,
    RIGHT_SOCK_SHUTDOWN,
)

OUT, FLAGS, IOVS, DATA = 8, 12, 64, 16384

Make = Callable[..., Any]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The host's end and the one for a guest."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def receive(guest: Any, fd: int, size: int, flags: int = 0) -> tuple[bytes, int]:
    guest.ok("sock_recv", fd, *guest.iovs((DATA, size)), flags, OUT, FLAGS)
    return bytes(guest.memory[DATA : DATA + guest.u32()]), guest.u32(FLAGS) & 0xFFFF


def send(guest: Any, fd: int, data: bytes) -> int:
    guest.ok("sock_send", fd, *guest.iovs(guest.put(data, DATA)), 0, OUT)
    return guest.u32()


def later(function: Callable[[], object], seconds: float = 0.1) -> threading.Timer:
    timer = threading.Timer(seconds, function)
    timer.start()
    return timer


# -- connected ---------------------------------------------------------------------------


def test_a_connected_socket_reads_and_writes(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    assert send(guest, 3, b"from the guest") == 14
    assert host.recv(100) == b"from the guest"
    host.sendall(b"to the guest")
    assert receive(guest, 3, 6) == (b"to the", 0)
    assert guest.read(3) == b" guest"  # fd_read is the same
    assert guest.write(3, b"!") == 1
    assert host.recv(100) == b"!"
    host.shutdown(socket.SHUT_WR)
    assert receive(guest, 3, 10) == (b"", 0)


def test_peeking_leaves_the_data(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    host.sendall(b"data")
    assert receive(guest, 3, 10, RECV_PEEK) == (b"data", 0)
    assert receive(guest, 3, 10, RECV_PEEK | RECV_WAITALL) == (b"data", 0)
    assert receive(guest, 3, 10) == (b"data", 0)


def test_waiting_for_all_waits_for_all(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    host.sendall(b"12")
    timer = later(lambda: host.sendall(b"3456"))
    guest.ok("sock_recv", 3, *guest.iovs((DATA, 3), (DATA + 3, 2)), RECV_WAITALL, OUT, FLAGS)
    assert guest.memory[DATA : DATA + 5] == b"12345"
    timer.join()
    later(host.close).join()
    assert receive(guest, 3, 10, RECV_WAITALL) == (b"6", 0)


def test_large_data_is_sent_whole_however_slow_the_other_end(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    got = bytearray()

    def drain() -> None:
        while len(got) < 6 * 40_000:
            time.sleep(0.001)
            got.extend(host.recv(8192))

    thread = threading.Thread(target=drain)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    thread.start()
    for _ in range(6):
        assert send(guest, 3, bytes(40_000)) == 40_000
    thread.join()
    assert got == bytes(240_000)


def test_datagrams_keep_their_borders_and_say_when_they_are_cut(make_guest: Make) -> None:
    host, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with host, theirs:
        guest = make_guest(sockets=[theirs])
        guest.ok("sock_send", 3, *guest.iovs(guest.put(b"ab", DATA), (DATA, 1)), 0, OUT)
        assert host.recv(100) == b"aba"
        host.send(b"12345")
        host.send(b"67")
        assert receive(guest, 3, 3) == (b"123", RECV_DATA_TRUNCATED)
        assert receive(guest, 3, 9, RECV_WAITALL) == (b"67", 0)
        guest.ok("fd_fdstat_get", 3, DATA)
        assert guest.memory[DATA] == Filetype.SOCKET_DGRAM


def test_shutting_down(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    for how in (0, 4, 7, -1):
        assert guest.call("sock_shutdown", 3, how) is Errno.INVAL
    guest.ok("sock_shutdown", 3, 2)
    assert host.recv(10) == b""
    host.sendall(b"still")
    assert receive(guest, 3, 9) == (b"still", 0)
    assert guest.call("sock_send", 3, *guest.iovs((DATA, 1)), 0, OUT) is Errno.PIPE
    guest.ok("sock_shutdown", 3, 3)
    assert receive(guest, 3, 9) == (b"", 0)


def test_nonblocking_sockets_say_again(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    guest.ok("fd_fdstat_set_flags", 3, FDFLAG_NONBLOCK)
    assert theirs.getblocking()  # the host's flag is the host's
    iovs = guest.iovs((DATA, 9))
    assert guest.call("sock_recv", 3, *iovs, 0, OUT, FLAGS) is Errno.AGAIN
    assert guest.call("fd_read", 3, *iovs, OUT) is Errno.AGAIN
    while guest.call("sock_send", 3, *guest.iovs((DATA, 40_000)), 0, OUT) is Errno.SUCCESS:
        pass
    assert guest.call("fd_write", 3, *iovs, OUT) is Errno.AGAIN
    host.sendall(b"x")
    assert receive(guest, 3, 9) == (b"x", 0)


@pytest.mark.parametrize("timeout", [None, 0, 0.01, 60])
def test_timeouts_of_the_host_are_the_hosts(
    make_guest: Make, pair: Any, timeout: float | None
) -> None:
    host, theirs = pair
    theirs.settimeout(timeout)
    before = os.get_blocking(theirs.fileno())
    socket.setdefaulttimeout(60)
    try:
        guest = make_guest(sockets=[theirs])
    finally:
        socket.setdefaulttimeout(None)
    timer = later(lambda: host.sendall(b"late"))
    assert receive(guest, 3, 9) == (b"late", 0)
    timer.join()
    assert os.get_blocking(theirs.fileno()) == before


def test_polling(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])

    def poll() -> tuple[int, ...]:
        guest.put(
            struct.pack("<QB7xI28x", 5, 1, 3) + struct.pack("<QB7xI4xQQH6x", 6, 0, 1, 10**7, 0, 0),
            2048,
        )
        guest.ok("poll_oneoff", 2048, 4096, 2, OUT)
        assert guest.u32() == 1
        return struct.unpack_from("<QHB5xQH6x", guest.memory, 4096)

    assert poll() == (6, 0, 0, 0, 0)
    host.sendall(b"123")
    assert poll() == (5, 0, 1, 3, 0)
    host.close()
    assert poll()[4] == 1  # hung up


def test_descriptors_that_the_peer_sends_are_dropped(make_guest: Make, pair: Any) -> None:
    host, theirs = pair
    guest = make_guest(sockets=[theirs])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        rights = array.array("i", [0, 1]).tobytes()
        host.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        assert receive(guest, 3, 9) == (b"x", 0)
        host.sendmsg([b"y"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        assert guest.read(3) == b"y"
    assert len(os.listdir("/proc/self/fd")) == before


# -- listening ---------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_connections_are_accepted(make_guest: Make, listener: socket.socket) -> None:
    guest = make_guest(sockets=[listener])
    for number in (4, 5):
        with socket.create_connection(listener.getsockname()) as client:
            guest.ok("sock_accept", 3, 0, OUT)
            assert guest.u32() == number
            client.sendall(b"hello")
            assert receive(guest, number, 9) == (b"hello", 0)
            send(guest, number, b"bye")
            assert client.recv(9) == b"bye"
            guest.ok("fd_fdstat_get", number, DATA)
            assert guest.memory[DATA] == Filetype.SOCKET_STREAM
            assert not guest.u64(DATA + 8) & RIGHT_SOCK_ACCEPT
            assert guest.call("sock_accept", number, 0, OUT) is Errno.NOTCAPABLE


def test_accepting_waits_for_a_client(make_guest: Make, listener: socket.socket) -> None:
    guest = make_guest(sockets=[listener])
    clients: list[socket.socket] = []
    timer = later(lambda: clients.append(socket.create_connection(listener.getsockname())))
    guest.ok("sock_accept", 3, FDFLAG_NONBLOCK, OUT)
    timer.join()
    assert guest.call("fd_read", 4, *guest.iovs((DATA, 9)), OUT) is Errno.AGAIN
    guest.ok("fd_fdstat_set_flags", 3, FDFLAG_NONBLOCK)
    assert guest.call("sock_accept", 3, 0, OUT) is Errno.AGAIN
    clients[0].close()


def test_accepted_sockets_are_closed_with_the_guest_and_the_hosts_are_not(
    make_guest: Make, listener: socket.socket, pair: Any
) -> None:
    guest = make_guest(sockets=[listener, pair[1]])
    with socket.create_connection(listener.getsockname()) as client:
        guest.ok("sock_accept", 3, 0, OUT)
        guest.ok("fd_close", 4)
        guest.wasi.close()
        assert client.recv(9) == b""
    assert listener.fileno() >= 0
    pair[1].sendall(b"still the host's")
    assert pair[0].recv(100) == b"still the host's"


def test_wrong_uses(make_guest: Make, listener: socket.socket, pair: Any) -> None:
    guest = make_guest(sockets=[listener, pair[1]], max_descriptors=5)
    iovs = guest.iovs((DATA, 9))
    assert guest.call("sock_accept", 4, 0, OUT) is Errno.INVAL  # does not listen
    assert guest.call("sock_accept", 3, 1, OUT) is Errno.INVAL
    assert guest.call("sock_accept", 3, 0, OUT) is Errno.MFILE
    assert guest.call("sock_recv", 3, *iovs, 0, OUT, FLAGS) is Errno.NOTCONN
    assert guest.call("sock_recv", 4, *iovs, 4, OUT, FLAGS) is Errno.INVAL
    assert guest.call("sock_send", 4, *iovs, 1, OUT) is Errno.INVAL
    assert guest.call("sock_recv", 4, *iovs, 0, -1, FLAGS) is Errno.FAULT
    assert guest.call("sock_recv", 4, *iovs, 0, OUT, -1) is Errno.FAULT
    assert guest.call("sock_recv", 4, -8, 2, 0, OUT, FLAGS) is Errno.FAULT
    assert guest.call("sock_send", 4, *iovs, 0, -2) is Errno.FAULT
    for call, args in (
        ("sock_accept", (0, OUT)),
        ("sock_recv", (*iovs, 0, OUT, FLAGS)),
        ("sock_send", (*iovs, 0, OUT)),
        ("sock_shutdown", (1,)),
    ):
        assert guest.call(call, 1, *args) is Errno.NOTSOCK
        assert guest.call(call, 77, *args) is Errno.BADF
    assert guest.call("fd_seek", 4, 0, 0, OUT) is Errno.SPIPE
    assert guest.call("fd_sync", 4) is Errno.INVAL


def test_rights_can_be_given_up(make_guest: Make, listener: socket.socket, pair: Any) -> None:
    guest = make_guest(sockets=[listener, pair[1]])
    iovs = guest.iovs((DATA, 9))
    for fd in (3, 4):
        guest.ok("fd_fdstat_set_rights", fd, 0, 0)
    assert guest.call("sock_accept", 3, 0, OUT) is Errno.NOTCAPABLE
    assert guest.call("sock_recv", 4, *iovs, 0, OUT, FLAGS) is Errno.NOTCAPABLE
    assert guest.call("sock_send", 4, *iovs, 0, OUT) is Errno.NOTCAPABLE
    assert guest.call("sock_shutdown", 4, 1) is Errno.NOTCAPABLE
    rights = RIGHT_FD_READ | RIGHT_FD_WRITE | RIGHT_SOCK_SHUTDOWN
    assert guest.call("fd_fdstat_set_rights", 4, rights, 0) is Errno.NOTCAPABLE


def test_directories_come_before_sockets(make_guest: Make, pair: Any, tmp_path: Path) -> None:
    guest = make_guest(dirs={"/": tmp_path, "/b": tmp_path}, sockets=[pair[1]])
    guest.ok("fd_prestat_get", 3, OUT)
    guest.ok("fd_prestat_get", 4, OUT)
    assert guest.call("fd_prestat_get", 5, OUT) is Errno.BADF
    assert send(guest, 5, b"x") == 1


def test_only_sockets_are_sockets(make_guest: Make, pair: Any) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TypeError, match=r"socket\.socket, not int"):
        make_guest(sockets=[pair[1].fileno()], dirs={"/": "/"})
    assert len(os.listdir("/proc/self/fd")) == before
    with (
        ssl.create_default_context().wrap_socket(
            socket.socket(), do_handshake_on_connect=False, server_hostname="x"
        ) as secure,
        pytest.raises(TypeError, match="past the TLS"),
    ):
        make_guest(sockets=[secure])
    pair[1].close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        make_guest(sockets=[pair[1]])


@pytest.mark.parametrize("call", ["sock_accept", "sock_recv", "sock_send"])
def test_waits_can_be_ended(
    make_guest: Make, listener: socket.socket, pair: Any, call: str
) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    guest = make_guest(sockets=[listener, pair[1]])
    guest.wasi.on_wait = stop
    arguments = {
        "sock_accept": (3, 0, OUT),
        "sock_recv": (4, *guest.iovs((DATA, 9)), 0, OUT, FLAGS),
        "sock_send": (4, *guest.iovs((DATA, 40_000)), 0, OUT),
    }

    def repeat() -> None:
        for _ in range(100):
            guest.ok(call, *arguments[call])

    with pytest.raises(Stop):
        repeat()
