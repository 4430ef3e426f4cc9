"""What tests of the runtime share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wasmwright.runtime import compile_log


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is compiled is noted, and nothing comes from the cache."""
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    compile_log.enable()
    yield
    compile_log.disable()
