"""The `sock_*` functions of preview 1, on sockets that the host handed over."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wasmwright.wasi.abi import (
    FDFLAG_NONBLOCK,
    RECV_DATA_TRUNCATED,
    RECV_PEEK,
    RECV_WAITALL,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHT_SOCK_ACCEPT,
    RIGHT_SOCK_SHUTDOWN,
    SHUTDOWN_RECEIVE,
    SHUTDOWN_SEND,
    U16,
    U16_MASK,
    U32,
    Errno,
    Filetype,
    WasiError,
)
from wasmwright.wasi.descriptors import Descriptor
from wasmwright.wasi.hostcall import State, address, buffers_of, hostcall
from wasmwright.wasi.waiting import skip, when_ready, write_all

if TYPE_CHECKING:
    from wasmwright.wasi.sockets import SocketStream

_DATAGRAM = Filetype.SOCKET_DGRAM


class SockCalls:
    """Functions on sockets. Each returns an errno."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def _socket(self, fd: int, rights: int) -> tuple[Descriptor, SocketStream]:
        descriptor = self.state.table.get(fd)
        if descriptor.socket is None:
            raise WasiError(Errno.NOTSOCK)
        if rights & ~descriptor.rights:
            raise WasiError(Errno.NOTCAPABLE)
        return descriptor, descriptor.socket

    @hostcall
    def sock_accept(self, fd: int, flags: int, opened_fd: int) -> None:
        state = self.state
        flags &= U16_MASK
        descriptor, listener = self._socket(fd, RIGHT_SOCK_ACCEPT)
        if flags & ~FDFLAG_NONBLOCK:
            raise WasiError(Errno.INVAL)
        if not listener.listening:
            raise WasiError(Errno.INVAL)
        state.table.check_room()
        view = state.view()
        result = address(view, opened_fd, 4)
        stream = when_ready(
            self.state, descriptor, listener, select.POLLIN, listener.accept, may_block=True
        )
        connection = Descriptor(descriptor.inheriting, flags=flags, socket=stream)
        U32.pack_into(view, result, state.table.add(connection))

    @hostcall
    def sock_recv(
        self, fd: int, ri_data: int, ri_data_len: int, ri_flags: int, nread: int, ro_flags: int
    ) -> None:
        ri_flags &= U16_MASK
        descriptor, stream = self._socket(fd, RIGHT_FD_READ)
        if ri_flags & ~(RECV_PEEK | RECV_WAITALL):
            raise WasiError(Errno.INVAL)
        view = self.state.view()
        nread = address(view, nread, 4)
        ro_flags = address(view, ro_flags, 2)
        buffers = buffers_of(view, ri_data, ri_data_len)
        count, cut = self._receive(descriptor, stream, buffers, ri_flags) if buffers else (0, False)
        U32.pack_into(view, nread, count)
        U16.pack_into(view, ro_flags, RECV_DATA_TRUNCATED if cut else 0)

    def _receive(
        self,
        descriptor: Descriptor,
        stream: SocketStream,
        buffers: Sequence[memoryview],
        ri_flags: int,
    ) -> tuple[int, bool]:
        peek = bool(ri_flags & RECV_PEEK)
        fill = bool(ri_flags & RECV_WAITALL) and not peek and stream.filetype is not _DATAGRAM
        received = 0
        while True:
            wanted = buffers
            try:
                count, cut = when_ready(
                    self.state,
                    descriptor,
                    stream,
                    select.POLLIN,
                    lambda: stream.receive(wanted, peek=peek),  # noqa: B023 - called at once
                    may_block=False,
                )
            except (OSError, WasiError):
                if received:
                    return received, False
                raise
            received += count
            buffers = skip(buffers, count)
            if not count or not fill or not buffers:
                return received, cut

    @hostcall
    def sock_send(
        self, fd: int, si_data: int, si_data_len: int, si_flags: int, nwritten: int
    ) -> None:
        descriptor, stream = self._socket(fd, RIGHT_FD_WRITE)
        if si_flags & U16_MASK:
            raise WasiError(Errno.INVAL)
        view = self.state.view()
        result = address(view, nwritten, 4)
        buffers = buffers_of(view, si_data, si_data_len)
        U32.pack_into(view, result, write_all(self.state, descriptor, stream, buffers))

    @hostcall
    def sock_shutdown(self, fd: int, how: int) -> None:
        _, stream = self._socket(fd, RIGHT_SOCK_SHUTDOWN)
        if not how or how & ~(SHUTDOWN_RECEIVE | SHUTDOWN_SEND):
            raise WasiError(Errno.INVAL)
        stream.shutdown(receive=bool(how & SHUTDOWN_RECEIVE), send=bool(how & SHUTDOWN_SEND))
