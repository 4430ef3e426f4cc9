"""Importing WebAssembly: after ``import wasmwright.importer``, ``import codec`` finds
``codec.wasm`` or ``codec.wat`` where it would find ``codec.py``.

Both are looked for beside the other files of a package or of a folder of ``sys.path``, in zip files
too, after Python's own kinds of modules. The module that comes of it has the exports as its
attributes, and the :class:`~wasmwright.Instance` as ``__wasm__``. Its types for a type checker are
what ``wasmwright stubs`` writes.

What the file itself imports comes from the Python module beside it whose name ends with
``_imports``, and from nowhere else: ``codec_imports.py`` has an attribute for each module name
that ``codec.wasm`` imports from (``env = {"log": print}``, or an object with such attributes).
WASI, where that module does not give it, is there with nothing handed over: no arguments, no
files, output to nowhere. A reactor's ``_initialize`` is called.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from wasmwright.errors import LinkError

SUFFIXES: Final = (".wasm", ".wat")


class WasmFinder(MetaPathFinder):
    """Finds modules in WebAssembly on import paths."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module for which there is a file, or None."""
        tail = fullname.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            for suffix in SUFFIXES:
                found = _read(entry, tail + suffix)
                if found is not None:
                    location, data = found
                    spec = ModuleSpec(fullname, WasmLoader(data), origin=location)
                    spec.has_location = True
                    return spec
        return None


def _read(entry: str, name: str) -> tuple[str, bytes] | None:
    """Where a file on a path is, and its content; None if there is none."""
    if not isinstance(entry, str):  # sys.path may hold anything
        return None  # type: ignore[unreachable]
    location = os.path.join(entry or os.getcwd(), name)
    if os.path.isdir(entry or "."):
        if not os.path.isfile(location):
            return None
        return location, Path(location).read_bytes()
    # A zip file, or a folder in one: what importer there is reads it.
    get_data = getattr(pkgutil.get_importer(entry), "get_data", None)
    if get_data is None:
        return None
    try:
        return location, get_data(location)
    except OSError:
        return None


class WasmLoader(Loader):
    """Makes Python modules of WebAssembly ones."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves that to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Compiles, instantiates and gives ``module`` the exports as attributes.

        Raises ImportError for a file that is no valid module or lacks imports.
        """
        from wasmwright.api import Module
        from wasmwright.errors import CompileError

        name = module.__name__
        try:
            compiled = Module(self._data)
            instance = _instantiate(compiled, _given(name))
        except (CompileError, LinkError) as error:
            raise ImportError(f"{name}: {error}", name=name, path=module.__file__) from error
        module.__dict__["__wasm__"] = instance
        for export in instance.exports:
            if not (export.startswith("__") and export.endswith("__")):
                module.__dict__[export] = instance.exports[export]


def _given(name: str) -> Mapping[str, Any]:
    """The imports from the Python module beside the file: by module name."""
    try:
        beside = importlib.import_module(f"{name}_imports")
    except ModuleNotFoundError as error:
        if error.name != f"{name}_imports":
            raise
        return {}
    return vars(beside)


def _instantiate(compiled: Any, given: Mapping[str, Any]) -> Any:
    from wasmwright import wasi
    from wasmwright.api import Instance

    names = {item.module for item in compiled.imports}
    imports = {key: given[key] for key in names if key in given}
    if any(key.startswith("wasi_") and key not in given for key in names):
        system = wasi.Preview1(stdout="null", stderr="null")
        return wasi.instantiate(compiled, system, imports)
    instance = Instance(compiled, imports)
    if "_initialize" in instance.exports:
        instance.exports["_initialize"]()
    return instance


def install() -> None:
    """Puts the finder behind Python's own, once; importing this module does that."""
    if not any(isinstance(finder, WasmFinder) for finder in sys.meta_path):
        sys.meta_path.append(WasmFinder())


install()
