"""Our handlers of signals, in front of whoever else has them."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import signal
import threading
from collections.abc import Mapping
from typing import Final

from wasmwright.codegen.llvm import native as ir

_SA_SIGINFO: Final = 4
_SA_ONSTACK: Final = 0x08000000
_SA_NODEFER: Final = 0x40000000
_SA_RESTART: Final = 0x10000000


class _SigAction(ctypes.Structure):
    """glibc's struct sigaction, of 64 bits."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_sigaction: Final = ctypes.PyDLL(None).sigaction  # quick: the GIL need not be given up
_sigaction.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


def _action(number: int) -> _SigAction:
    found = _SigAction()
    _sigaction(number, None, ctypes.addressof(found))
    return found


# To look whether a signal is ours already, without making anything. Another thread may look into it
# at the same time: what it says then is another signal's, which has none of the same handlers.
_seen: Final = _SigAction()
_seen_at: Final = ctypes.addressof(_seen)


class SignalHandlers:
    """``symbols`` has the handlers, ``state`` is the address of ``ww_state``."""

    def __init__(self, symbols: Mapping[str, int], state: int) -> None:
        self._symbols = symbols
        self._state = state

    def _install(self, number: int, name: str, handler_at: int, flags_at: int, more: int) -> None:
        address = self._symbols[name]
        _sigaction(number, None, _seen_at)
        if _seen.handler == address:
            return
        old = _action(number)
        if old.handler == address:
            return
        ctypes.c_uint64.from_address(self._state + handler_at).value = old.handler or 0
        ctypes.c_uint64.from_address(self._state + flags_at).value = old.flags & 0xFFFFFFFF
        # NODEFER: the handler leaves by longjmp, which does not restore the signal mask.
        new = _SigAction(address, flags=_SA_SIGINFO | _SA_NODEFER | more)
        _sigaction(number, ctypes.addressof(new), None)

    def watch(self) -> None:
        """Those of faults and of Ctrl-C, the latter if Python handles it and in the main thread."""
        fault = ir.STATE_FAULT_HANDLER, ir.STATE_FAULT_FLAGS
        self._install(signal.SIGSEGV, "ww_fault", *fault, _SA_ONSTACK)
        if threading.get_ident() != threading.main_thread().ident:
            return
        if callable(_signal.getsignal(signal.SIGINT)):  # (`signal`'s own looks for a name first)
            # On the stack of the thread: it runs Python's handlers, for which faulthandler's
            # alternate one is too small.
            interrupt = ir.STATE_INTERRUPT_HANDLER, ir.STATE_INTERRUPT_FLAGS
            self._install(signal.SIGINT, "ww_interrupt", *interrupt, 0)

    def watch_aborts(self) -> None:
        """That of SIGABRT, which is LLVM's where a thread is under the guard."""
        abort = ir.STATE_ABORT_HANDLER, ir.STATE_ABORT_FLAGS
        self._install(signal.SIGABRT, "ww_abort", *abort, _SA_ONSTACK)

    def install_stop(self) -> int:
        """Puts ours on a signal that nobody has, and gives its number."""
        # Nothing sends SIGSTKFLT any more; and a signal that is pending already is not queued
        # again, as real-time signals would be.
        for number in (signal.SIGSTKFLT, *range(signal.SIGRTMAX - 2, signal.SIGRTMIN, -1)):
            if not _action(number).handler:
                new = _SigAction(self._symbols["ww_stop"], flags=_SA_SIGINFO | _SA_RESTART)
                _sigaction(number, ctypes.addressof(new), None)
                return int(number)
        raise RuntimeError("no signal is left for stopping wasm code")
