"""Types, values, modules and settings."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import wasmwright.compat.wasmtime as w
from wasmwright.compat.wasmtime import component
from wasmwright.importer import WasmFinder

I32, I64 = w.ValType.i32(), w.ValType.i64()
F32, F64 = w.ValType.f32(), w.ValType.f64()
EXTERNREF, FUNCREF = w.ValType.externref(), w.ValType.funcref()


def test_it_can_stand_in_for_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", w)
    monkeypatch.delitem(sys.modules, "wasmtime.component", raising=False)
    namespace: dict[str, object] = {}
    exec(
        "import wasmtime\nfrom wasmtime import Store, Engine\nimport wasmtime.component", namespace
    )
    assert namespace["Store"] is w.Store
    monkeypatch.delitem(sys.modules, "wasmtime.component")


def test_the_package_s_importer_is_ours() -> None:
    importlib.import_module("wasmwright.compat.wasmtime.loader")
    assert any(isinstance(finder, WasmFinder) for finder in sys.meta_path)


def test_every_public_name_is_there() -> None:
    for name in w.__all__:
        assert getattr(w, name) is not None


def test_value_types_compare_and_print() -> None:
    assert w.ValType.i32() == I32
    assert I32 != I64
    assert I32 != "i32"
    assert [str(each) for each in (I32, F64, EXTERNREF, FUNCREF)] == [
        "i32",
        "f64",
        "anyref",
        "funcref",
    ]
    with pytest.raises(w.WasmtimeError):
        w.ValType()


def test_types_have_their_parts() -> None:
    ty = w.FuncType([I32, F64], [I64])
    assert (ty.params, ty.results) == ([I32, F64], [I64])
    with pytest.raises(TypeError):
        w.FuncType(["i32"], [])  # type: ignore[list-item]
    assert w.GlobalType(F32, True).content == F32
    table = w.TableType(FUNCREF, w.Limits(1, None))
    assert (table.element, table.limits) == (FUNCREF, w.Limits(1, None))
    memory = w.MemoryType(w.Limits(1, 2))
    assert (memory.limits, memory.is_64, memory.is_shared, memory.page_size) == (
        w.Limits(1, 2),
        False,
        False,
        65536,
    )
    with pytest.raises(w.WasmtimeError, match="minimum size too large"):
        w.MemoryType(w.Limits(1 << 32, None))


def test_values_know_their_type() -> None:
    assert w.Val.i32(3).value == 3
    assert w.Val.i32(2**32 + 3) == 3
    assert w.Val.i64(-1).as_i64() == -1
    assert w.Val.i64(-1).as_i32() is None
    assert w.Val.f32(0.5).type == F32
    assert w.Val.ref_null(FUNCREF).value is None
    with pytest.raises(w.WasmtimeError):
        w.Val.ref_null(I32)
    with pytest.raises(TypeError):
        w.Val.i32(1.5)  # type: ignore[arg-type]


def test_a_module_lists_imports_and_exports(store: w.Store) -> None:
    module = w.Module(
        store.engine,
        '(module (import "a" "f" (func (param i32))) (import "a" "m" (memory 1 2))'
        ' (global (export "g") (mut f64) (f64.const 0)) (table (export "t") 3 externref))',
    )
    first, second = module.imports
    assert (first.module, first.name) == ("a", "f")
    assert isinstance(first.type, w.FuncType)
    assert first.type.params == [I32]
    assert isinstance(second.type, w.MemoryType)
    assert second.type.limits == w.Limits(1, 2)
    glob, table = module.exports
    assert isinstance(glob.type, w.GlobalType)
    assert glob.type.mutable
    assert isinstance(table.type, w.TableType)
    assert table.type.element == EXTERNREF


def test_modules_come_from_text_binary_and_files(store: w.Store, tmp_path: Path) -> None:
    binary = w.wat2wasm('(module (func (export "f")))')
    assert isinstance(binary, bytearray)
    (tmp_path / "a.wasm").write_bytes(binary)
    (tmp_path / "a.wat").write_text('(module (func (export "f")))')
    for module in (
        w.Module(store.engine, binary),
        w.Module(store.engine, b'(module (func (export "f")))'),
        w.Module.from_file(store.engine, tmp_path / "a.wasm"),
        w.Module.from_file(store.engine, str(tmp_path / "a.wat")),
    ):
        assert [export.name for export in module.exports] == ["f"]


def test_wrong_modules_are_wasmtime_errors(store: w.Store) -> None:
    for source in ("(module (func", b"\0asm\1\0\0\0\7", "(module (func (result i32)))", b""):
        with pytest.raises(w.WasmtimeError):
            w.Module(store.engine, source)
    with pytest.raises(w.WasmtimeError):
        w.Module.validate(store.engine, b"\0asm")
    w.Module.validate(store.engine, b"\0asm\1\0\0\0")
    with pytest.raises(TypeError):
        w.Module(store.engine, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        w.Module("engine", b"")  # type: ignore[arg-type]


def test_serialised_modules_come_back_and_foreign_bytes_do_not(
    store: w.Store, tmp_path: Path
) -> None:
    module = w.Module(store.engine, '(module (func (export "f") (result i32) (i32.const 7)))')
    encoded = module.serialize()
    assert isinstance(encoded, bytearray)
    path = tmp_path / "a.cwasm"
    path.write_bytes(encoded)
    for again in (
        w.Module.deserialize(store.engine, encoded),
        w.Module.deserialize_file(store.engine, str(path)),
    ):
        assert w.Instance(store, again, []).exports(store)["f"](store) == 7
    for wrong in (b"\x7fELF whatever", b"", b"\0asm\1\0\0\0", encoded[:30]):
        with pytest.raises(w.WasmtimeError):
            w.Module.deserialize(store.engine, wrong)
    with pytest.raises(w.WasmtimeError):
        w.Module.deserialize_file(store.engine, str(tmp_path / "none"))


def test_settings_that_change_nothing_are_taken() -> None:
    config = w.Config()
    for name in ("debug_info", "parallel_compilation", "memory_init_cow", "wasm_component_model"):
        setattr(config, name, True)
    config.cranelift_opt_level = "speed"
    config.strategy = "auto"
    config.profiler = "none"
    config.cache = True
    config.max_wasm_stack = 1 << 20
    config.memory_reservation = 1 << 32
    config.cranelift_flag_set("a", "b")
    for name, value in (("debug_info", 1), ("max_wasm_stack", "1"), ("wasm_simd", None)):
        with pytest.raises(TypeError):
            setattr(config, name, value)
    for name, wrong in (("strategy", "x"), ("cranelift_opt_level", "x"), ("cache", False)):
        with pytest.raises(w.WasmtimeError):
            setattr(config, name, wrong)
    with pytest.raises(AttributeError):
        _ = config.wasm_simd
    w.Engine(config)


def test_an_engine_takes_its_configuration() -> None:
    config = w.Config()
    w.Engine(config)
    with pytest.raises(ValueError, match="already closed"):
        config.debug_info = True
    with pytest.raises(ValueError, match="already closed"):
        w.Engine(config)
    config.close()
    with w.Config() as other:
        other.debug_info = True
    with pytest.raises(ValueError, match="already closed"):
        w.Engine(other)


def test_arguments_of_wrong_types_are_errors_of_both_kinds() -> None:
    store, linker = w.Store(), w.Linker(w.Engine())
    for call in (
        lambda: w.Memory(1, w.MemoryType(w.Limits(1, None))),  # type: ignore[arg-type]
        lambda: w.Memory(store, 1),  # type: ignore[arg-type]
        lambda: w.Instance(store, 1, []),  # type: ignore[arg-type]
        lambda: linker.define(store, 2, "", w.Memory(store, w.MemoryType(w.Limits(1, None)))),  # type: ignore[arg-type]
        lambda: linker.instantiate(store, 3),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match="expected a") as caught:
            call()
        assert isinstance(caught.value, AttributeError)


def test_settings_that_would_change_what_happens_are_refused_by_name() -> None:
    config = w.Config()
    with pytest.raises(w.WasmtimeError, match="another target"):
        config.target = "aarch64-unknown-linux-gnu"
    with pytest.raises(w.WasmtimeError, match="component model is not supported"):
        component.Component(w.Engine(), b"")


@pytest.mark.parametrize(
    "setting", ["cranelift_nan_canonicalization", "wasm_relaxed_simd_deterministic"]
)
def test_one_nan_for_all(setting: str) -> None:
    config = w.Config()
    setattr(config, setting, True)
    store = w.Store(w.Engine(config))
    text = """(module (func (export "f") (param i32) (result i32) (i32.reinterpret_f32
      (f32.add (f32.reinterpret_i32 (local.get 0)) (f32.const 1)))))"""
    instance = w.Instance(store, w.Module(store.engine, text), [])
    assert instance.exports(store)["f"](store, -1) == 0x7FC00000


def test_proposals_can_be_switched_off() -> None:
    config = w.Config()
    config.wasm_simd = False
    text = "(module (func (result v128) (v128.const i64x2 0 0)))"
    with pytest.raises(w.WasmtimeError):
        w.Module(w.Engine(config), text)
    w.Module(w.Engine(), text)
