from __future__ import annotations

import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Iterator

import pytest

import wasmwright as ww
from wasmwright import wasi
from wasmwright.runtime import interrupts

LOOPS = """
(module
  (import "env" "host" (func $host (result i32)))
  (memory (export "memory") 1 8)
  (func (export "spin") (loop (br 0)))
  (func (export "call_host") (loop (drop (call $host)) (br 0)))
  (func (export "call_once") (result i32) (call $host))
  (func (export "copy") (loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 60000)) (br 0)))
  (func (export "grow") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func $recurse (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $recurse (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "recurse") (loop (drop (call $recurse (i32.const 500))) (br 0)))
  (tag $e)
  (func $throw (throw $e))
  (func (export "throw") (loop (block $h (try_table (catch $e $h) (call $throw))) (br 0)))
  (func (export "one") (result i32) (i32.const 1))
  (func (export "work") (param i32) (result i32) (local $i i32) (local $x i32)
    (loop
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 12345)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get $i) (local.get 0))))
    (i32.store (i32.const 0) (local.get $x))
    (local.get $i)))
"""
ENDLESS = ("spin", "call_host", "copy", "grow", "recurse", "throw")


@pytest.fixture(scope="module")
def module() -> ww.Module:
    return ww.Module(LOOPS)


def instance_of(module: ww.Module, host: object = lambda: 0) -> ww.Instance:
    instance = ww.Instance(module, {"env": {"host": host}})
    instance.exports.one()  # compiled before it is about time
    instance.exports.work(1)
    return instance


@pytest.fixture
def instance(module: ww.Module) -> Iterator[ww.Instance]:
    with instance_of(module) as made:
        yield made


def after(seconds: float, call: object) -> threading.Timer:
    timer = threading.Timer(seconds, call)  # type: ignore[arg-type]
    timer.start()
    return timer


@pytest.mark.parametrize("name", ENDLESS)
def test_interrupt_ends_a_runaway_call_and_the_instance_stays_usable(
    instance: ww.Instance, name: str
) -> None:
    for _ in range(3):
        timer = after(0.02, instance.interrupt)
        with pytest.raises(ww.InterruptError, match="^interrupted"):
            instance.exports[name]()
        timer.join()
        assert instance.exports.one() == 1


@pytest.mark.parametrize("name", ENDLESS)
def test_a_timeout_ends_a_call(instance: ww.Instance, name: str) -> None:
    began = time.monotonic()
    with pytest.raises(ww.InterruptError, match="the deadline of 0.05 s has passed"):
        instance.exports[name](timeout=0.05)
    assert 0.05 <= time.monotonic() - began < 5
    assert instance.exports.one(timeout=10) == instance.exports.one(timeout=None) == 1


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1"])
def test_a_timeout_is_a_number_of_seconds(instance: ww.Instance, timeout: object) -> None:
    with pytest.raises((ValueError, TypeError), match="a deadline is a number of seconds"):
        instance.exports.one(timeout=timeout)


def test_the_backtrace_of_an_interrupt_names_the_function(instance: ww.Instance) -> None:
    timer = after(0.02, instance.interrupt)
    with pytest.raises(ww.InterruptError) as caught:
        instance.exports.spin()
    timer.join()
    assert [frame.name for frame in caught.value.frames] == ["spin"]


def test_interrupt_without_a_call_says_so_and_does_not_touch_the_next(
    instance: ww.Instance,
) -> None:
    for _ in range(50):
        assert not instance.interrupt()
        assert instance.exports.one() == 1


def test_interrupting_again_and_again_at_any_moment(instance: ww.Instance) -> None:
    # Long calls are always stopped, short ones end or are stopped, and nothing else happens.
    stop = False
    stopped = ended = 0

    def pester() -> None:
        while not stop:
            time.sleep(random.random() * 0.002)
            instance.interrupt()

    thread = threading.Thread(target=pester)
    thread.start()
    try:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            try:
                instance.exports[random.choice(ENDLESS)]()
                raise AssertionError("an endless loop ended")
            except ww.InterruptError:
                stopped += 1
            try:
                assert instance.exports.work(random.randrange(1, 100_000)) > 0
                ended += 1
            except ww.InterruptError:
                stopped += 1
    finally:
        stop = True
        thread.join()
    assert stopped > 100
    assert ended > 10
    assert instance.exports.one() == 1


def test_threads_with_instances_of_their_own_are_stopped_one_by_one(module: ww.Module) -> None:
    outcomes: dict[int, str] = {}
    instances = [instance_of(module) for _ in range(4)]

    def run(number: int) -> None:
        try:
            instances[number].exports.spin()
        except ww.InterruptError:
            outcomes[number] = "stopped"

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for number in (2, 0, 3, 1):
        while not instances[number].interrupt():
            time.sleep(0.001)
        threads[number].join(10)
        assert outcomes.pop(number) == "stopped"
        assert not outcomes


def test_interrupt_reaches_what_a_host_function_called_in_another_instance(
    module: ww.Module,
) -> None:
    inner = instance_of(module)
    outer = instance_of(module, lambda: inner.exports.spin())
    timer = after(0.05, outer.interrupt)
    with pytest.raises(ww.InterruptError):
        outer.exports.call_once()
    timer.join()
    assert inner.exports.one() == outer.exports.one() == 1


def test_a_host_function_cannot_hide_an_interrupt(module: ww.Module) -> None:
    inner = instance_of(module)

    def host() -> int:
        try:
            inner.exports.spin()
        except ww.InterruptError:
            pass
        return 5

    outer = instance_of(module, host)
    timer = after(0.05, outer.interrupt)
    with pytest.raises(ww.InterruptError):
        outer.exports.call_once()
    timer.join()


def test_interrupting_the_inner_instance_alone_leaves_the_outer_call(module: ww.Module) -> None:
    inner = instance_of(module)

    def host() -> int:
        with pytest.raises(ww.InterruptError):
            inner.exports.spin()
        return 5

    outer = instance_of(module, host)
    timer = after(0.05, inner.interrupt)
    assert outer.exports.call_once() == 5
    timer.join()


def test_a_call_that_a_host_function_makes_while_it_is_stopped_is_stopped_too(
    module: ww.Module,
) -> None:
    # The same instance: the call inside belongs to the one that is stopped.
    made: list[ww.Instance] = []
    caught = []

    def host() -> int:
        made[0].interrupt()
        try:
            made[0].exports.spin()
        except ww.InterruptError as error:
            caught.append(error)
        return 0

    made.append(instance_of(module, host))
    with pytest.raises(ww.InterruptError):
        made[0].exports.call_once()
    assert len(caught) == 1
    assert made[0].exports.one() == 1


def test_a_deadline_ends_a_call_and_says_so(instance: ww.Instance) -> None:
    began = time.monotonic()
    with pytest.raises(ww.InterruptError, match=r"interrupted: the deadline of 0.05 s has passed"):
        with ww.deadline(0.05):
            instance.exports.spin()
    assert time.monotonic() - began < 5
    assert instance.exports.one() == 1


def test_a_deadline_that_is_met_changes_nothing(instance: ww.Instance) -> None:
    with ww.deadline(30):
        assert instance.exports.one() == 1
    instance.exports.work(1_000_000)


def test_calls_that_begin_after_the_deadline_are_stopped_too(instance: ww.Instance) -> None:
    with ww.deadline(0):
        time.sleep(0.02)
        for _ in range(3):
            with pytest.raises(ww.InterruptError):
                instance.exports.spin()
    assert instance.exports.work(1_000_000) == 1_000_000


def test_a_deadline_around_a_call_inside_does_not_end_the_one_outside(module: ww.Module) -> None:
    made: list[ww.Instance] = []

    def host() -> int:
        with pytest.raises(ww.InterruptError), ww.deadline(0.02):
            made[0].exports.spin()
        return made[0].exports.work(1_000_000)

    made.append(instance_of(module, host))
    for _ in range(5):
        assert made[0].exports.call_once() == 1_000_000


def test_a_deadline_inside_a_host_function_leaves_the_call_outside_alone(
    module: ww.Module,
) -> None:
    def host() -> int:
        with ww.deadline(0):
            time.sleep(0.02)
        return 3

    assert instance_of(module, host).exports.call_once() == 3


def test_the_nearer_of_two_deadlines_counts(instance: ww.Instance) -> None:
    for outer, inner in ((0.05, 30.0), (30.0, 0.05)):
        with pytest.raises(ww.InterruptError, match="0.05 s"):
            with ww.deadline(outer), ww.deadline(inner):
                instance.exports.spin()


def test_nothing_after_a_deadline_is_stopped_by_it(instance: ww.Instance) -> None:
    stopped = 0
    for _ in range(1500):
        try:
            with ww.deadline(random.random() * 0.0005):
                instance.exports.work(random.randrange(1, 1_000_000))
        except ww.InterruptError:
            stopped += 1
        instance.exports.work(20_000)
    assert stopped > 10


def test_deadlines_in_many_threads(module: ww.Module) -> None:
    problems: list[object] = []

    def run() -> None:
        try:
            instance = instance_of(module)
            for _ in range(20):
                with pytest.raises(ww.InterruptError), ww.deadline(0.01):
                    instance.exports.spin()
                instance.exports.work(50_000)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_a_deadline_ends_waiting_for_another_thread(module: ww.Module) -> None:
    inside, leave = threading.Event(), threading.Event()

    def host() -> int:
        inside.set()
        leave.wait(20)
        return 0

    instance = ww.Instance(module, {"env": {"host": host}})
    instance.exports.one()
    thread = threading.Thread(target=instance.exports.call_once)
    thread.start()
    inside.wait(20)
    try:
        with pytest.raises(ww.InterruptError, match="deadline of 0.05 s has passed"):
            with ww.deadline(0.05):
                instance.exports.one()
    finally:
        leave.set()
        thread.join()
    assert instance.exports.one() == 1


def test_a_deadline_can_expire_before_its_time(instance: ww.Instance) -> None:
    for seconds in (None, 60):
        with interrupts.Deadline(seconds) as deadline:
            timer = after(0.02, lambda: deadline.expire("enough"))
            with pytest.raises(ww.InterruptError, match="interrupted: enough"):
                instance.exports.spin()
            timer.join()
    deadline.expire("too late")
    assert instance.exports.one() == 1


def test_a_deadline_can_be_used_again_but_not_twice_at_once(instance: ww.Instance) -> None:
    limit = ww.deadline(30)
    with limit, pytest.raises(RuntimeError), limit:
        pass
    with limit:
        assert instance.exports.one() == 1


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_deadline_is_a_time(seconds: float) -> None:
    with pytest.raises(ValueError):
        ww.deadline(seconds)


def test_cancelled_deadlines_do_not_pile_up(instance: ww.Instance) -> None:
    for _ in range(5000):
        with ww.deadline(3600):
            instance.exports.one()
    assert len(interrupts._watchdog._timers) < 1000


def test_a_signal_mask_that_blocks_everything_does_not_block_a_deadline(
    module: ww.Module,
) -> None:
    import signal

    outcome = []

    def run() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        instance = instance_of(module)
        with pytest.raises(ww.InterruptError), ww.deadline(0.02):
            instance.exports.spin()
        outcome.append("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert outcome == ["stopped"]


def _in_child(queue: multiprocessing.Queue[str]) -> None:
    instance = ww.Instance(ww.Module('(module (func (export "spin") (loop (br 0))))'))
    try:
        with ww.deadline(0.05):
            instance.exports.spin()
    except ww.InterruptError:
        queue.put("stopped")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_deadline_works_in_a_forked_child(instance: ww.Instance) -> None:
    with ww.deadline(30):  # the watchdog runs
        instance.exports.one()
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[str] = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == "stopped"
    child.join(10)


def test_the_timeout_of_a_run_ends_a_loop_and_a_wait() -> None:
    loop = ww.Module('(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))')
    with pytest.raises(ww.InterruptError):
        wasi.run(loop, timeout=0.05)
    reads = ww.Module(
        '(module (import "wasi_snapshot_preview1" "fd_read"'
        " (func $read (param i32 i32 i32 i32) (result i32)))"
        ' (memory (export "memory") 1) (data (i32.const 4) "\\10\\00\\00\\00")'
        ' (func (export "_start")'
        " (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"
    )
    read_end, write_end = os.pipe()
    try:
        began = time.monotonic()
        with pytest.raises(ww.InterruptError):
            wasi.run(reads, stdin=read_end, timeout=0.1)
        assert time.monotonic() - began < 10
    finally:
        os.close(read_end)
        os.close(write_end)


def test_interrupts_and_garbage_collection_of_the_host(module: ww.Module) -> None:
    # Blocks come and go while the watchdog looks at all of them.
    made = [instance_of(module) for _ in range(20)]
    sys.setswitchinterval(1e-5)
    try:
        for number in range(60):
            made[number % 20] = instance_of(module)
            with pytest.raises(ww.InterruptError), ww.deadline(0.002):
                made[number % 20].exports.spin()
    finally:
        sys.setswitchinterval(0.005)


@pytest.mark.parametrize("entry", ["deadline", "function", "instance", "first call"])
def test_a_handler_that_comes_later_is_called_while_wasm_runs(entry: str) -> None:
    import signal

    module = ww.Module(LOOPS)
    instance = instance_of(module)
    spin = None if entry == "function" else instance.exports.spin
    if entry != "first call":
        with pytest.raises(ww.InterruptError):
            instance.exports.spin(timeout=0.02)
        if entry == "function":
            instance = ww.Instance(module, {"env": {"host": lambda: 0}})

    class Stop(Exception):
        pass

    def handler(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGINT, handler)
    try:
        if entry == "instance":
            ww.Instance(ww.Module("(module)"))
        timer = after(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
        options = {"timeout": 20} if entry == "deadline" else {}
        with pytest.raises(Stop):
            (spin or instance.exports.spin)(**options)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
