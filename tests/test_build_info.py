from __future__ import annotations

import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from wasmwright import _build_info
from wasmwright.codegen.identity import hash_sources, source_identity

REPOSITORY = Path(__file__).parent.parent


def hot_modules() -> list[str]:
    """The modules that pyproject.toml wants compiled and that the repository has."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    source = REPOSITORY / "src"
    files = [
        f for pattern in settings["tool"]["wasmwright"]["compiled"] for f in source.glob(pattern)
    ]
    return sorted(
        ".".join(file.relative_to(source).with_suffix("").parts)
        for file in files
        if file.name != "__init__.py"
    )


def test_version_is_that_of_the_distribution() -> None:
    try:
        installed = version("wasmwright")
    except PackageNotFoundError:
        pytest.skip("wasmwright runs from the source tree")
    assert installed == _build_info.VERSION


@pytest.mark.parametrize("module", hot_modules())
def test_hot_modules_are_compiled_exactly_if_the_build_says_so(module: str) -> None:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.endswith(tuple(EXTENSION_SUFFIXES)) == _build_info.COMPILED


def test_description_names_the_build() -> None:
    kind = "compiled (mypyc " if _build_info.COMPILED else "pure Python ("
    assert _build_info.describe().startswith(kind)
    assert "\n" not in _build_info.describe()


def test_a_wheel_is_stamped_with_the_hash_of_its_own_sources() -> None:
    package = Path(_build_info.__file__).parent
    known = hash_sources(package).hex()
    assert (known if _build_info.HOW != "source tree" else "") == _build_info.SOURCES
    assert source_identity().hex() == known
