"""What the tests of the Web side share: node, and the polyfill's file built once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from wasmwright.web.build import library


@pytest.fixture(scope="session")
def node() -> str:
    """The path of node; without it the test is skipped."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("needs node on the PATH")
    return path


@pytest.fixture(scope="session")
def polyfill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The polyfill's single file."""
    path = tmp_path_factory.mktemp("polyfill") / "wasmwright.cjs"
    path.write_text(library())
    return path
