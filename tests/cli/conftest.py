"""The command line: commands with arguments and input, their output and exit status."""

import io
import signal
import subprocess
import sys
import time

import pytest

import wasmwright.cli
from wasmwright.cli import main

BASE = [sys.executable, "-m", "wasmwright"]


@pytest.fixture
def cli(capfdbinary, monkeypatch):
    """``cli(*arguments, input=b"")``: runs a command in this process, which is quicker.

    Gives what a process would have: an exit status, and the streams as bytes.
    """

    def run(*arguments, input=b""):
        with monkeypatch.context() as context:
            context.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input)))
            # Where LLVM is at work, for an earlier test, the process would end at once: ours.
            context.setattr(wasmwright.cli, "_leave", sys.exit)
            with pytest.raises(SystemExit) as ended:
                main([*map(str, arguments)])
            sys.stdout.flush()
        output, errors = capfdbinary.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, output, errors)

    return run


@pytest.fixture
def interrupted_cli():
    """``interrupted_cli(*arguments)``: a process that gets Ctrl-C after a while."""

    def run(*arguments):
        process = subprocess.Popen(
            [*BASE, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
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
