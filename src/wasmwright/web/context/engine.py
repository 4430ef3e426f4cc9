"""QuickJS: contexts, and ArrayBuffers on memory that is not its own.

The package ``quickjs`` takes and gives numbers and texts. Buffers it has not, so they are reached by
the C functions that its extension module exports. Where its objects are not laid out as in the versions
that are known, this is noticed before anything is read, and buffers are refused.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

_TAG_OBJECT: Final = -1
# Sizes of the extension's types `Context` and `Object`, and where their fields are.
_CONTEXT_SIZE: Final = 80
_OBJECT_SIZE: Final = 40
_RUNTIME_AT: Final = 16
_CONTEXT_AT: Final = 24
_OWNER_AT: Final = 16
_VALUE_AT: Final = 24


class NoJavaScriptError(ImportError):
    """There is no JavaScript engine to embed."""


class ScriptError(Exception):
    """A script threw something: the text of it, and below that its stack."""


class _Value(ctypes.Structure):
    """A ``JSValue`` of a 64-bit build."""

    _fields_ = [("bits", ctypes.c_uint64), ("tag", ctypes.c_int64)]


class Engine:
    """One context of QuickJS."""

    def __init__(self, memory_limit: int | None) -> None:
        try:
            import quickjs
        except ImportError as error:
            raise NoJavaScriptError(
                "ww.js needs the package quickjs: pip install 'wasmwright[js]'"
            ) from error
        self._exception: type[Exception] = quickjs.JSException
        self._context: Any = quickjs.Context()
        if memory_limit is not None:
            self._context.set_memory_limit(memory_limit)
        self._native = _Native(self._context)
        self._buffer = self.eval("(holder) => holder.buffer")

    def eval(self, source: str) -> Any:
        """The value of a script, as the package gives it."""
        return self._context.eval(source)

    def run(self, source: str) -> None:
        """Runs a script. Raises ScriptError."""
        try:
            self._context.eval(source)
        except self._exception as error:
            raise ScriptError(str(error)) from error

    def add(self, name: str, function: Callable[..., Any]) -> None:
        """Makes a Python function a global one."""
        self._context.add_callable(name, function)

    def run_jobs(self) -> None:
        """Runs what promises put off, until there is no more."""
        while self._context.execute_pending_job():
            pass

    def read(self, buffer: Any, offset: int, length: int) -> bytes:
        """Bytes of an ArrayBuffer."""
        return self._native.read(buffer, offset, length)

    def buffer(self, holder: Any) -> Any:
        """What `detach` takes for an object that `share` gave a buffer."""
        return self._buffer(holder)

    def share(self, holder: Any, address: int, length: int) -> None:
        """Sets the property ``buffer`` of an object to an ArrayBuffer on this memory.

        The memory must stay where it is for as long as the context.
        """
        self._native.share(holder, address, length)

    def detach(self, buffer: Any) -> None:
        """Takes the memory away from a buffer that `share` made."""
        self._native.detach(buffer)


class _Native:
    """The C functions of QuickJS on one context."""

    def __init__(self, context: Any) -> None:
        import _quickjs

        self.problem: str | None = None
        self._owner = context
        probe = context.eval("new ArrayBuffer(1)")
        if (
            type(context).__basicsize__ != _CONTEXT_SIZE
            or type(probe).__basicsize__ != _OBJECT_SIZE
            or ctypes.sizeof(ctypes.c_void_p) != 8
            # Safe: the size says that the object goes this far.
            or _word(probe, _OWNER_AT) != id(context)
            or _word(probe, _VALUE_AT + 8) != _TAG_OBJECT & (1 << 64) - 1
        ):
            self.problem = "this version of the package quickjs is not known: no buffers"
            return
        try:
            library = ctypes.PyDLL(_quickjs.__file__)
            pointer, size = ctypes.c_void_p, ctypes.c_size_t
            self._get = library.JS_GetArrayBuffer
            self._get.argtypes, self._get.restype = [pointer, ctypes.POINTER(size), _Value], pointer
            self._new = library.JS_NewArrayBuffer
            self._new.argtypes = [pointer, pointer, size, pointer, pointer, ctypes.c_int]
            self._new.restype = _Value
            self._set = library.JS_SetPropertyStr
            self._set.argtypes = [pointer, _Value, ctypes.c_char_p, _Value]
            self._set.restype = ctypes.c_int
            self._detach = library.JS_DetachArrayBuffer
            self._detach.argtypes, self._detach.restype = [pointer, _Value], None
            runtime = library.JS_GetRuntime
            runtime.argtypes, runtime.restype = [pointer], pointer
        except AttributeError as error:
            self.problem = f"the package quickjs exports too little: {error}"
            return
        self._context = _word(context, _CONTEXT_AT)
        if runtime(self._context) != _word(context, _RUNTIME_AT):
            self.problem = "this version of the package quickjs is not known: no buffers"

    def _value(self, item: Any) -> _Value:
        """The JSValue of one of the package's objects, which keeps it alive."""
        if self.problem is not None:
            raise NotImplementedError(self.problem)
        # Safe: an `Object` of this context is laid out as __init__ checked.
        if type(item).__basicsize__ != _OBJECT_SIZE or _word(item, _OWNER_AT) != id(self._owner):
            raise TypeError("not an object of this JavaScript context")
        return _Value(_word(item, _VALUE_AT), _TAG_OBJECT)

    def _bytes(self, buffer: Any) -> tuple[int, int]:
        size = ctypes.c_size_t()
        address = self._get(self._context, ctypes.byref(size), self._value(buffer))
        return address or 0, size.value

    def read(self, buffer: Any, offset: int, length: int) -> bytes:
        address, size = self._bytes(buffer)
        if offset < 0 or length < 0 or offset + length > size:
            raise ValueError("the bytes are outside of the buffer")
        # Safe: QuickJS says that these bytes are the buffer's, and nothing runs in between.
        return ctypes.string_at(address + offset, length) if length else b""

    def share(self, holder: Any, address: int, length: int) -> None:
        value = self._value(holder)
        # Safe: the caller keeps the memory; without a function to free it, QuickJS only forgets it.
        buffer = self._new(self._context, address, length, None, None, 0)
        self._set(self._context, value, b"buffer", buffer)

    def detach(self, holder: Any) -> None:
        self._detach(self._context, self._value(holder))


def _word(item: Any, offset: int) -> int:
    """A word of a Python object; it must be that large."""
    return ctypes.c_uint64.from_address(id(item) + offset).value
