"""``ww.js.context()``: JavaScript whose WebAssembly is the native engine; on QuickJS."""

import gc
import math
import subprocess
import sys
import threading
import weakref

import pytest

pytest.importorskip("quickjs", reason="needs quickjs: pip install 'wasmwright[js]'")

import wasmwright as ww

TEXT = """
(module $m
  (import "env" "log" (func $log (param i32 i64) (result f64)))
  (import "env" "k" (global $k i64))
  (memory (export "memory") 1 3)
  (table (export "table") 2 funcref) (elem (i32.const 0) $add)
  (global (export "count") (mut i64) (i64.const 5))
  (tag $e (export "tag") (param i32 i64))
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "call") (param i32 i64) (result f64) (call $log (local.get 0) (local.get 1)))
  (func (export "poke") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "two") (param i64 f32) (result i64 f32) (local.get 0) (local.get 1))
  (func (export "same") (param externref) (result externref) (local.get 0))
  (func (export "first") (result funcref) (table.get (i32.const 0)))
  (func (export "k") (result i64) (global.get $k))
  (func (export "trap") unreachable)
  (func $deep (export "deep") (call $deep))
  (func (export "throw") (throw $e (i32.const 7) (i64.const 8)))
  (@custom "note" (after code) "hi"))
"""
SETUP = """
const calls = [];
const module = new WebAssembly.Module(new Uint8Array(bytes));
const { exports: e } = new WebAssembly.Instance(module, {
  env: { log: (a, b) => { calls.push(a, b); return 2.5; }, k: -1n },
});
const caught = (work) => { try { return work(); } catch (error) { return error; } };
"""


@pytest.fixture(scope="module")
def binary():
    return ww.wat2wasm(TEXT)


@pytest.fixture
def context(binary):
    context = ww.js.context(engine="quickjs")
    context["bytes"] = list(binary)
    context.run(SETUP)
    return context


def test_values_cross_both_ways():
    context = ww.js.context(engine="quickjs")
    assert context.eval("[1, -1.5, 'a\\u0000ü', true, null, [2n ** 70n], { x: { y: [] } }]") == [
        1,
        -1.5,
        "a\0ü",
        True,
        None,
        [1 << 70],
        {"x": {"y": []}},
    ]
    assert context.eval("undefined") is ww.js.UNDEFINED
    assert math.copysign(1, context.eval("-0")) == -1
    assert math.isnan(context.eval("NaN"))
    assert context.eval("-Infinity") == -math.inf
    context["x"] = [1 << 70, -0.0, math.nan, {"a": None}, "a\0b"]
    assert context.eval(
        "[x[0] === 2n ** 70n, Object.is(x[1], -0), x[2] !== x[2], x[3].a, x[4].length]"
    ) == [
        True,
        True,
        True,
        None,
        3,
    ]
    assert context["nothing"] is ww.js.UNDEFINED
    with pytest.raises(KeyError):
        context["1;evil()"]


def test_functions_and_objects_are_themselves_when_they_come_back():
    context = ww.js.context(engine="quickjs")
    double = context.eval("(x) => 2 * x")
    assert double(21) == 42
    context["back"] = double
    context.run("class C {}; const c = new C(); const isC = (x) => x === c;")
    assert context["isC"](context["c"])
    assert context["c"] is context["c"]
    thing = object()
    context["thing"] = thing
    assert context["thing"] is thing
    context["call"] = lambda *args: [args, thing]
    assert context.eval("call(1, thing)") == [[1, thing], thing]
    assert "Object" in repr(context["c"])


def test_a_module_is_instantiated_and_called(context):
    assert context.eval("[e.add(2, 3), e.add('4', 2 ** 32 + 1.9), e.add()]") == [5, 5, 0]
    assert context.eval("e.call(-1, 2n ** 63n)") == 2.5
    assert context["calls"] == [-1, -(1 << 63)]
    assert context.eval("e.two(7n, 0.1).map(String).join()") == f"7,{0.10000000149011612}"
    assert context.eval("e.k() === -1n")
    assert context.eval("String(caught(() => e.two(1, 1)))").startswith("TypeError")
    assert context.eval("[e.add.length, Object.isFrozen(e)]") == [2, True]
    assert context.eval("e.add === e.table.get(0) && e.first() === e.add")


def test_memory_is_shared_and_its_buffer_detached_when_it_grows(context):
    context.run("const view = new Uint8Array(e.memory.buffer); view[0] = 65; e.poke(1, 66);")
    memory = context.eval("e.memory")
    assert memory[0:2] == b"AB"
    memory[2] = 67
    assert context.eval("[view[1], view[2], e.memory.buffer === e.memory.buffer]") == [66, 67, True]
    assert context.eval("[e.grow(), e.memory.buffer.byteLength, view.length]") == [1, 131072, 0]
    assert context.eval("new Uint8Array(e.memory.buffer)[2]") == 67
    assert context.eval("[e.memory.grow(1), String(caught(() => e.memory.grow(1)))]")[0] == 2
    assert context.eval("caught(() => e.memory.grow(1)) instanceof RangeError")


def test_memories_tables_and_globals_are_made_in_javascript():
    context = ww.js.context(engine="quickjs")
    context.run("""
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
      const table = new WebAssembly.Table({ element: "externref", initial: 1 }, "x");
      const global = new WebAssembly.Global({ value: "i64", mutable: true }, 5n);
      table.grow(1); table.set(1, memory);
      global.value = 2n ** 64n + 1n;
    """)
    assert context.eval(
        "[table.length, table.get(0), table.get(1) === memory, global.value === 1n]"
    ) == [2, "x", True, True]
    assert context["global"].value == 1
    assert context["table"][1] is context["memory"]
    for source, kind in (
        ("new WebAssembly.Memory({})", "TypeError"),
        ("new WebAssembly.Memory({ initial: 2, maximum: 1 })", "RangeError"),
        ("new WebAssembly.Memory({ initial: 1e9 })", "RangeError"),
        ("table.get(2)", "RangeError"),
        ("new WebAssembly.Global({ value: 'i32' }).value = 1", "TypeError"),
        ("new WebAssembly.Global({ value: 'i33' })", "TypeError"),
        ("WebAssembly.Memory.prototype.grow.call({}, 1)", "TypeError"),
    ):
        assert (
            context.eval(f"try {{ {source} }} catch (error) {{ error.constructor.name }}") == kind
        ), source


def test_errors_have_the_classes_of_the_api(context):
    for source, kind, message in (
        ("e.trap()", "RuntimeError", "unreachable"),
        ("e.deep()", "RangeError", "call stack exhausted"),
        (
            "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109]))",
            "CompileError",
            "unexpected end",
        ),
        ("new WebAssembly.Instance(module, { env: {} })", "LinkError", "requires a callable"),
        ("new WebAssembly.Instance(module, { env: { log() {}, k: 1 } })", "LinkError", "BigInt"),
        ("new WebAssembly.Instance(module)", "TypeError", "has imports"),
        ("new WebAssembly.Instance({})", "TypeError", "WebAssembly.Module"),
        ("new WebAssembly.Module('x')", "TypeError", "buffer source"),
    ):
        found = context.eval(
            f"(() => {{ const x = caught(() => {source}); return [x.name, x.message]; }})()"
        )
        assert found[0] == kind, source
        assert message in found[1], source


def test_exceptions_cross_both_ways(context):
    assert context.eval("""(() => {
      const x = caught(() => e.throw());
      return [x instanceof WebAssembly.Exception, x.is(e.tag), x.getArg(e.tag, 0)];
    })()""") == [True, True, 7]
    with pytest.raises(ww.WasmException) as found:
        context.eval("throw new WebAssembly.Exception(e.tag, [1, 2n])")
    assert found.value.payload == (1, 2)
    assert found.value.tag is context.eval("e.tag")


def test_what_javascript_throws_goes_through_wasm_as_itself(context):
    context.run("""
      const mine = new Error("mine");
      const other = new WebAssembly.Instance(module, { env: { log() { throw mine; }, k: 0n } });
    """)
    assert context.eval("caught(() => other.exports.call(1, 1n)) === mine")
    with pytest.raises(ww.js.JavaScriptError, match="Error: mine") as found:
        context.eval("other.exports.call(1, 1n)")
    assert found.value.name == "Error"
    assert found.value.value is context["mine"]


def test_exceptions_of_python_go_through_javascript_as_themselves(context):
    error = KeyError("mine")

    def fail():
        raise error

    context["fail"] = fail
    for work in (context.eval, context.run):
        with pytest.raises(KeyError) as found:
            work("fail()")
        assert found.value is error
    assert context.eval("String(caught(fail))") == "Error: KeyError: 'mine'"
    for work in (context.eval, context.run):
        with pytest.raises(ww.Trap, match="unreachable"):
            work("e.trap()")
        with pytest.raises(ww.js.JavaScriptError, match="TypeError: no"):
            work("caught(fail); throw new TypeError('no')")
        with pytest.raises(ww.js.JavaScriptError, match="SyntaxError"):
            work("(")


def test_python_calls_what_a_script_made_and_the_other_way_round(context):
    add = context.eval("e.add")
    assert isinstance(add, ww.Func)
    assert add(40, 2) == 42
    instance = ww.Instance(ww.Module('(module (func (export "f") (result i32) (i32.const 9)))'))
    context["f"] = instance.exports.f
    assert context.eval("f()") == 9
    seen = []
    context["log"] = lambda *args: seen.append(args) or 1.0
    context.run("new WebAssembly.Instance(module, { env: { log, k: 0n } }).exports.call(3, 4n);")
    assert seen == [(3, 4)]


def test_references_keep_their_identity(context):
    assert (
        context.eval("""(() => {
      const values = [{}, () => 1, Symbol("s"), 5n, "a", 1, 1.5, true, null, undefined, e.memory, e.add];
      return values.map((each) => e.same(each) === each);
    })()""")
        == [True] * 12
    )


def test_promises_are_waited_for(context):
    assert (
        context.eval(
            "WebAssembly.instantiate(new Uint8Array(bytes), { env: { log() {}, k: 0n } }).then((x) => x.instance.exports.add(1, 2))"
        )
        == 3
    )
    assert context.eval(
        "WebAssembly.instantiate(module, { env: { log() {}, k: 0n } }).then((x) => x instanceof WebAssembly.Instance)"
    )
    with pytest.raises(ww.MalformedError):
        context.eval("WebAssembly.compile(new Uint8Array(3))")
    with pytest.raises(ww.js.JavaScriptError, match="Error: later"):
        context.eval("Promise.reject(new Error('later'))")
    assert "Promise" in repr(context.eval("new Promise(() => {})"))


def test_modules_are_looked_at(context):
    assert context.eval("WebAssembly.Module.imports(module)") == [
        {"module": "env", "name": "log", "kind": "function"},
        {"module": "env", "name": "k", "kind": "global"},
    ]
    assert {"name": "memory", "kind": "memory"} in context.eval(
        "WebAssembly.Module.exports(module)"
    )
    assert context.eval(
        "new Uint8Array(WebAssembly.Module.customSections(module, 'note')[0])[0]"
    ) == ord("h")
    assert context.eval(
        "[WebAssembly.validate(new Uint8Array(bytes)), WebAssembly.validate(new Uint8Array(2))]"
    ) == [True, False]
    assert (
        context.eval("String(WebAssembly) + e.memory + module")
        == "[object WebAssembly][object WebAssembly.Memory][object WebAssembly.Module]"
    )


def test_bytes_are_read_from_views_and_never_from_beyond(context):
    assert context.eval(
        "WebAssembly.validate(new Uint8Array([1, ...bytes, 2]).subarray(1, bytes.length + 1))"
    )
    assert context.eval("WebAssembly.validate(new DataView(new Uint8Array(bytes).buffer))")
    assert not context.eval("WebAssembly.validate(new ArrayBuffer(0))")


def test_recursion_through_both_ends_in_an_error_and_not_in_a_crash():
    code = """
import wasmwright as ww
context = ww.js.context(engine="quickjs")
context["bytes"] = list(ww.wat2wasm('(module (import "a" "f" (func $f)) (func (export "g") (call $f)))'))
context.run("const i = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), { a: { f: () => i.exports.g() } });")
try:
    context.eval("i.exports.g()")
except Exception as error:
    print(type(error).__name__)
print(context.eval("1 + 1"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "2"
    assert len(done.stdout.split()) == 2


def test_another_thread_is_refused(context):
    found = []

    def work():
        for use in (lambda: context.eval("1"), lambda: context.run("1"), lambda: context["add"]):
            try:
                use()
            except RuntimeError as error:
                found.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(found) == 3


def test_a_context_is_let_go():
    context = ww.js.context(engine="quickjs")
    context["f"] = lambda: 1
    context.eval("new WebAssembly.Memory({ initial: 1 }).buffer")
    gone = weakref.ref(context._bridge)
    del context
    gc.collect()
    assert gone() is None


def test_a_missing_package_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "quickjs", None)
    with pytest.raises(ww.js.NoJavaScriptError, match=r"pip install 'wasmwright\[js\]'"):
        ww.js.context(engine="quickjs")
