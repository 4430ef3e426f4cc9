"""Instances and their exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wasmwright.api import Instance as ApiInstance
from wasmwright.compat.wasmtime.errors import Closeable, WasmtimeError, WrongType
from wasmwright.compat.wasmtime.externs import AsExtern, wrap
from wasmwright.compat.wasmtime.func import HostFunction
from wasmwright.compat.wasmtime.module import Module
from wasmwright.compat.wasmtime.store import Store, Storelike, store_of
from wasmwright.compat.wasmtime.types import FuncType, ImportType

Prepare = Callable[[ApiInstance], None]


class InstanceExports(Mapping[str, Any]):
    """Exports by name; by position too, and by attribute."""

    def __init__(self, native: ApiInstance) -> None:
        # (An export of that name hides the attribute `items`.)
        exports = Mapping.items(native.exports)
        self._by_name = {name: wrap(extern) for name, extern in exports}
        self._by_index = tuple(self._by_name.values())

    @property
    def by_index(self) -> Sequence[AsExtern]:
        """The exports in order."""
        return self._by_index

    def __getitem__(self, key: str | int) -> Any:
        return self._by_index[key] if isinstance(key, int) else self._by_name[key]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_by_name"][name]
        except KeyError:
            raise AttributeError(f"no export {name!r}") from None

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)


class Instance:
    """A module with its imports, which are given in the order in which it declares them."""

    def __init__(self, store: Storelike, module: Module, imports: Sequence[AsExtern]) -> None:
        found = store_of(store)
        if not isinstance(module, Module):
            raise WrongType("expected a `Module`")
        declared = module.imports
        if len(imports) != len(declared):
            raise WasmtimeError(f"expected {len(declared)} imports, found {len(imports)}")
        for item in imports:
            if not hasattr(item, "importable"):
                raise TypeError("expected a Func, Global, Memory, SharedMemory, Tag, or Table")
        self._set_up(make(found, module, declared, imports))

    @classmethod
    def of(cls, native: ApiInstance) -> Instance:
        """The package's face of one of our instances."""
        self = cls.__new__(cls)
        self._set_up(native)
        return self

    def _set_up(self, native: ApiInstance) -> None:
        self.native = native
        self._exports: InstanceExports | None = None

    def exports(self, store: Storelike) -> InstanceExports:
        """What the module exports."""
        if self._exports is None:
            self._exports = InstanceExports(self.native)
        return self._exports


class InstancePre(Closeable):
    """A module whose imports are resolved; it can be instantiated many times."""

    def __init__(self, module: Module, instantiate: Callable[[Store], Instance]) -> None:
        self._module = module
        self._instantiate = instantiate

    def instantiate(self, store: Storelike) -> Instance:
        """A new instance in ``store``."""
        return self._instantiate(store_of(store))

    @property
    def module(self) -> Module:
        """The module."""
        return self._module


class _InOrder(Mapping[str, Any]):
    """One module's worth of imports that gives them by position, whatever they are asked for.

    The engine looks imports up in the order of their declaration, each once; two of the same
    name may be given different things.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = iter(values)

    def __getitem__(self, name: str) -> Any:
        return next(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def make(
    store: Store,
    module: Module,
    declared: Sequence[ImportType],
    imports: Sequence[Any],
    prepare: Prepare | None = None,
) -> ApiInstance:
    """A new instance in ``store``, its imports in the order of their declaration.

    ``prepare`` is called with it before anything of it runs. Raises Trap, WasmtimeError and what
    a host function that the start function calls raises.
    """
    native = module.native.model
    store.count("memory", len(native.memories), store.memories)
    store.count("table", len(native.tables), store.tables)
    limits = store.limits
    for item, given in zip(declared, imports, strict=True):
        _check_caller(item, given)
    order = _InOrder([given.importable(store) for given in imports])
    spaces = dict.fromkeys((item.module for item in declared), order)

    def keep(instance: ApiInstance) -> None:
        # From the start: it can be interrupted, and its exports may outlive a trap.
        store.add_instance(instance, len(native.memories), len(native.tables))
        if store.fuel.configured:
            store.fuel.begin(instance)
            fuelled.append(instance)
        if prepare is not None:
            prepare(instance)

    def instantiate() -> ApiInstance:
        return ApiInstance(module.native, spaces, limits=limits, before_start=keep)

    fuelled: list[ApiInstance] = []
    try:
        made: ApiInstance = store.run(instantiate, [], native.start is not None)
        return made
    finally:
        if fuelled:
            store.fuel.end()


def _check_caller(item: ImportType, given: Any) -> None:
    """Checks the type of a host function that asks for its caller.

    The engine gets those as plain callables, to which it gives the type that is wanted.
    """
    host = given if isinstance(given, HostFunction) else getattr(given, "_host", None)
    if host is None or not host.access_caller:
        return
    wanted = item.type.to_api() if isinstance(item.type, FuncType) else item.type
    if host.type != wanted:
        raise WasmtimeError(
            f"incompatible import type for `{item.module}::{item.name}`\n\nCaused by:\n"
            f"    types incompatible: expected type `{wanted}`, found type `{host.type}`\n"
        )
