"""Host sockets that a guest was handed, as streams with what sockets can do besides.

Preview 1 has no way to make a socket or to name an address: a guest can use what it was given,
and accept from a listening socket. All operations are non-blocking here; the calls do the waiting.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from wasmwright.wasi.abi import Filetype


class SocketStream:
    """A socket of the host, through a descriptor of its own: closing it leaves the host's open."""

    __slots__ = ("__weakref__", "_socket")

    def __init__(self, sock: socket.socket) -> None:
        if not isinstance(sock, socket.socket):
            raise TypeError(f"a socket must be a socket.socket, not {type(sock).__name__}")
        if hasattr(sock, "do_handshake"):
            raise TypeError("a TLS socket can't be handed over: a guest would write past the TLS")
        # SOCK_NONBLOCK: Python's object is not to wait either, nor to change the blocking mode,
        # which both descriptors share.
        kind = sock.type | socket.SOCK_NONBLOCK
        fd = os.dup(sock.fileno())
        try:
            self._socket = socket.socket(sock.family, kind, sock.proto, fileno=fd)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def adopt(cls, sock: socket.socket) -> SocketStream:
        """Take over a socket that nobody else has."""
        self = cls.__new__(cls)
        self._socket = sock
        return self

    @property
    def filetype(self) -> Filetype:
        is_stream = self._socket.type == socket.SOCK_STREAM
        return Filetype.SOCKET_STREAM if is_stream else Filetype.SOCKET_DGRAM

    @property
    def listening(self) -> bool:
        """Whether it waits for connections; False as well where the host can't tell."""
        try:
            return bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        except (AttributeError, OSError):
            return False

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        return self.receive(buffers, peek=False)[0]

    def receive(self, buffers: Sequence[memoryview], *, peek: bool) -> tuple[int, bool]:
        """Fill `buffers` with what is there; gives how many bytes, and if a datagram was cut."""
        flags = socket.MSG_DONTWAIT | (socket.MSG_PEEK if peek else 0)
        # No room for ancillary data: descriptors that the peer sends along are closed.
        count, _, got, _ = self._socket.recvmsg_into(buffers, 0, flags)
        return count, bool(got & socket.MSG_TRUNC)

    def write_from(self, buffers: Sequence[memoryview]) -> int:
        return self._socket.sendmsg(buffers, [], socket.MSG_DONTWAIT)

    def accept(self) -> SocketStream:
        """The next connection."""
        connection, _ = self._socket.accept()
        connection.settimeout(0)
        return SocketStream.adopt(connection)

    def shutdown(self, *, receive: bool, send: bool) -> None:
        """End one direction or both."""
        both = socket.SHUT_RDWR if receive else socket.SHUT_WR
        self._socket.shutdown(both if send else socket.SHUT_RD)

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
