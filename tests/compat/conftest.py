"""What the tests of the stand-in for the `wasmtime` package share.

The expectations are what that package (version 50) does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import wasmwright.compat.wasmtime as w

Instantiate = Callable[..., w.InstanceExports]


@pytest.fixture
def store() -> w.Store:
    return w.Store()


@pytest.fixture
def instance() -> Instantiate:
    """``instance(store, text, *imports)``: the exports of a new instance."""

    def make(store: w.Store, text: str, *imports: object) -> w.InstanceExports:
        made = w.Instance(store, w.Module(store.engine, text), list(imports))
        return made.exports(store)

    return make
