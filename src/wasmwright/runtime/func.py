"""Functions as Python sees them: exported functions, and host functions given to wasm.

An exported function is an object of the native ``Func`` type: calling it runs an entry stub. What
it knows of itself is a :class:`FuncInfo`, which keeps its instance alive. A host function is a
context of its own with one funcref record, so compiled code calls it like any other.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from wasmwright.codegen import abi
from wasmwright.codegen.heap_layout import is_traced
from wasmwright.codegen.llvm import native as ir
from wasmwright.codegen.llvm import stub_values
from wasmwright.model import types
from wasmwright.model.canon import CANON
from wasmwright.model.types import FuncType
from wasmwright.runtime import heap_types, native, native_types, references
from wasmwright.runtime.block import Block

if TYPE_CHECKING:
    import inspect


class FuncInfo:
    """What a function object knows: its type, its index and what owns its code."""

    __slots__ = ("func_type", "index", "owner")

    def __init__(self, func_type: FuncType, index: int, owner: references.Owner) -> None:
        self.func_type = func_type
        self.index = index
        self.owner = owner

    @property
    def name(self) -> str:
        """What the module calls it; read from there when somebody asks."""
        return self.owner.func_name(self.index)


def make(record: int, info: FuncInfo) -> Any:
    """A function object for a funcref record that ``info.owner`` holds."""
    core = native.get()
    core.watch_signals()
    canonical = CANON.comps[native.read32(record + abi.FUNCREF_TYPE)]
    assert isinstance(canonical, FuncType)
    entry, _ = core.stubs.find(stub_values.signature_key(canonical, CANON.kinds))
    return core.new_func(entry, record, info)


class HostFunction:
    """A Python callable as a wasm function."""

    def __init__(self, func_type: FuncType, callable_: Callable[..., Any], type_id: int) -> None:
        core = native.get()
        canonical = CANON.comps[type_id]
        assert isinstance(canonical, FuncType)
        _, stub = core.stubs.find(stub_values.signature_key(canonical, CANON.kinds))
        self.func_type = func_type
        self.callable = callable_
        # The context and, behind it, the one funcref record.
        self._memory = ctypes.create_string_buffer(ir.HOST_SIZE + abi.FUNCREF_SIZE)
        self.context = ctypes.addressof(self._memory)
        self.record = self.context + ir.HOST_SIZE
        self._kept: set[object] = set()
        native.write64(self.context + ir.HOST_CALLABLE, id(callable_))
        native.write64(self.record + abi.FUNCREF_CODE, stub)
        native.write64(self.record + abi.FUNCREF_CTX, self.context)
        native.write64(self.record + abi.FUNCREF_TYPE, type_id)
        if CANON.depths[type_id]:
            native.write64(self.record + abi.FUNCREF_RTT, heap_types.func_rtt(type_id))
        self._wrapper: weakref.ref[Any] | None = None
        self._entry = references.owners.enter(self.context, self)
        Block().add(self)
        if any(is_traced(each, CANON.kinds) for each in canonical.params + canonical.results):
            self.block.need_heap()

    def set_block(self, block: Block) -> None:
        """Implements Member."""
        self.block = block
        native.write64(self.context + abi.CTX_RT, block.address)

    def keep(self, other: object) -> None:
        """Implements Owner."""
        self._kept.add(other)

    def wrap(self, record: int) -> Any:
        """Implements Owner: the function object that calls the Python callable through wasm."""
        found = self._wrapper() if self._wrapper is not None else None
        if found is None:
            found = make(record, FuncInfo(self.func_type, 0, self))
            self._wrapper = weakref.ref(found)
        return found

    def func_name(self, index: int) -> str:
        """Implements Owner."""
        found: str = getattr(self.callable, "__name__", "host function")
        return found


def _signature(func: Any) -> inspect.Signature:
    import inspect

    info: FuncInfo = func._info
    kinds = {types.F32: float, types.F64: float, types.I32: int, types.I64: int, types.V128: bytes}
    parameters = [
        inspect.Parameter(
            f"p{i}", inspect.Parameter.POSITIONAL_ONLY, annotation=kinds.get(kind, object)
        )
        for i, kind in enumerate(info.func_type.params)
    ]
    parameters.append(
        inspect.Parameter(
            "timeout",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=float | None,
        )
    )
    results = [kinds.get(kind, object) for kind in info.func_type.results]
    result: Any = None
    if len(results) == 1:
        result = results[0]
    elif results:
        result = tuple[tuple(results)]  # type: ignore[misc]
    return inspect.Signature(parameters, return_annotation=result)


def _describe(func_type: Any) -> None:
    """Gives the native function type its attributes; on the type itself, where they are free."""

    def info_of(func: Any) -> FuncInfo:
        info: FuncInfo = func._info
        return info

    func_type.__name__ = "Func"
    func_type.__doc__ = (
        "A wasm function; call it with Python values of its parameters' types. With timeout=, a "
        "number of seconds, a call that lasts longer is stopped with InterruptError."
    )
    func_type.name = property(lambda func: info_of(func).name, doc="What the module calls it.")
    func_type.__signature__ = property(_signature)
    func_type.type = property(
        lambda func: info_of(func).func_type, doc="Its parameter and result types."
    )

    def show(func: Any) -> str:
        info = info_of(func)
        return f"<wasmwright.Func {info.name} {info.func_type}>"

    def refuse(func: Any) -> NoReturn:
        raise TypeError("a wasm function can be neither copied nor pickled; pickle its module")

    func_type.__repr__ = show
    func_type.__reduce__ = refuse


_describe(native_types.func_type)
