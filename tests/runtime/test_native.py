"""Signals and stacks: what must never take the process along, tried in processes of their own."""

import signal

import pytest

LOAD = """(module (memory 1)
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"""

TRAP = """
try:
    instance.exports.load(1 << 20)
except ww.Trap as trap:
    print(trap.kind, flush=True)
"""


# -- faults ------------------------------------------------------------------------------


def test_a_fault_outside_of_wasm_still_ends_the_process(script):
    done = script(
        f"instance = ww.Instance(load)\n{TRAP}\nimport ctypes\nctypes.string_at(0)", load=LOAD
    )
    assert done.stdout == "out of bounds memory access\n"
    assert done.returncode == -signal.SIGSEGV


def test_a_fault_inside_a_callback_still_ends_the_process(script):
    module = '(module (import "h" "f" (func $f)) (func (export "run") (call $f)))'
    code = """
        import ctypes
        ww.Instance(module, {"h": {"f": lambda: ctypes.string_at(16)}}).exports.run()
    """
    assert script(code, module=module).returncode == -signal.SIGSEGV


def test_the_signal_sent_from_outside_still_ends_the_process(script):
    code = """
        import os, signal
        ww.Instance(load)
        os.kill(os.getpid(), signal.SIGSEGV)
        print("still here")
    """
    done = script(code, load=LOAD)
    assert done.returncode == -signal.SIGSEGV
    assert done.stdout == ""


@pytest.mark.parametrize("order", ["before", "between"])
def test_faulthandler_and_wasm_both_get_their_faults(script, order):
    enable = "import faulthandler\nfaulthandler.enable()\n"
    code = "instance = ww.Instance(load)\n"
    code = enable + code if order == "before" else code + enable + code
    done = script(code + TRAP + "import ctypes\nctypes.string_at(0)", load=LOAD)
    assert done.stdout == "out of bounds memory access\n"
    assert done.stderr.count("Fatal Python error: Segmentation fault") == 1
    assert "string_at" in done.stderr
    assert done.returncode == -signal.SIGSEGV


def test_a_thousand_faults_with_faulthandler_are_a_thousand_traps(script):
    code = """
        import faulthandler
        faulthandler.enable()
        instance = ww.Instance(load)
        count = 0
        for _ in range(1000):
            try:
                instance.exports.load(-4)
            except ww.Trap:
                count += 1
        print(count)
    """
    done = script(code, load=LOAD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1000\n", "")


# -- Ctrl-C ------------------------------------------------------------------------------

LOOPS = """(module
  (import "host" "f" (func $f (param i32) (result i32)))
  (memory 4096)
  (func (export "loop") (loop (br 0)))
  (func (export "store") (loop (i32.store (i32.const 0) (i32.const 1)) (br 0)))
  (func (export "fill")
    (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x8000000)) (br 0)))
  (func (export "little") (param i32)
    (loop (memory.fill (i32.const 0) (i32.const 1) (local.get 0)) (br 0)))
  (func (export "copy")
    (loop (memory.copy (i32.const 0) (i32.const 9) (i32.const 0x8000000)) (br 0)))
  (func (export "callback") (loop (drop (call $f (i32.const 3))) (br 0)))
  (func (export "grow") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func $f1 (call $f2)) (func $f2 (call $f3)) (func $f3)
  (func (export "calls") (loop (call $f1) (br 0)))
  (func (export "count") (param $n i64) (result i64) (local $x i64)
    (loop
      (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 31)) (local.get $n)))
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if 0 (i64.ne (local.get $n) (i64.const 0))))
    (local.get $x)))"""

INTERRUPT = """
import operator, os, signal, threading, time

hosts = {"python": lambda value: value, "builtin": operator.neg, "sleep": lambda v: time.sleep(60)}
loops.compile()
instance = ww.Instance(loops, {"host": {"f": hosts[sys.argv[2]]}})
instance.exports.count(10)

def interrupt(times, pause=0.3):
    def send():
        for _ in range(times):
            time.sleep(pause)
            os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=send, daemon=True).start()

def interrupt_until(enough):
    # Again and again: two signals that are pending at once are one.
    def send():
        while not enough():
            time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    return sender
"""


@pytest.mark.parametrize(
    ("name", "host", "arguments"),
    [
        ("loop", "python", ""),
        ("store", "python", ""),
        ("calls", "python", ""),
        ("fill", "python", ""),
        ("little", "python", "64"),
        ("copy", "python", ""),
        ("callback", "python", ""),
        ("callback", "builtin", ""),
        ("callback", "sleep", ""),
        ("grow", "python", ""),
    ],
)
def test_ctrl_c_ends_a_loop_and_leaves_the_instance_usable(script, name, host, arguments):
    code = f"""
        before = instance.exports.count(1000)
        interrupt(1)
        try:
            instance.exports[sys.argv[1]]({arguments})
        except KeyboardInterrupt as error:
            print(error.__notes__[0].split("$")[-1])
        print(instance.exports.count(1000) == before)
    """
    done = script(INTERRUPT + code.replace("\n        ", "\n"), name, host, loops=LOOPS)
    assert done.stdout.splitlines() == [name, "True"], done.stderr


def test_wasm_goes_on_after_a_signal_handler_that_does_not_raise(script):
    code = """
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(sum(range(1000))))
instance = ww.Instance(loops, {"host": {"f": print}})
expected = instance.exports.count(200_000_000)
sender = interrupt_until(lambda: len(seen) >= 4)
while len(seen) < 4:
    assert instance.exports.count(200_000_000) == expected
sender.join()
print(len(seen) >= 4)
"""
    done = script(INTERRUPT + code, "", "python", loops=LOOPS, options=("-X", "faulthandler"))
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_signal_handler_may_call_the_interrupted_instance(script):
    code = """
seen = []
def handler(*_):
    seen.append(instance.exports.count(1000))
    try:
        instance.exports.count("not a number")
    except TypeError:
        pass
signal.signal(signal.SIGINT, handler)
instance = ww.Instance(loops, {"host": {"f": print}})
expected = instance.exports.count(200_000_000)
sender = interrupt_until(lambda: len(seen) >= 3)
while len(seen) < 3:
    assert instance.exports.count(200_000_000) == expected
sender.join()
print({*seen} == {instance.exports.count(1000)})
"""
    done = script(INTERRUPT + code, "", "python", loops=LOOPS)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_ctrl_c_reaches_the_main_thread_while_wasm_runs_in_another(script):
    code = """
threading.Thread(target=instance.exports.loop, daemon=True).start()
interrupt(1)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    done = script(INTERRUPT + code, "", "python", loops=LOOPS)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


# -- stacks ------------------------------------------------------------------------------

RECURSE = """(module
  (import "host" "f" (func $f (param i32) (result i32)))
  (type $t (func (param i32) (result i32)))
  (table 4 funcref)
  (elem (i32.const 0) $indirect)
  (func $self (export "self") (param i32) (result i32)
    (i32.add (i32.const 1) (call $self (local.get 0))))
  (func $a (export "mutual") (param i32) (result i32)
    (i32.sub (call $b (local.get 0)) (i32.const 1)))
  (func $b (param i32) (result i32) (i32.add (i32.const 1) (call $a (local.get 0))))
  (func $indirect (export "indirect") (param i32) (result i32)
    (i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (i32.const 0))))
  (func $host (export "host") (param i32) (result i32)
    (i32.add (i32.const 1) (call $f (local.get 0))))
  (func $down (export "down") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $f (i32.const 0)))))
  (func $trap (export "trap") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $trap (i32.sub (local.get 0) (i32.const 1)))))
      (else unreachable))))"""

IMPORTER = """(module (import "a" "host" (func $f (param i32) (result i32)))
  (func (export "back") (param i32) (result i32)
    (i32.add (i32.const 1) (call $f (local.get 0)))))"""

STACK = """
import threading

box = []
instance = ww.Instance(recurse, {"host": {"f": lambda value: box[0](value)}})
importer = ww.Instance(importer, {"a": instance})
box.append(importer.exports.back)

def exhaust():
    for name in ("self", "mutual", "indirect", "host"):
        for _ in range(2):
            try:
                instance.exports[name](1)
            except (ww.ExhaustionError, RecursionError) as error:
                found.append(type(error).__name__)
    for depth in (10, 1000, 1 << 30):
        try:
            instance.exports.trap(depth)
        except ww.Trap as trap:
            found.append(trap.kind)

def in_thread(kibibytes):
    threading.stack_size(kibibytes << 10)
    thread = threading.Thread(target=exhaust)
    thread.start()
    thread.join()
    threading.stack_size(0)
"""


def test_every_runaway_recursion_ends_in_an_exception_on_every_size_of_stack(script):
    code = """
for size in (None, 64, 96, 128, 256, 512, 1024, 16384):
    found = []
    in_thread(size) if size else exhaust()
    assert found[:6] == ["ExhaustionError"] * 6, (size, found)
    assert len(found) == 11, (size, found)
    assert found[-1] == "call stack exhausted"
    assert found[-3] == "unreachable"
print("done")
"""
    done = script(STACK + code, recurse=RECURSE, importer=IMPORTER)
    assert (done.returncode, done.stdout) == (0, "done\n"), (done.returncode, done.stderr)


def test_a_thread_with_a_small_stack_compiles_and_runs(script):
    code = """
import threading
threading.stack_size(64 << 10)
results = []
thread = threading.Thread(target=lambda: results.append(ww.Instance(load).exports.load(0)))
thread.start()
thread.join()
print(results)
"""
    done = script(code, load=LOAD)
    assert (done.returncode, done.stdout) == (0, "[0]\n"), done.stderr


def _huge(count, kind, size):
    locals_ = "".join(f"(local $l{i} {kind})" for i in range(count))
    reads = "".join(f"(local.set $l{i} ({kind}.load (i32.const {size * i})))" for i in range(count))
    writes = "".join(
        f"({kind}.store (i32.const {size * i}) (local.get $l{i}))" for i in range(count)
    )
    return f"""(module (memory 16)
      (func $f (export "f") (param i32) {locals_} {reads}
        (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))) {writes}))"""


@pytest.mark.parametrize(("count", "kind", "size"), [(40, "i64", 8), (2500, "i64", 8)])
def test_functions_with_huge_frames_exhaust_the_stack_like_others(script, count, kind, size):
    code = """
import threading
instance = ww.Instance(huge)
def run():
    if not 0 < stack < 512:
        instance.exports.f(0)
    for _ in range(2):
        try:
            instance.exports.f(-1)
        except ww.ExhaustionError:
            print("exhausted")
for stack in (0, 64, 100, 160, 256, 512, 2048):
    threading.stack_size(stack << 10)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
run()
"""
    done = script(code, huge=_huge(count, kind, size))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["exhausted"] * 16


@pytest.mark.parametrize(
    "work",
    [
        "def nest(n):\n    if n:\n        sorted([1], key=lambda _: nest(n - 1) or 0)",
        "def nest(n):\n    value = []\n    for _ in range(2 * n): value = [value]\n    repr(value)",
        "def nest(n):\n    import json\n    json.loads('[' * 2 * n + ']' * 2 * n)",
        "def nest(n):\n    import re\n    re.compile('(' * 90 + 'a' + ')' * 90)",
    ],
    ids=["sort", "repr", "json", "re"],
)
def test_a_callback_at_the_deepest_place_has_the_stack_that_python_needs(script, work):
    code = f"""
{work}
instance = ww.Instance(recurse, {{"host": {{"f": lambda value: nest(300) or 0}}}})
low, high = 0, 1 << 22
while high - low > 1:
    middle = (low + high) // 2
    try:
        instance.exports.down(middle)
        low = middle
    except ww.ExhaustionError:
        high = middle
print(low > 1000)
"""
    done = script(code, recurse=RECURSE)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_function_is_compiled_at_the_deepest_place(script):
    body = "(local.get 0)"
    for i in range(300):
        body = f"(i32.xor (i32.popcnt {body}) (i32.load8_u (i32.const {i})))"
    module = f"""(module (memory 1)
      (func $large (param i32) (result i32) {body})
      (func $probe (export "probe") (param i32)
        (if (local.get 0) (then (call $probe (i32.sub (local.get 0) (i32.const 1))))))
      (func $down (export "down") (param i32)
        (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))
          (else (drop (call $large (i32.const 1)))))))"""
    code = """
instance = ww.Instance(module)
low, high = 0, 1 << 22
while high - low > 1:
    middle = (low + high) // 2
    try:
        instance.exports.probe(middle)
        low = middle
    except ww.ExhaustionError:
        high = middle
for distance in range(200, 0, -20):
    try:
        ww.Instance(ww.Module(module.model.data)).exports.down(low - distance)
    except ww.ExhaustionError:
        pass
print("done")
"""
    done = script(code, module=module)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
