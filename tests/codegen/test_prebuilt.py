"""The native parts that come compiled with the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wasmwright.codegen import arch, cpu
from wasmwright.codegen.llvm import stubs
from wasmwright.codegen.llvm.stub_signature import describe
from wasmwright.codegen.prebuilt import image
from wasmwright.runtime import native, native_parts, native_stubs
from wasmwright.wasi import abi

DEV = Path(__file__).parents[2] / "dev" / "native"


@pytest.fixture(scope="module")
def found() -> image.Image:
    return image.Image(image.path(cpu.machine()))


@pytest.mark.parametrize("name", arch.names())
def test_the_file_is_made_of_the_present_ir(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = image.Image(image.path(name))
    monkeypatch.syspath_prepend(str(DEV))
    from signatures import signatures

    texts = [
        native_parts.core_ir(arch.of(name)),
        native_parts.gc_ir(),
        stubs.stub_ir(signatures()),
        stubs.generic_stub_ir(),
    ]
    assert found.digest == image.digest(texts), "run python dev/native/make.py"
    sys.modules.pop("signatures")


def test_wasi_needs_no_generic_stubs(found: image.Image) -> None:
    letters = {"i32": "i", "i64": "l"}
    for params, results in abi.SIGNATURES.values():
        key = "_".join("".join(letters[each] for each in side) for side in (params, results))
        assert f"host_{key}" in found.symbols


def test_it_is_used(found: image.Image) -> None:
    core = native.get()
    assert native_parts.prebuilt() is not None
    assert found.symbols.keys() == core._core.symbols.keys()
    assert core.gc_symbol("ww_gc_create") == core.core_symbol("ww_gc_create")


def test_a_file_of_another_version_or_cut_short_is_refused(tmp_path: Path) -> None:
    data = Path(image.path(cpu.machine())).read_bytes()
    path = tmp_path / "native.bin"
    path.write_bytes(b"?" + data[1:])
    with pytest.raises(ValueError, match="not of this version"):
        image.Image(str(path))
    path.write_bytes(data[:-1])
    core = native.get()
    with pytest.raises(OSError, match="truncated"):
        image.Image(str(path)).place(core._arena, core._resolve)


@pytest.mark.parametrize(
    "lacks", ['cpu.describe = lambda: b"flags : fpu sse"', 'image.path = lambda _: "none"']
)
def test_where_nothing_fits_llvm_compiles(
    script: Callable[..., subprocess.CompletedProcess[str]], lacks: str
) -> None:
    code = f"""
        from wasmwright.codegen import cpu
        from wasmwright.codegen.prebuilt import image
        from wasmwright.runtime import native, native_parts
        {lacks}
        assert native_parts.prebuilt() is None
        instance = ww.Instance(module, {{"h": {{"f": lambda number, _: (number + 1, 2.5)}}}})
        print(instance.exports.f(41, "thing"), native.get().stubs.prebuilt)
    """
    text = """(module
      (import "h" "f" (func $h (param i32 externref) (result i64 f32)))
      (func (export "f") (param i32 externref) (result i64 f32)
        (call $h (local.get 0) (local.get 1))))"""
    done = script(code, module=text)
    assert (done.stdout, done.stderr) == ("(42, 2.5) set()\n", "")


def test_a_signature_says_where_values_are_passed() -> None:
    from struct import unpack

    data = describe("iliiiif_vEdf")
    counts, records = unpack("<4I", data[:16]), unpack("<22I", data[16:])
    assert counts == (7, 4, 1, 0)
    kinds = "".join(map(chr, records[::2]))
    assert kinds == "iliiiifvEdf"
    area = native_stubs.stub_signature.abi.RT_AREA
    assert records[1::2] == (0, 16, 32, 48, 64, area, 80, 32, 0, 48, area)
