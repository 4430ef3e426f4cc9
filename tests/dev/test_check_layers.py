from __future__ import annotations

from pathlib import Path

import pytest

import check_layers


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of a package with the given layers, all of them empty."""
    source = tmp_path / "src" / "wasmwright"
    for folder in ("", "binary", "text", "validate", "codegen", "codegen/llvm", "codegen/baseline"):
        (source / folder).mkdir(parents=True, exist_ok=True)
        (source / folder / "__init__.py").touch()
    (source / "errors.py").touch()
    (source / "limits.py").touch()
    (source / "binary" / "decode.py").touch()
    return source


def rules(source: Path) -> list[str]:
    return [
        f"{file.relative_to(source).as_posix()}:{line}: {rule}"
        for file, line, rule in check_layers.violations(source)
    ]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("validate/module.py", "from wasmwright.binary import decode"),
        ("validate/module.py", "import wasmwright.binary.decode"),
        ("validate/module.py", "from ..binary.decode import x"),
        ("binary/reader.py", "from wasmwright import errors, limits"),
        ("binary/reader.py", "from wasmwright.binary.decode import x"),
        ("binary/reader.py", "from . import decode"),
        ("codegen/llvm/jit.py", "import llvmlite.binding as llvm"),
        ("codegen/llvm/jit.py", "from wasmwright.codegen import abi"),
        ("codegen/abi.py", "from wasmwright.codegen.llvm import x"),
        ("__init__.py", "from wasmwright.validate import x"),
        ("cli.py", "import wasmwright as ww"),
        ("binary/reader.py", "import struct, librt.strings"),
    ],
)
def test_imports_downwards_pass(package: Path, file: str, text: str) -> None:
    (package / file).write_text(text + "\n")
    assert rules(package) == []


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("binary/x.py", "import wasmwright.validate", "validate, which is above it"),
        ("binary/x.py", "from wasmwright import validate", "validate, which is above it"),
        ("binary/x.py", "from .. import validate", "validate, which is above it"),
        ("binary/__init__.py", "from ..validate import x", "validate, which is above it"),
        ("binary/x.py", "from wasmwright.text import lexer", "text, which is above it"),
        ("errors.py", "from wasmwright import limits", "limits, which is on the same layer"),
        ("binary/x.py", "import wasmwright", "binary may not import the package's public face"),
        ("binary/x.py", "from wasmwright import Module", "may not import the package's public"),
        ("binary/x.py", "from wasmwright.nowhere import x", "nowhere is in no layer"),
        ("validate/x.py", "import llvmlite.ir", "only wasmwright.codegen.llvm may import llvmlite"),
        ("codegen/x.py", "from llvmlite import ir", "only wasmwright.codegen.llvm may import"),
        ("codegen/llvm/x.py", "from wasmwright.codegen import baseline", "backends never import"),
        ("codegen/baseline/x.py", "import wasmwright.codegen.llvm", "backends never import"),
    ],
)
def test_other_imports_are_reported(package: Path, file: str, text: str, rule: str) -> None:
    (package / file).write_text(f"\n{text}\n")
    (found,) = rules(package)
    assert found.startswith(f"{file}:2: ")
    assert rule in found


def test_imports_inside_functions_count(package: Path) -> None:
    (package / "errors.py").write_text("def f():\n    from wasmwright import binary\n")
    assert rules(package) == ["errors.py:2: errors may not import binary, which is above it"]


def test_type_checking_imports_are_exempt_only_where_listed(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "errors.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import wasmwright.binary\n"
    )
    assert rules(package) == ["errors.py:3: errors may not import binary, which is above it"]
    exempt = frozenset({("wasmwright.errors", "wasmwright.binary")})
    monkeypatch.setattr(check_layers, "TYPE_CHECKING_EXEMPT", exempt)
    assert rules(package) == []


def test_a_module_outside_the_table_is_reported(package: Path) -> None:
    (package / "misc.py").touch()
    assert rules(package) == ["misc.py:1: misc is in no layer: add it to LAYERS"]


def test_a_folder_without_init_is_reported(package: Path) -> None:
    (package / "text" / "__init__.py").unlink()
    (package / "text" / "lexer.py").touch()
    assert rules(package) == [
        "text:1: a folder with modules needs an __init__.py, or no wheel has it"
    ]


def test_output_and_exit_status(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_layers.main([str(package)]) == 0
    assert capsys.readouterr().out == "layers: no violations\n"
    (package / "errors.py").write_text("import wasmwright.binary\n")
    assert check_layers.main([str(package)]) == 1
    assert capsys.readouterr().out == (
        "src/wasmwright/errors.py:1: errors may not import binary, which is above it\n"
        "layers: 1 violation\n"
    )
