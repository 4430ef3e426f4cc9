"""Python callables as wasm functions: their types, and the instance that calls them.

Produces the public ``Func``: the type of every wasm function object, which makes one of a Python
callable when it is called. A host function whose first parameter is annotated as ``Instance`` is
given the instance whose import it is (:class:`CallingInstance`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine
from types import CodeType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, overload

from wasmwright.api.types import VALTYPES, FuncType, func_type_of, to_model
from wasmwright.model.canon import CANON
from wasmwright.model.types import SubType
from wasmwright.runtime import native_types
from wasmwright.runtime.func import HostFunction

if TYPE_CHECKING:
    from wasmwright.api.instance import Instance
    from wasmwright.api.module import Module
    from wasmwright.runtime.instance import Instance as Core

# Plain Python types in annotations; what they cannot say, ``i64`` and its like do.
_PYTHON_TYPES: dict[object, str] = {int: "i32", float: "f64", bytes: "v128", object: "externref"}
_COROUTINE = 0x80  # inspect.CO_COROUTINE
# Annotations, as strings, that are seen at a glance not to be a class.
_PLAIN = frozenset({*VALTYPES, "int", "float", "bytes", "object"})


def type_of(function: Callable[..., Any]) -> FuncType:
    """The function type that a callable's annotations name.

    ``int`` is i32 and ``float`` f64; ``ww.i64``, ``ww.f32`` and so on, or their names as strings,
    say the others. A tuple is several results, None is no result. Raises TypeError where an
    annotation is missing or is no type of wasm.
    """
    import inspect

    name = getattr(function, "__name__", repr(function))
    signature = inspect.signature(function)
    params = []
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{name}() has a parameter *{parameter.name}; give a FuncType")
        if parameter.annotation is parameter.empty:
            raise TypeError(f"{name}() has no annotation for {parameter.name}; give a FuncType")
        params.append(_valtype(function, parameter.annotation, parameter.name))
    result = signature.return_annotation
    if result is signature.empty:
        raise TypeError(f"{name}() has no annotation for its result; give a FuncType")
    result = _evaluate(function, result)
    if result is None or result is type(None):
        results = []
    elif get_origin(result) is tuple:
        results = [_valtype(function, each, "result") for each in get_args(result)]
    else:
        results = [_valtype(function, result, "result")]
    return FuncType(params, results)


def _evaluate(function: Callable[..., Any], annotation: Any) -> Any:
    """An annotation as an object, where it is a string that names one."""
    if not isinstance(annotation, str) or annotation in VALTYPES:
        return annotation
    try:
        # The function's own source said it: this runs no more than importing it did.
        return eval(annotation, getattr(function, "__globals__", {}))
    except Exception:
        return annotation


def _valtype(function: Callable[..., Any], annotation: Any, place: str) -> str:
    annotation = _evaluate(function, annotation)
    if isinstance(annotation, str) and annotation in VALTYPES:
        return annotation
    if get_origin(annotation) is Annotated:
        for note in annotation.__metadata__:
            if isinstance(note, str) and note in VALTYPES:
                return note
    found = _PYTHON_TYPES.get(annotation) if annotation.__hash__ else None
    if found is None:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"{name}(): the annotation {annotation!r} of {place} is no type of wasm")
    return found


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a callable is an ``async def``, or an object whose ``__call__`` is."""
    code = getattr(function, "__code__", None)
    marks = getattr(function, "__dict__", None) or ()
    if isinstance(code, CodeType) and not any("coroutine" in mark for mark in marks):
        return bool(code.co_flags & _COROUTINE)
    import inspect  # it takes long to import, and knows the rest: partial objects, marks

    called = inspect.iscoroutinefunction
    return called(function) or called(getattr(function, "__call__", None))  # noqa: B004


def _suspending(function: Callable[..., Any]) -> Callable[..., Any]:
    from wasmwright.api.aio import suspending  # asyncio takes long to import

    return suspending(function)


def _aio(func: Any, /, *args: Any, timeout: float | None = None) -> Coroutine[Any, Any, Any]:
    """Calls it in a worker thread: ``await f.aio(...)``, with ``timeout`` in seconds.

    Async host functions that it calls run as tasks of this event loop, which goes on meanwhile.
    Cancelling, and the end of the timeout, stop the wasm code; see `wasmwright.aio`.
    """
    from wasmwright.api.aio import aio

    return aio(func, *args, timeout=timeout)


def _make(
    cls: Any, type: FuncType | Callable[..., Any], callable_: Callable[..., Any] | None = None
) -> Any:
    if callable_ is None:
        if not callable(type):
            raise TypeError("Func takes a FuncType and a callable, or an annotated callable")
        if isinstance(type, native_types.func_type):
            return type
        callable_, type = type, type_of(type)
    elif not isinstance(type, FuncType):
        raise TypeError(f"expected a FuncType, not {type!r:.60}")
    if not callable(callable_):
        raise TypeError(f"{callable_!r:.60} is not callable")
    if is_async(callable_):
        callable_ = _suspending(callable_)
    func_type = to_model(type)
    (type_id,) = CANON.add((SubType(func_type),), ((0, 1),))
    host = HostFunction(func_type, callable_, type_id)
    return host.wrap(host.record)


if TYPE_CHECKING:

    class Func:
        """A wasm function: an instance's export, or a Python callable of a fixed type.

        ``Func(FuncType(["i32", "i64"], ["f64"]), callable)`` has its type checked against each
        import that it is given to; ``Func(callable)`` takes the type from the annotations
        (:func:`type_of`). Call it with Python values. ``name`` and ``type`` say what it is.
        """

        name: str
        type: FuncType

        @overload
        def __new__(cls, type: FuncType, callable: Callable[..., Any], /) -> Func: ...
        @overload
        def __new__(cls, callable: Callable[..., Any], /) -> Func: ...
        def __new__(cls, *_: Any) -> Func: ...
        # What they take is ``*args: Any, timeout: float | None = None``; this way, the classes
        # that `wasmwright stubs` writes for functions of known types can say so of theirs.
        def __call__(self, *args: Any, **named: Any) -> Any:
            """Calls it; several results are a tuple.

            A call that lasts longer than ``timeout`` seconds is stopped with InterruptError, as
            by ``ww.deadline``, which can stand around several calls.
            """

        async def aio(self, *args: Any, **named: Any) -> Any:
            """Calls it in a worker thread; raises InterruptError after ``timeout`` seconds.

            Async host functions that it calls run as tasks of this event loop, which goes on
            meanwhile. Cancelling stops the wasm code; see ``ww.aio``.
            """

else:
    Func = native_types.func_type
    Func.__new__ = staticmethod(_make)
    Func.aio = _aio
    Func.type = property(lambda func: func_type_of(func._info.func_type), doc="Its types, by name.")


class CallingInstance:
    """Where the host functions of one instance find it; weak, so that nothing refers in a circle.

    The instance is the one whose import the function is. A function that it exports again and
    another instance imports still gets the first.
    """

    __slots__ = ("_class", "_module", "core")

    def __init__(self, cls: type[Instance], module: Module) -> None:
        self._class = cls
        self._module = module
        self.core: weakref.ref[Core] | None = None

    def adapt(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, or what calls it with the instance first if it asks for that, or waits
        for its coroutine.
        """
        adapted = function
        if self._wanted(function):

            def adapted(*args: Any) -> Any:
                return function(self.instance(), *args)

            adapted.__name__ = getattr(function, "__name__", "host function")
        return _suspending(adapted) if is_async(function) else adapted

    def instance(self) -> Instance:
        """The instance; made anew if only its functions are still in use."""
        core = self.core() if self.core is not None else None
        if core is None:
            raise RuntimeError("there is no instance yet that calls this function")
        found: Instance | None = core.handle() if core.handle is not None else None
        return self._class._of(core, self._module) if found is None else found

    def _wanted(self, function: Callable[..., Any]) -> bool:
        annotations = getattr(function, "__annotations__", None)
        code = getattr(function, "__code__", None)
        if not annotations or code is None:
            return False
        first = 1 if hasattr(function, "__self__") else 0
        if code.co_argcount <= first:
            return False
        annotation = annotations.get(code.co_varnames[first])
        if isinstance(annotation, str) and annotation not in _PLAIN:
            annotation = _evaluate(function, annotation)
            if isinstance(annotation, str):
                # Imported for the type checker only, it does not evaluate.
                return annotation.rpartition(".")[2] == "Instance"
        return annotation is self._class
