"""Linkers: imports by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wasmwright.api import Func as ApiFunc
from wasmwright.api import FuncType as ApiFuncType
from wasmwright.api import Instance as ApiInstance
from wasmwright.compat.wasmtime.config import Engine
from wasmwright.compat.wasmtime.errors import Closeable, Trap, WasmtimeError, WrongType
from wasmwright.compat.wasmtime.externs import Global, Memory, Table
from wasmwright.compat.wasmtime.func import Func, HostFunction
from wasmwright.compat.wasmtime.instance import Instance, InstancePre, Prepare, make
from wasmwright.compat.wasmtime.module import Module
from wasmwright.compat.wasmtime.store import Store, Storelike, store_of
from wasmwright.compat.wasmtime.types import (
    FuncType,
    GlobalType,
    ImportType,
    MemoryType,
    TableType,
    TagType,
    ValType,
)
from wasmwright.wasi import Preview1
from wasmwright.wasi.abi import MODULE, MODULE_UNSTABLE, SIGNATURES


class _WasiFunction:
    """A WASI function, which each instance gets from the store's own WASI host."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    @property
    def type(self) -> ApiFuncType:
        return ApiFuncType(*SIGNATURES[self.name])

    def of(self, system: Preview1) -> ApiFunc:
        """The function as an import."""
        return ApiFunc(self.type, system.imports()[self.module][self.name])

    def importable(self, store: Store) -> ApiFunc:
        """The function without an instance: it has no memory to work on."""
        return self.of(store.wasi_system())


class Linker(Closeable):
    """Definitions by module and name, from which modules get their imports."""

    def __init__(self, engine: Engine) -> None:
        if not isinstance(engine, Engine):
            raise WrongType("expected an Engine")
        self.engine = engine
        self._shadowing = False
        self._items: dict[tuple[str, str], Any] = {}

    def _set_shadowing(self, allow: bool) -> None:
        self._shadowing = bool(allow)

    allow_shadowing = property(None, _set_shadowing, None, "Whether to define a name again.")

    # -- defining ----------------------------------------------------------------------------

    def _define(self, module: str, name: str, item: Any) -> None:
        if not all(isinstance(each, str) for each in (module, name)):
            raise WrongType("expected a str")
        if not self._shadowing and (module, name) in self._items:
            raise WasmtimeError(f"import of `{module}::{name}` defined twice")
        self._items[module, name] = item

    def define(self, store: Storelike, module: str, name: str, item: Any) -> None:
        """Define an extern. WasmtimeError for a second definition without shadowing."""
        store_of(store)
        if not hasattr(item, "importable"):
            raise TypeError("expected a Func, Global, Memory, SharedMemory, Tag, or Table")
        self._define(module, name, item)

    def define_func(
        self,
        module: str,
        name: str,
        ty: FuncType,
        func: Callable[..., Any],
        access_caller: bool = False,
    ) -> None:
        """Define a Python callable as a function, for any store."""
        self._define(module, name, HostFunction(ty, func, access_caller))

    def define_instance(self, store: Storelike, name: str, instance: Instance) -> None:
        """Define all exports of an instance."""
        if not isinstance(instance, Instance):
            raise WrongType("expected an `Instance`")
        for export, item in instance.exports(store).items():
            self._define(name, export, item)

    def define_wasi(self) -> None:
        """Define WASI preview 1, which the store's `WasiConfig` configures."""
        for module in (MODULE, MODULE_UNSTABLE):
            for name in SIGNATURES:
                self._define(module, name, _WasiFunction(module, name))

    def define_module(self, store: Storelike, name: str, module: Module) -> None:
        """Define a module's exports.

        A WASI command (it exports ``_start``) is instantiated anew for each call of an export,
        any other module once, now, and initialised if it is a reactor.
        """
        found = store_of(store)
        if not isinstance(module, Module):
            raise WrongType("expected a `Module`")
        exports = module.exports
        if any(export.name == "_start" for export in exports):
            for export in exports:
                if isinstance(export.type, FuncType):
                    ty = export.type
                    self._define(
                        name,
                        export.name,
                        HostFunction(ty, self._fresh(found, module, export.name), False),
                    )
            return
        instance = self.instantiate(found, module)
        initialize = instance.exports(found).get("_initialize")
        if initialize is not None:
            initialize(found)
        self.define_instance(found, name, instance)

    def _fresh(self, store: Store, module: Module, export: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            return self.instantiate(store, module).exports(store)[export](store, *args)

        return call

    def define_unknown_imports_as_traps(self, module: Module) -> None:
        """Define each function that ``module`` imports and that is not defined as a trap."""
        for item in self._unknown(module):
            if isinstance(item.type, FuncType):
                self._define(item.module, item.name, HostFunction(item.type, _trap(item), False))

    def define_unknown_imports_as_default_values(self, store: Storelike, module: Module) -> None:
        """Define what ``module`` imports and is not defined as zeros, and functions that give them.

        WasmtimeError for what has no such value.
        """
        for item in self._unknown(module):
            self._define(item.module, item.name, _default(store_of(store), item))

    def _unknown(self, module: Module) -> list[ImportType]:
        if not isinstance(module, Module):
            raise WrongType("expected a `Module`")
        found = {(item.module, item.name): item for item in module.imports}
        return [item for key, item in found.items() if key not in self._items]

    # -- using -------------------------------------------------------------------------------

    def instantiate(self, store: Storelike, module: Module) -> Instance:
        """A new instance with its imports from here. WasmtimeError where one is not defined."""
        return self._resolved(module).instantiate(store)

    def instantiate_pre(self, module: Module) -> InstancePre:
        """The module with its imports resolved. WasmtimeError where one is not defined."""
        return self._resolved(module)

    def _resolved(self, module: Module) -> InstancePre:
        if not isinstance(module, Module):
            raise WrongType("expected a `Module`")
        declared = module.imports
        items = []
        for each in declared:
            item = self._items.get((each.module, each.name))
            if item is None:
                raise WasmtimeError(
                    f"unknown import: `{each.module}::{each.name}` has not been defined"
                )
            items.append(item)

        def instantiate(store: Store) -> Instance:
            return Instance.of(_instantiate(store, module, declared, items))

        return InstancePre(module, instantiate)

    def get(self, store: Storelike, module: str, name: str) -> Any:
        """The extern with this name. WasmtimeError where there is none."""
        item = self._items.get((module, name))
        if item is None:
            raise WasmtimeError("item not defined in linker")
        if isinstance(item, (HostFunction, _WasiFunction)):
            return self._func(store_of(store), item)
        return item

    def _func(self, store: Store, item: HostFunction | _WasiFunction) -> Func:
        if isinstance(item, _WasiFunction):
            return Func.of(item.importable(store))
        return Func.of(item.alone(store))

    def get_default(self, store: Storelike, name: str) -> Func:
        """The function that a module is run by: its export ``""`` or ``_start``, or a no-op."""
        for export in ("", "_start"):
            if (name, export) in self._items:
                item = self.get(store, name, export)
                if not isinstance(item, Func):
                    raise WasmtimeError("default export is not a function")
                return item
        return Func(store, FuncType([], []), lambda: None)


class _Given:
    """What an instance is given, found already."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def importable(self, store: Store) -> Any:
        """The value."""
        return self._value


def _instantiate(
    store: Store, module: Module, declared: list[ImportType], items: list[Any]
) -> ApiInstance:
    prepare: Prepare | None = None
    if any(isinstance(item, _WasiFunction) for item in items):
        system = store.wasi_system()
        given = [item for item in items if isinstance(item, Memory)]
        if given:
            system.bind(given[0].native)
        items = [
            _Given(item.of(system)) if isinstance(item, _WasiFunction) else item for item in items
        ]

        def prepare(instance: ApiInstance) -> None:
            memory = Mapping.get(instance.exports, "memory")
            if memory is not None:
                system.bind(memory)

    return make(store, module, declared, items, prepare)


def _trap(item: ImportType) -> Callable[..., Any]:
    message = f"unknown import: `{item.module}::{item.name}` has not been defined"

    def trap(*_args: Any) -> Any:
        raise Trap(message)

    return trap


_ZEROS = {"i32": 0, "i64": 0, "f32": 0.0, "f64": 0.0, "v128": bytes(16)}


def _zero(valtype: ValType) -> Any:
    if valtype.name in _ZEROS:
        return _ZEROS[valtype.name]
    if valtype.name.startswith("(ref ") and not valtype.name.startswith("(ref null"):
        raise WasmtimeError(f"no default value for type {valtype}")
    return None


def _default(store: Store, item: ImportType) -> Any:
    ty = item.type
    if isinstance(ty, FuncType):
        zeros = [_zero(valtype) for valtype in ty.results]
        result: Any = zeros[0] if len(zeros) == 1 else zeros or None
        return HostFunction(ty, lambda *_args: result, False)
    if isinstance(ty, MemoryType):
        return Memory(store, ty)
    if isinstance(ty, TableType):
        return Table(store, ty, _zero(ty.element))
    if isinstance(ty, GlobalType):
        return Global(store, ty, _zero(ty.content))
    assert isinstance(ty, TagType)
    raise WasmtimeError("no default value for a tag")
