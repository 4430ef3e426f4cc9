"""A failure of LLVM, wherever it comes, leaves a program that runs, and a line in the log."""

from __future__ import annotations

import ctypes
import io
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

import wasmwright as ww
from wasmwright.codegen.llvm import compiler, lower
from wasmwright.codegen.objects import ObjectError
from wasmwright.codegen.options import AUTO, OPTIMISED
from wasmwright.runtime import fallback, native, tiering
from wasmwright.runtime.native_stubs import Stubs

PATIENCE = 60.0  # seconds that a compilation may take on a busy machine
TEXT = """(module
  (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $good (export "good") (param i32) (result i32)
    (i32.add (call $twice (local.get 0)) (i32.const 1)))
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (call $good (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"""
SUM = 10100  # of 100


def failing(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*arguments: object, **named: object) -> NoReturn:
        raise error

    return fail


# Where LLVM fails, and the words of the log.
FAULTS = {
    "lowering": (lower, "lower", AssertionError("no way"), "AssertionError: no way"),
    "memory": (lower, "lower", MemoryError(), "(MemoryError)"),
    "parser": (compiler, "_parsed", RuntimeError("LLVM IR parsing error\nhere"), "error here"),
    "passes": (compiler, "_run_passes", OSError("no pass"), "OSError: no pass"),
    "machine": (compiler, "_machine", RuntimeError("No such CPU"), "No such CPU"),
    "emitter": (compiler, "_emitted", MemoryError("of LLVM"), "MemoryError: of LLVM"),
    "loading": (native.Native, "load_code", ObjectError("relocation"), "relocation"),
    "assertion of the parser": (compiler, "_parse", None, "LLVMPY_ParseAssembly aborted"),
    "assertion of a pass": (compiler, "_run_passes", None, "PassManager aborted"),
    "assertion of the emitter": (compiler, "_emit", None, "EmitToMemory aborted"),
}


@pytest.fixture
def log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[pytest.LogCaptureFixture]:
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    monkeypatch.setenv(fallback.VARIABLE, "on")
    monkeypatch.setattr(fallback, "_logged", set())
    with caplog.at_level(logging.WARNING, "wasmwright"):
        yield caplog
    # What is compiled for this test must not fail in the next one.
    end = time.monotonic() + PATIENCE
    while tiering.get().busy and time.monotonic() < end:
        time.sleep(0.01)
    fallback.failures.clear()


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in log.records if each.name == "wasmwright"]


def inject(monkeypatch: pytest.MonkeyPatch, fault: str) -> str:
    where, name, error, words = FAULTS[fault]
    replacement = aborting(getattr(where, name)) if error is None else failing(error)
    monkeypatch.setattr(where, name, replacement)
    return words


def aborting(function: Any) -> Any:
    """A function of llvmlite's library that ends the process, if nobody prevents it."""
    abort = ctypes.CDLL(None).abort
    abort.restype, abort.argtypes = function._function.restype, function._function.argtypes
    replacement = type(function)(function._name)
    replacement._function = abort
    return replacement


def use(module: ww.Module) -> None:
    exports = ww.Instance(module).exports
    assert (exports.good(5), exports.sum(100)) == (11, SUM + 100)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("how", ["called", "compiled", "arrived"])
def test_what_llvm_fails_at_is_baseline_code(
    fault: str, how: str, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    words = inject(monkeypatch, fault)
    if how == "arrived":
        binary = ww.wat2wasm(TEXT)
        module = ww.Module.from_stream(io.BytesIO(binary), tier=OPTIMISED, compile=True)
    else:
        module = ww.Module(TEXT, tier=OPTIMISED)
        if how == "compiled":
            module.compile()
    use(module)
    (line,) = lines(log)
    assert line.startswith("LLVM failed at ")
    assert words in line
    assert "the baseline tier compiles" in line
    assert "good" in line or "twice" in line


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_hot_stays_as_it_is(
    fault: str, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    words = inject(monkeypatch, fault)
    total = ww.Instance(ww.Module(TEXT, tier=AUTO)).exports.sum
    end = time.monotonic() + PATIENCE
    while not lines(log):
        assert total(100_000)
        assert time.monotonic() < end
    for _ in range(5):
        assert total(100) == SUM + 100
    (line,) = lines(log)
    assert words in line


def test_one_function_that_llvm_fails_at(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    """The others are LLVM's all the same."""
    usual = lower.lower

    def lowering(module: Any, layout: Any, funcs: list[int], *others: Any) -> Any:
        if 2 in funcs:
            raise ValueError("not this one")
        return usual(module, layout, funcs, *others)

    monkeypatch.setattr(lower, "lower", lowering)
    monkeypatch.setattr("wasmwright.tuning.EAGER_UNIT", 1)
    module = ww.Module(TEXT, tier=OPTIMISED)
    module.compile()
    use(module)
    code = module.code(True)
    assert [list(unit.funcs) for unit in code._baseline_units] == [[2]]
    assert len(code._units) == 2
    assert lines(log)[0].startswith("LLVM failed at sum (ValueError: not this one)")


def test_what_llvm_would_take_gigabytes_for(log: pytest.LogCaptureFixture) -> None:
    """Each of the blocks passes on what the branch to it carries."""
    blocks, values = 300, 1000
    types = f"(type (func (result {'i32 ' * values})))"
    text = f"""(module {types} (func (export "f") (param i32) (result i32)
      {"block (type 0) " * blocks} {"i32.const 7 " * values} local.get 0
      br_table {" ".join(map(str, range(blocks)))} {"end " * blocks}
      {"drop " * (values - 1)}))"""
    assert ww.Instance(ww.Module(text, tier=OPTIMISED)).exports.f(5) == 7
    (line,) = lines(log)
    assert "f (OverflowError: branches of function 0 carry more than 200000 operands)" in line


def refuse(*arguments: object, **named: object) -> NoReturn:
    raise RuntimeError("can't start new thread")


def test_no_thread_for_the_compiler(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    use(ww.Module(TEXT, tier=OPTIMISED))
    assert not lines(log)  # it works in ours


@pytest.mark.parametrize("what", ["threading.Thread.start", "os.pipe"])
def test_no_thread_for_what_is_hot(
    what: str, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tiering, "_tiers", tiering.Tiers())
    monkeypatch.setattr(what, refuse)
    module = ww.Module(TEXT, tier=AUTO)
    use(module)
    use(module)
    (line,) = lines(log)
    assert "can't start new thread" in line


def test_stubs(monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture) -> None:
    ready = native.get().stubs._ready
    arena = native.get().stubs._arena
    stubs = Stubs(arena, ready, native.get()._load_stubs)
    stubs.use_compiler()
    inject(monkeypatch, "parser")
    key = "iiiiiiIFDFDIiiiii_"
    assert f"entry_{key}" not in ready
    entry, host = stubs.find(key)
    assert entry != host
    assert key in stubs._generic
    (line,) = lines(log)
    assert "stubs" in line


def test_what_a_handler_of_signals_raises_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    class Alarm(Exception):
        pass

    def handler(number: int, frame: object) -> NoReturn:
        raise Alarm

    usual = lower.lower
    lowering = threading.Event()

    def slow(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGALRM)
        lowering.wait(5)
        return usual(*arguments)

    monkeypatch.setattr(lower, "lower", slow)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(Alarm):
            use(ww.Module(TEXT, tier=OPTIMISED))
    finally:
        lowering.set()
        signal.signal(signal.SIGALRM, before)
    monkeypatch.setattr(lower, "lower", usual)
    use(ww.Module(TEXT, tier=OPTIMISED))
    assert not lines(log)


def test_a_failure_can_be_had_as_an_error(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(fallback.VARIABLE, "off")
    inject(monkeypatch, "lowering")
    module = ww.Module(TEXT, tier=OPTIMISED)
    for call in (module.compile, lambda: ww.Instance(module).exports.good(1)):
        with pytest.raises(ww.PlatformError, match="LLVM failed: no way") as caught:
            call()
        assert isinstance(caught.value.__cause__, AssertionError)


def test_ahead_of_time_there_is_nothing_to_fall_back_to(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    inject(monkeypatch, "parser")
    with pytest.raises(ww.PlatformError, match="LLVM failed: LLVM IR parsing error"):
        ww.Module(TEXT).serialize()


ABORTS = """
import faulthandler, os, signal
def use(number):
    text = f'(module (func (export "f") (result i32) (i32.const {number})))'
    assert ww.Instance(ww.Module(text, tier="optimised")).exports.f() == number
use(1)
if "python" in sys.argv:
    signal.signal(signal.SIGABRT, lambda *_: print("handled"))
if "ignored" in sys.argv:
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
if "faulthandler" in sys.argv:
    faulthandler.enable()
use(2)
os.kill(os.getpid(), signal.SIGABRT)
print("alive", flush=True)
os.abort()
"""


@pytest.mark.parametrize(
    ("who", "printed"),
    [("nobody", ""), ("python", "handled\nalive\n"), ("ignored", "alive\n"), ("faulthandler", "")],
)
def test_who_else_aborts_does_as_ever(who: str, printed: str, script: Any) -> None:
    done = script(ABORTS, who)
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, printed)
    assert done.stderr.count("Fatal Python error") == (who == "faulthandler")
