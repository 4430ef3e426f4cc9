"""Threads: instances apart run in parallel, and what threads share never hurts the host."""

import functools
import os
import sys
import threading
import time

import pytest

import wasmwright as ww

COUNT = """(module
  (import "host" "memory" (memory 1 2000))
  (import "host" "f" (func $f))
  (func (export "count") (param $n i64) (result i64) (local $x i64)
    (loop
      (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 31)) (local.get $n)))
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if 0 (i64.ne (local.get $n) (i64.const 0))))
    (local.get $x))
  (func $deep (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "deep") (param i32) (result i32) (call $deep (local.get 0)))
  (func (export "callback") (call $f))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"""


@pytest.fixture
def make(wat):
    module = ww.Module(wat(COUNT))

    def instance(memory=None, function=lambda: None):
        host = {"memory": memory or ww.Memory(1, 2000), "f": function}
        return ww.Instance(module, {"host": host}).exports

    return instance


def _run(*functions):
    failures = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(each,)) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_two_instances_run_in_parallel(make):
    first, second = make(), make()
    first.count(10)
    overlaps = []

    def work(exports, spans):
        start = time.perf_counter()
        exports.count(200_000_000)
        spans.append((start, time.perf_counter()))

    for _ in range(3):
        spans = []
        _run(*[functools.partial(work, each, spans) for each in (first, second)])
        (start1, end1), (start2, end2) = spans
        shorter = min(end1 - start1, end2 - start2)
        overlaps.append((min(end1, end2) - max(start1, start2)) / shorter)
    assert max(overlaps) > 0.7


def test_python_runs_while_wasm_does(make):
    exports = make()
    exports.count(10)
    thread = threading.Thread(target=exports.count, args=(500_000_000,))
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 20


def test_threads_in_one_instance_take_turns(make):
    inside, most = [], []

    def function():
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.0005)
        inside.pop()

    exports = make(function=function)
    _run(*[lambda: [exports.callback() for _ in range(20)]] * 4)
    assert max(most) == 1
    assert len(most) == 80


def test_threads_in_one_instance_get_their_own_results(make):
    exports = make()
    expected = {n: make().count(n) for n in range(1, 200)}
    wrong = []

    def work():
        for n, result in expected.items():
            if exports.count(n) != result:
                wrong.append(n)

    _run(work, work, work)
    assert wrong == []


def test_stack_limits_follow_the_thread(make):
    exports = make()
    depths = []

    def work(size):
        threading.stack_size(size)
        thread = threading.Thread(target=measure)
        thread.start()
        thread.join()
        threading.stack_size(0)

    def measure():
        low, high = 0, 1 << 22
        while high - low > 1:
            middle = (low + high) // 2
            try:
                exports.deep(middle)
                low = middle
            except ww.ExhaustionError:
                high = middle
        depths.append(low)

    for size in (128 << 10, 4 << 20, 64 << 10, 128 << 10):
        work(size)
    # The C library may give a thread a larger stack than asked for, one it has left.
    assert 0 < depths[0] < depths[1]
    assert all(depths)


def test_one_thread_grows_a_memory_while_others_use_it(make):
    memory = ww.Memory(1, 2000)
    instances = [make(memory) for _ in range(4)]
    sizes = []

    def grow(exports):
        for _ in range(300):
            sizes.append(exports.grow(1))

    def use(exports):
        for number in range(2000):
            exports.store(4 * number % 65536, number)
            exports.load(len(memory) - 4)
            with pytest.raises(ww.Trap):
                exports.load(2000 * 65536)

    a, b, c, d = instances
    _run(lambda: grow(a), lambda: grow(b), lambda: use(c), lambda: use(d))
    assert sorted(sizes) == list(range(1, 601))
    assert len(memory) == 601 * 65536


def test_instances_that_share_a_table_are_linked_and_used_from_threads(instantiate):
    table = ww.Table("funcref", 8)
    text = """(module (import "a" "t" (table 8 funcref))
      (func $f (result i32) (i32.const {number}))
      (elem declare func $f)
      (func (export "put") (table.set (i32.const {number}) (ref.func $f)))
      (func (export "call") (param i32) (result i32)
        (call_indirect (result i32) (local.get 0))))"""
    instances = [
        instantiate(text.format(number=number), {"a": {"t": table}}).exports for number in range(8)
    ]

    def work(exports, number):
        exports.put()
        for _ in range(300):
            assert exports.call(number) == number

    _run(*[lambda n=n: work(instances[n], n) for n in range(8)])


def test_linking_while_another_thread_runs_waits_or_is_safe(instantiate, make):
    exporter = instantiate(
        """(module (func (export "f") (result i32) i32.const 7)
             (func (export "spin") (param i32) (loop
               (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
    )
    importer = """(module (import "a" "f" (func $f (result i32)))
      (func (export "run") (result i32) (call $f)))"""
    done = threading.Event()

    def spin():
        while not done.is_set():
            exporter.exports.spin(100_000)

    def link():
        try:
            for _ in range(5):
                assert instantiate(importer, {"a": exporter}).exports.run() == 7
        finally:
            done.set()

    _run(spin, link)


def test_threads_that_enter_first_at_once_keep_their_own_stack_limits(make):
    """Each is measured before it enters; the one that does so first must not get the other's."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(500):
            exports = make(function=lambda: time.sleep(0))
            start = threading.Barrier(3, timeout=10)

            def call(exports=exports, start=start):
                start.wait()
                exports.callback()
                exports.callback()

            _run(*[call] * 3)
    finally:
        sys.setswitchinterval(interval)


def test_two_sets_of_instances_that_run_cannot_be_linked(instantiate, make):
    entered, leave = threading.Event(), threading.Event()

    def wait():
        entered.set()
        leave.wait(10)

    importer = """(module (import "a" "count" (func (param i64) (result i64)))
      (import "b" "count" (func (param i64) (result i64))))"""
    busy = make(function=wait)
    other = make(function=lambda: instantiate(importer, {"a": busy, "b": other}))
    thread = threading.Thread(target=busy.callback)
    thread.start()
    entered.wait(10)
    try:
        with pytest.raises(RuntimeError, match="while both are running"):
            other.callback()
    finally:
        leave.set()
        thread.join()
    other.callback()


AT_EXIT = """
import threading, time
host = {"memory": ww.Memory(1, 2000), "f": (lambda: time.sleep(0.001))}
instance = ww.Instance(count, {"host": host})
target = getattr(instance.exports, sys.argv[1])
def work():
    while True:
        target(*map(int, sys.argv[2:]))
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
print("leaving", flush=True)
"""


@pytest.mark.parametrize("call", [("count", "10000000000"), ("callback",), ("grow", "0")])
def test_a_daemon_thread_in_wasm_does_not_hold_up_the_exit(script, call):
    done = script(AT_EXIT, *call, count=COUNT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "leaving\n", "")


def test_threads_that_wait_for_each_other_are_told_so(make):
    """Each is in an instance, and calls the other's."""
    barrier = threading.Barrier(2, timeout=10)
    errors = []

    def call(other):
        barrier.wait()
        try:
            others[other].count(1)
        except RuntimeError as error:
            errors.append(str(error))

    others = [make(function=lambda: call(1)), make(function=lambda: call(0))]
    _run(others[0].callback, others[1].callback)
    assert len(errors) == 1
    assert "two threads wait for each other" in errors[0]
