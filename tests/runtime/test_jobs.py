"""Compiling in several threads: what comes out, what goes wrong, and who may call meanwhile."""

import gc
import os
import subprocess
import sys
import threading
import time

import pytest

import wasmwright as ww
from wasmwright import tuning
from wasmwright.runtime import jobs, native

FUNCTIONS = 40
SOURCE = "(module {})".format(
    "".join(
        f'(func (export "f{i}") (param i32) (result i32)'
        f" (i32.add (i32.mul (local.get 0) (i32.const {i})) (i32.const {i * i})))"
        for i in range(FUNCTIONS)
    )
)


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    """Many units of a small module."""
    monkeypatch.setattr(tuning, "EAGER_UNIT", 16)


@pytest.fixture
def no_cache(monkeypatch):
    """Nothing is found on disk."""
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")


def test_the_same_bytes_come_out_of_any_number_of_jobs():
    module = ww.Module(SOURCE)
    made = {module.serialize(jobs=count) for count in (1, 2, 7)}
    assert len(made) == 1
    assert ww.Instance(ww.Module.load(made.pop())).exports.f3(5) == 24


@pytest.mark.parametrize("count", [None, 1, 5])
def test_every_function_is_compiled_and_progress_is_told_in_bytes(no_cache, count):
    module = ww.Module(SOURCE)
    told = []
    module.compile(jobs=count, progress=lambda done, total: told.append((done, total)))
    code = module.code(True)
    assert all(code._compiled)
    total = sum(body.end - body.start for body in module.model.codes)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    exports = ww.Instance(module).exports
    assert [exports[f"f{i}"](10) for i in range(FUNCTIONS)] == [
        10 * i + i * i for i in range(FUNCTIONS)
    ]


def test_a_second_compile_has_nothing_to_do(no_cache):
    module = ww.Module(SOURCE)
    module.compile(jobs=2)
    told = []
    module.compile(progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 0)]


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_job_is_a_value_error(count):
    with pytest.raises(ValueError, match=f"jobs must be at least 1, not {count}"):
        ww.Module(SOURCE).compile(jobs=count)


def test_a_task_that_fails_ends_the_others_and_says_why():
    begun = []

    def good():
        begun.append(1)
        return b"good"

    def bad():
        raise LookupError("no such thing")

    tasks = [bad] + 100 * [good]
    with pytest.raises(LookupError, match="no such thing"):
        list(jobs.run(tasks, [2] + 100 * [1], 1))
    assert not begun
    assert gc.isenabled()


def test_what_progress_raises_leaves_a_module_that_works(no_cache):
    module = ww.Module(SOURCE)

    def enough(done, total):
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        module.compile(jobs=2, progress=enough)
    assert gc.isenabled()
    assert ww.Instance(module).exports.f7(1) == 56


def test_functions_are_called_while_all_are_compiled(no_cache):
    module = ww.Module(SOURCE)
    exports = ww.Instance(module).exports
    results = []

    def call():
        results.extend(exports[f"f{i}"](2) for i in reversed(range(FUNCTIONS)))

    def on_first(done, total):
        if not done:
            thread.start()

    thread = threading.Thread(target=call)
    module.compile(jobs=2, progress=on_first)
    thread.join()
    assert results == [2 * i + i * i for i in reversed(range(FUNCTIONS))]


def test_without_threads_the_caller_does_it(no_cache, monkeypatch):
    core = native.get()
    monkeypatch.setattr(core, "start_compiler_thread", lambda run: False)
    module = ww.Module(SOURCE)
    module.compile(jobs=4)
    assert all(module.code(True)._compiled)


def test_tasks_run_at_the_same_time():
    together = threading.Barrier(3)

    def task():
        together.wait(10)
        return b""

    assert len(list(jobs.run([task] * 3, [1] * 3, 3))) == 3


def test_a_process_that_ends_in_the_middle_waits_for_llvm_and_takes_no_new_task(tmp_path):
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
import wasmwright as ww
from wasmwright import tuning
tuning.EAGER_UNIT = 16
def stop(done, total):
    if done: raise SystemExit(7)
ww.Module({SOURCE!r}).compile(jobs=2, progress=stop)
"""
    path = tmp_path / "script.py"
    path.write_text(script)
    environment = {**os.environ, "WASMWRIGHT_CACHE": "off"}
    start = time.monotonic()
    done = subprocess.run([sys.executable, path], capture_output=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (7, b"")
    assert time.monotonic() - start < 30


def test_llvm_is_set_up_once_where_all_threads_need_it_first(tmp_path):
    environment = {**os.environ, "WASMWRIGHT_CACHE": str(tmp_path)}
    head = f"import sys; sys.path[:0] = {sys.path!r}\nimport wasmwright as ww\n"
    # The native parts come from the cache the second time.
    first = head + "ww.Instance(ww.Module('(module)'))"
    second = head + (
        "from wasmwright import tuning\ntuning.EAGER_UNIT = 16\n"
        "from wasmwright.runtime import native; native.get()\n"
        "assert 'llvmlite' not in sys.modules\n"
        f"ww.Module({SOURCE!r}).compile(jobs=8)\nprint('done')"
    )
    for script in (first, second):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, env=environment, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"done\n"
