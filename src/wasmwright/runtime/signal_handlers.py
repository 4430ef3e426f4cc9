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


# Keeps the GIL, so that what it writes is read at once.
_sigaction: Final = ctypes.PyDLL(None).sigaction
_sigaction.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]

# What a signal's action is found to be.
_found: Final = _SigAction()
_found_at: Final = ctypes.addressof(_found)


class SignalHandlers:
    """``symbols`` has the handlers, ``state`` is the address of ``ww_state``."""

    def __init__(self, symbols: Mapping[str, int], state: int) -> None:
        self._symbols = symbols
        self._state = state

    def _install(self, number: int, name: str, handler_at: int, flags_at: int, more: int) -> None:
        address = self._symbols[name]
        _sigaction(number, None, _found_at)
        before, flags = _found.handler, _found.flags
        if before == address:
            return
        ctypes.c_uint64.from_address(self._state + handler_at).value = before or 0
        ctypes.c_uint64.from_address(self._state + flags_at).value = flags & 0xFFFFFFFF
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
            _sigaction(number, None, _found_at)
            if not _found.handler:
                new = _SigAction(self._symbols["ww_stop"], flags=_SA_SIGINFO | _SA_RESTART)
                _sigaction(number, ctypes.addressof(new), None)
                return int(number)
        raise RuntimeError("no signal is left for stopping wasm code")
