"""What every test shares: the package under test named in the header, a cache of the run's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a code cache of its own: what an older compiler left must not be tested."""
    if "WASMWRIGHT_CACHE" not in os.environ:
        folder = tempfile.mkdtemp(prefix="wasmwright-cache-")
        os.environ["WASMWRIGHT_CACHE"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    # A failure of LLVM is a failure of ours.
    os.environ["WASMWRIGHT_FALLBACK"] = "off"
    # A shell has what it runs in the background ignore Ctrl-C, and children inherit that: the
    # tests of Ctrl-C would send it to programs that never end.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_failure_of_the_compiler() -> Iterator[None]:
    """Has a test fail during which LLVM failed, in whatever thread; it may clear the list."""
    yield
    from wasmwright.runtime import fallback

    found = fallback.failures.copy()
    fallback.failures.clear()
    assert not found, found


def pytest_report_header() -> str:
    """Say which wasmwright this run tests: the installed one, and compiled or pure."""
    spec = find_spec("wasmwright")
    if spec is None or spec.origin is None:
        return "wasmwright: not installed"
    from wasmwright import _build_info

    where = Path(spec.origin).parent
    return f"wasmwright {_build_info.VERSION}: {_build_info.describe()}, from {where}"


@pytest.fixture(scope="session")
def wat() -> Callable[[str], bytes]:
    """The function that turns a module's text into its binary."""
    from wasmwright.text import parse

    return parse


@pytest.fixture
def instantiate(wat: Callable[[str], bytes]) -> Callable[..., Any]:
    """``instantiate(text, imports=None, **options of Module)``: an instance."""
    import wasmwright as ww

    def make(text: str, imports: object = None, **options: object) -> Any:
        return ww.Instance(ww.Module(wat(text), **options), imports)

    return make


@pytest.fixture
def script(wat: Callable[[str], bytes]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``script(code, *arguments, name=text...)``: runs Python code in a process of its own.

    ``code`` finds wasmwright as ``ww``, and under each name the Module of the text.
    """

    def run(
        code: str, *arguments: str, options: tuple[str, ...] = (), **modules: str
    ) -> subprocess.CompletedProcess[str]:
        lines = ["import sys", "import wasmwright as ww"]
        lines += [f"{name} = ww.Module({wat(text)!r})" for name, text in modules.items()]
        lines.append(textwrap.dedent(code))
        return subprocess.run(
            [sys.executable, *options, "-", *arguments],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=100,
        )

    return run
