"""Modules: what they are made of, what they say about themselves, and how they travel."""

import copy
import pickle
import threading

import pytest

import wasmwright as ww

TEXT = """(module $sample
  (import "env" "log" (func (param i32)))
  (import "env" "limit" (global i64))
  (memory (export "memory") 1 2)
  (table (export "table") 3 funcref)
  (global (export "counter") (mut f32) (f32.const 1))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"""


@pytest.fixture
def binary(wat):
    return wat(TEXT)


def test_imports_and_exports_have_their_types_in_order(binary):
    module = ww.Module(binary)
    assert [(e.module, e.name, e.kind, str(e.type)) for e in module.imports] == [
        ("env", "log", "func", "func [i32] -> []"),
        ("env", "limit", "global", "global i64"),
    ]
    assert [(e.name, e.kind, str(e.type)) for e in module.exports] == [
        ("memory", "memory", "memory 1 2"),
        ("table", "table", "table 3 funcref"),
        ("counter", "global", "global (mut f32)"),
        ("add", "func", "func [i32 i32] -> [i32]"),
    ]
    assert module.exports[3].type == ww.FuncType(("i32", "i32"), ("i32",))


def test_the_source_is_bytes_or_a_file(binary, tmp_path):
    path = tmp_path / "sample.wasm"
    path.write_bytes(binary)
    for source in (binary, bytearray(binary), memoryview(binary), path):
        assert ww.Module(source).name == "sample"


def test_a_bytearray_that_changes_later_does_not_change_the_module(binary):
    source = bytearray(binary)
    module = ww.Module(source)
    source[:] = bytes(len(source))
    instance = ww.Instance(module, {"env": {"log": print, "limit": 1}})
    assert instance.exports.add(1, 2) == 3


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        ww.Module(tmp_path / "none.wasm")
    with pytest.raises(OSError):
        ww.Module(tmp_path)


@pytest.mark.parametrize("source", [None, 5, 1.5, [], object()])
def test_other_sources_are_a_type_error(source):
    with pytest.raises(TypeError):
        ww.Module(source)


@pytest.mark.parametrize("source", [b"", b"\0", b"\0asm", b"\0asm\2\0\0\0", b"\x7fELF" * 10])
def test_what_is_no_module_is_malformed(source):
    with pytest.raises(ww.MalformedError):
        ww.Module(source)
    assert not ww.validate(source)


def test_an_error_knows_its_offset_and_survives_pickling(binary):
    with pytest.raises(ww.MalformedError) as caught:
        ww.Module(binary[:-3])
    assert caught.value.offset is not None
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    assert again.offset == caught.value.offset


def test_a_trap_and_a_link_error_survive_pickling(instantiate):
    with pytest.raises(ww.Trap) as caught:
        instantiate('(module $m (func $f (export "f") unreachable))').exports.f()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.kind) == (ww.Trap, str(caught.value), "unreachable")
    assert [frame.name for frame in again.frames] == ["f"]


def test_an_invalid_module_names_the_function(wat):
    binary = wat("(module (func) (func (result i32) i64.const 0))")
    with pytest.raises(ww.InvalidError, match=r"^type mismatch") as caught:
        ww.Module(binary)
    assert caught.value.func == 1


def test_a_module_is_pickled_with_its_options(binary):
    module = pickle.loads(pickle.dumps(ww.Module(binary, guard=False)))
    instance = ww.Instance(module, {"env": {"log": print, "limit": 1}})
    assert instance.exports.add(2, 3) == 5
    assert not instance.exports.memory.guarded
    assert module.name == "sample"


def test_a_module_is_its_own_copy(binary):
    module = ww.Module(binary)
    assert copy.copy(module) is module
    assert copy.deepcopy([module])[0] is module


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_modules_and_snapshots_go_to_a_pool_of_processes(script, tmp_path, method):
    (tmp_path / "pool_work.py").write_text(
        "import wasmwright as ww\n"
        "def work(module, snapshot, x):\n"
        "    return ww.Instance(module).exports.next(x) + module.restore(snapshot).exports.next(x)\n"
    )
    done = script(
        """
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        sys.path.insert(0, sys.argv[1])
        import pool_work

        del __file__  # "<stdin>" is nothing to import

        if __name__ == "__main__":
            instance = ww.Instance(module)
            instance.exports.next(1)
            with ProcessPoolExecutor(2, mp_context=get_context(sys.argv[2])) as pool:
                tasks = [pool.submit(pool_work.work, module, instance.snapshot(), i) for i in range(8)]
                print(sum(task.result() for task in tasks))
        """,
        str(tmp_path),
        method,
        module="""(module (global $n (mut i32) (i32.const 0))
          (func (export "next") (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (local.get 0))) (global.get $n)))""",
    )
    assert (done.stdout, done.returncode) == ("64\n", 0), done.stderr


def test_an_instance_cannot_be_pickled(binary):
    instance = ww.Instance(ww.Module(binary), {"env": {"log": print, "limit": 1}})
    for thing in (instance, instance.exports, instance.exports.add, instance.exports.memory):
        for make in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="pickled"):
                make(thing)


def test_threads_instantiate_one_module(binary):
    module = ww.Module(binary)
    results = []

    def work():
        for _ in range(20):
            instance = ww.Instance(module, {"env": {"log": print, "limit": 1}})
            results.append(instance.exports.add(20, 22))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [42] * 80


def test_custom_sections_are_found_by_name(binary):
    module = ww.Module(binary + b"\0\x05\x01xabc" + b"\0\x02\x01x")
    assert module.custom_sections("x") == [b"abc", b""]
    assert module.custom_sections("y") == []


def test_a_path_as_text_is_told_what_it_lacks() -> None:
    with pytest.raises(ww.MalformedError) as caught:
        ww.Module("some/file.wasm")
    assert "pathlib.Path" in caught.value.__notes__[0]
    with pytest.raises(ww.MalformedError) as caught:
        ww.Module("(modul)")
    assert not hasattr(caught.value, "__notes__")
