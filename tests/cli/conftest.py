"""The command line as users have it: a process with arguments, input and an exit status."""

import signal
import subprocess
import sys
import time

import pytest

BASE = [sys.executable, "-m", "wasmwright"]


@pytest.fixture
def cli():
    """``cli(*arguments, input=b"")``: the finished process, its streams as bytes."""

    def run(*arguments, input=b"", **options):
        return subprocess.run(
            [*BASE, *map(str, arguments)], input=input, capture_output=True, timeout=100, **options
        )

    return run


@pytest.fixture
def interrupted_cli():
    """``interrupted_cli(*arguments)``: the same, with Ctrl-C after half a second."""

    def run(*arguments):
        process = subprocess.Popen(
            [*BASE, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        assert process.stderr is not None
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    return run


@pytest.fixture
def file(tmp_path, wat):
    """``file(text)``: the path of a binary made of the text."""

    def make(text, name="module.wasm"):
        path = tmp_path / name
        path.write_bytes(wat(text))
        return path

    return make
