"""`run` against a stand-in for the engine: guests are Python functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wasmwright import wasi
from wasmwright.errors import LinkError
from wasmwright.wasi.abi import MODULE, SIGNATURES


@dataclass
class Type:
    params: tuple[str, ...]
    results: tuple[str, ...]


@dataclass
class Import:
    module: str
    name: str
    type: Any


class Module:
    def __init__(self, source: Any) -> None:
        if callable(source):
            source = {"_start": source}
        self.exports_: dict[str, Any] = {"memory": bytearray(65536), **source}
        self.imports = [Import(MODULE, name, Type(*types)) for name, types in SIGNATURES.items()]


class Instance:
    def __init__(self, module: Module, imports: dict[str, dict[str, Any]]) -> None:
        self.exports = {
            name: (lambda item=item: item(imports[MODULE])) if callable(item) else item
            for name, item in module.exports_.items()
            if item is not None
        }


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    api = ModuleType("wasmwright.api")
    api.Module = Module  # type: ignore[attr-defined]
    api.Instance = Instance  # type: ignore[attr-defined]
    api.Memory = bytearray  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wasmwright.api", api)


Functions = dict[str, Callable[..., int]]


def test_run_gives_exit_code_and_output() -> None:
    def start(functions: Functions) -> None:
        assert functions["args_sizes_get"](0, 4) == 0
        assert functions["fd_write"](1, 0, 0, 0) == 0
        functions["proc_exit"](3)

    result = wasi.run(start, ["a"])
    assert result == wasi.Result(3)
    with pytest.raises(wasi.ExitError, match="exit code 3"):
        result.check()


def test_returning_is_exit_code_0() -> None:
    assert wasi.run(lambda functions: None).check().exit_code == 0


def test_a_command_runs_again_with_new_state(tmp_path: Path) -> None:
    numbers: list[int] = []

    def start(functions: Functions) -> None:
        numbers.append(functions["fd_prestat_get"](3, 0))

    command = wasi.Command(start)
    command(dirs={"/": tmp_path})
    command()
    assert numbers == [0, wasi.Errno.BADF]


def test_other_exceptions_come_out_as_themselves() -> None:
    memory = bytearray(65536)

    def start(functions: Functions) -> None:
        memory[16:26] = b"last words"
        memory[:8] = (16).to_bytes(4, "little") + (10).to_bytes(4, "little")
        assert functions["fd_write"](2, 0, 1, 8) == 0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        wasi.run({"memory": memory, "_start": start})
    assert caught.value.__notes__ == ["standard error of the program:\nlast words"]


def test_a_wrong_import_type_is_named_with_both_types() -> None:
    module = Module(lambda functions: None)
    module.imports[0] = Import(MODULE, "args_get", Type(("i32", "i64"), ("i32",)))
    with pytest.raises(LinkError, match=r"args_get is \[i32 i32\].*imports it as \[i32 i64\]"):
        wasi.Command(module)
    module.imports[0] = Import(MODULE, "args_get", "global")
    with pytest.raises(LinkError, match="imports it as global"):
        wasi.Command(module)
    module.imports[0] = Import(MODULE, "no_such_function", Type((), ()))
    wasi.Command(module)


def test_no_memory_and_no_start_are_link_errors() -> None:
    with pytest.raises(LinkError, match="no export named memory"):
        wasi.run({"memory": None, "_start": lambda functions: None})
    with pytest.raises(LinkError, match=r"no export named _start.*reactor"):
        wasi.run({"_initialize": lambda functions: None})


def test_an_imported_memory_is_bound() -> None:
    memory = bytearray(16)
    module = Module(
        {"memory": None, "_initialize": lambda functions: functions["random_get"](0, 16)}
    )
    module.imports.append(Import("env", "memory", "memory"))
    with wasi.Preview1() as host:
        wasi.instantiate(module, host, {"env": {"memory": memory}})
        assert host.memory is memory
    assert any(memory)


def test_reactors_are_initialised() -> None:
    seen: list[int] = []

    def initialize(functions: Functions) -> None:
        seen.append(functions["random_get"](0, 4))

    with wasi.Preview1() as host:
        wasi.instantiate(Module({"_initialize": initialize}), host)
    assert seen == [0]


def test_a_missing_directory_is_an_os_error_and_leaks_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        wasi.run(lambda functions: None, dirs={"/a": tmp_path, "/b": tmp_path / "none"})
