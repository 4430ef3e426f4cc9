"""Functions, and what a host function may ask about its caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from wasmwright.api import Func as ApiFunc
from wasmwright.api import FuncType as ApiFuncType
from wasmwright.api import Instance as ApiInstance
from wasmwright.compat.wasmtime.errors import WasmtimeError
from wasmwright.compat.wasmtime.store import Store, StoreContext, Storelike, store_of
from wasmwright.compat.wasmtime.types import FuncType, func_type
from wasmwright.compat.wasmtime.values import Converter, from_engine, to_engine


class Func:
    """A function of a module, or a Python callable as one."""

    __slots__ = ("__weakref__", "_converters", "_host", "_results", "_type", "native")

    native: ApiFunc
    _host: HostFunction | None
    _type: ApiFuncType

    def __init__(
        self,
        store: Storelike,
        ty: FuncType,
        func: Callable[..., Any],
        access_caller: bool = False,
    ) -> None:
        found = store_of(store)
        host = HostFunction(ty, func, access_caller)
        self._set_up(host.alone(found), host)
        found.keep(self)

    @classmethod
    def of(cls, native: ApiFunc) -> Func:
        """The package's face of one of our functions."""
        self = cls.__new__(cls)
        self._set_up(native, None)
        return self

    def _set_up(self, native: ApiFunc, host: HostFunction | None) -> None:
        self.native = native
        self._host = host
        self._type = native.type
        self._converters = [to_engine(name) for name in self._type.params]
        self._results = [from_engine(name) for name in self._type.results]

    def type(self, store: Storelike) -> FuncType:
        """The function's type."""
        return func_type(self._type)

    def __call__(self, store: Storelike, *params: Any) -> Any:
        """Call it. No result is None, one is itself, several are a list.

        Parameters are Python values or `Val`. Raises Trap, WasmtimeError for a wrong number of
        parameters, TypeError for a wrong type, and what host functions raise.
        """
        converters = self._converters
        if len(params) != len(converters):
            few = "few" if len(params) < len(converters) else "many"
            raise WasmtimeError(
                f"too {few} parameters provided: given {len(params)}, expected {len(converters)}"
            )
        args = [convert(param) for convert, param in zip(converters, params, strict=True)]
        result = store_of(store).call(self.native, args)
        results = self._results
        if len(results) == 1:
            convert_result = results[0]
            return result if convert_result is None else convert_result(result)
        if not results:
            return None
        return [
            each if convert is None else convert(each)
            for convert, each in zip(results, result, strict=True)
        ]

    @property
    def _func(self) -> SimpleNamespace:
        """The package's raw handle: equal fields for the same function, as long as that lives.

        Not documented there, but clients tell functions apart by it.
        """
        return _raw_handle(self.native)

    def importable(self, store: Store) -> Any:
        """What an instance in ``store`` is given for this function."""
        host = self._host
        return self.native if host is None or not host.access_caller else host.importable(store)


def _raw_handle(native: ApiFunc) -> SimpleNamespace:
    # Not in the class, where the second name would be mangled.
    return SimpleNamespace(store_id=0, __private=id(native))


class Caller(StoreContext):
    """The instance that called a host function; it can be used as a store while that runs."""

    def __init__(self, store: Store, instance: ApiInstance | None) -> None:
        super().__init__(store)
        self._instance = instance

    def get(self, name: str) -> Any:
        """The caller's export of this name, or None."""
        if self._store is None or self._instance is None:
            return None
        found = Mapping.get(self._instance.exports, name)
        if found is None:
            return None
        from wasmwright.compat.wasmtime.externs import wrap

        return wrap(found)

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is None:
            raise KeyError(f"failed to find export {name}")
        return found


class HostFunction:
    """A Python callable and its type, not yet in a store."""

    __slots__ = ("_function", "_ty", "access_caller")

    def __init__(self, ty: FuncType, function: Callable[..., Any], access_caller: bool) -> None:
        if not isinstance(ty, FuncType):
            raise TypeError("expected a FuncType")
        self._ty = ty
        self._function = function
        self.access_caller = access_caller

    @property
    def type(self) -> ApiFuncType:
        """The function's type in our own terms."""
        return self._ty.to_api()

    def importable(self, store: Store) -> Any:
        """What an instance in ``store`` is given for this function."""
        if not self.access_caller:
            return self.alone(store)
        callback = self._callback(store)

        # Given as a plain callable, which gets the instance because it asks for it.
        def call(instance: ApiInstance, *params: Any) -> Any:
            return callback(instance, *params)

        return call

    def alone(self, store: Store) -> ApiFunc:
        """The function as such, called by nobody's import."""
        callback = self._callback(store)
        return ApiFunc(self.type, partial(callback, None) if self.access_caller else callback)

    def _callback(self, store: Store) -> Callable[..., Any]:
        """The callable that converts parameters and results as the package does.

        Where the function asks for its caller, the instance comes before the parameters.
        """
        function = self._function
        params = [from_engine(ty.name) for ty in self._ty.params]
        results = [to_engine(ty.name) for ty in self._ty.results]
        if self.access_caller:
            function = _with_caller(function, store)
            params = [None, *params]
        if any(params):
            function = _converting(function, params)
        if not results:

            def call_none(*args: Any) -> None:
                if function(*args) is not None:
                    raise WasmtimeError("callback produced results when it shouldn't")

            return call_none
        if len(results) == 1:
            (convert,) = results

            def call_one(*args: Any) -> Any:
                return convert(function(*args))

            return call_one

        def call_several(*args: Any) -> tuple[Any, ...]:
            found = function(*args)
            if len(found) != len(results):
                raise WasmtimeError("callback produced wrong number of results")
            return tuple(convert(each) for convert, each in zip(results, found, strict=True))

        return call_several


def _with_caller(function: Callable[..., Any], store: Store) -> Callable[..., Any]:
    def call(instance: ApiInstance | None, *args: Any) -> Any:
        caller = Caller(store, instance)
        try:
            return function(caller, *args)
        finally:
            caller.invalidate()

    return call


def _converting(function: Callable[..., Any], params: list[Converter | None]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return function(
            *(
                each if convert is None else convert(each)
                for convert, each in zip(params, args, strict=True)
            )
        )

    return call
