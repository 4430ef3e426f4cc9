"""The `sock_*` functions of preview 1, on sockets that the host handed over."""

from __future__ import annotations

import select

from wasmwright.wasi.abi import (
    FDFLAG_NONBLOCK,
    RECV_DATA_TRUNCATED,
    RECV_PEEK,
    RECV_WAITALL,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHT_SOCK_ACCEPT,
    RIGHT_SOCK_SHUTDOWN,
    RIGHTS_SOCKET,
    SHUTDOWN_RECEIVE,
    SHUTDOWN_SEND,
    U16,
    U16_MASK,
    U32,
    Errno,
    WasiError,
)
from wasmwright.wasi.descriptors import Descriptor
from wasmwright.wasi.hostcall import State, address, buffers_of, hostcall
from wasmwright.wasi.sockets import SocketStream
from wasmwright.wasi.waiting import write_all


class SockCalls:
    """Functions on sockets. Each returns an errno."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def _socket(self, fd: int, rights: int) -> tuple[Descriptor, SocketStream]:
        descriptor = self.state.table.get(fd)
        if not isinstance(descriptor.stream, SocketStream):
            raise WasiError(Errno.NOTSOCK)
        if rights & ~descriptor.rights:
            raise WasiError(Errno.NOTCAPABLE)
        return descriptor, descriptor.stream

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
        address(state.view(), opened_fd, 4)
        state.await_ready(descriptor, select.POLLIN)
        connection = Descriptor(
            RIGHTS_SOCKET & descriptor.inheriting, flags=flags, stream=listener.accept()
        )
        U32.pack_into(state.view(), opened_fd & U32_MASK, state.table.add(connection))

    @hostcall
    def sock_recv(
        self, fd: int, ri_data: int, ri_data_len: int, ri_flags: int, nread: int, ro_flags: int
    ) -> None:
        state = self.state
        ri_flags &= U16_MASK
        descriptor, stream = self._socket(fd, RIGHT_FD_READ)
        if ri_flags & ~(RECV_PEEK | RECV_WAITALL):
            raise WasiError(Errno.INVAL)
        view = state.view()
        address(view, nread, 4)
        address(view, ro_flags, 2)
        buffers = buffers_of(view, ri_data, ri_data_len)
