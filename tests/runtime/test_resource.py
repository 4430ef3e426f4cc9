"""Finalisers of garbage may still call the instance that is garbage with them."""

import gc

import pytest

import wasmwright as ww

MODULE = """(module
  (import "host" "f" (func $f))
  (memory (export "memory") 1 9)
  (table (export "table") 1 9 funcref)
  (global (export "count") (mut i32) (i32.const 0))
  (elem (i32.const 0) $bump)
  (func $bump (result i32)
    (global.set 0 (i32.add (global.get 0) (i32.const 1)))
    (i32.store (i32.const 8) (global.get 0))
    (i32.load (i32.const 8)))
  (func (export "warm") (result i32) (call_indirect (result i32) (i32.const 0)))
  (func (export "cold") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "same") (param funcref) (result funcref) (local.get 0))
  (func (export "host") (call $f))
  (func (export "trap") (i32.store (i32.const -4) (i32.const 1))))"""


class Plugin:
    """What user code looks like: it cleans up through the instance that it holds."""

    def __init__(self, module, seen):
        self.seen = seen
        self.instance = ww.Instance(module, {"host": {"f": self.called}})
        self.instance.exports.warm()

    def called(self):
        self.seen.append("called")

    def __del__(self):
        exports = self.instance.exports
        self.seen.append(exports.warm())
        self.seen.append(exports.cold(21))
        self.seen.append(exports.grow())
        self.seen.append(exports.memory[8])
        self.seen.append(exports.same(exports.warm)())
        self.seen.append(exports.table[0]())
        exports.host()
        with pytest.raises(ww.Trap, match="out of bounds memory access"):
            exports.trap()
        self.seen.append(exports.count.value)


@pytest.mark.parametrize("guard", [None, False])
def test_a_finaliser_in_a_cycle_can_use_everything_of_its_instance(wat, guard):
    module = ww.Module(wat(MODULE), guard=guard)
    for _ in range(20):
        seen = []
        plugin = Plugin(module, seen)
        del plugin
        gc.collect()
        assert seen == [2, 42, 1, 2, 3, 4, "called", 4]


def test_a_finaliser_in_a_cycle_can_compile(wat):
    # The module is garbage too.
    seen = []
    plugin = Plugin(ww.Module(wat(MODULE)), seen)
    del plugin
    gc.collect()
    assert seen[1] == 42


def test_a_finaliser_may_save_its_instance(wat):
    saved = []

    class Survivor:
        def __init__(self):
            self.instance = ww.Instance(
                ww.Module(wat(MODULE)), {"host": {"f": lambda: saved.append(self)}}
            )

        def __del__(self):
            saved.append(self)

    survivor = Survivor()
    del survivor
    gc.collect()
    (survivor,) = saved
    assert survivor.instance.exports.warm() == 1
    assert survivor.instance.exports.grow() == 1
    assert survivor.instance.exports.cold(3) == 6
    survivor.instance.exports.host()
    assert saved == [survivor, survivor]


def test_instances_alive_at_the_end_of_the_process_go_quietly(script):
    code = """
class Late:
    def __init__(self):
        self.instance = ww.Instance(module, {"host": {"f": lambda: self}})
    def __del__(self):
        print(self.instance.exports.warm())
kept = Late()
kept.instance.exports.warm()
module.kept = kept
"""
    done = script(code, module=MODULE)
    assert done.returncode == 0
    assert done.stderr == ""


def test_an_instance_that_outlives_the_modules_is_left_alone(script):
    # At the end the interpreter sets the names in modules to None, those with _ first.
    code = """
instance = ww.Instance(module)
instance.exports.f()
from wasmwright.runtime import code, resource
resource._ending.append(True)
for each in (resource, code):
    vars(each).update(dict.fromkeys(name for name in vars(each) if not name.startswith("__")))
del instance, module
"""
    done = script(code, module='(module (memory 1) (func (export "f")))')
    assert (done.returncode, done.stderr) == (0, "")
