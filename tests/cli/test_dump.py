"""``wasmwright dump``: what is in a module, for people and for programs."""

import json

MODULE = """(module $named
  (import "env" "f" (func (param i32) (result f64)))
  (import "env" "t" (table 1 funcref))
  (memory 1 2)
  (global (mut i64) (i64.const 3))
  (func $one (export "one"))
  (start $one)
  (elem (i32.const 0) $one)
  (data (i32.const 0) "hello"))"""


def test_the_report_has_every_part(cli, file):
    done = cli("dump", "--json", file(MODULE))
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert report["name"] == "named"
    assert [section["name"] for section in report["sections"]] == [
        *("type", "import", "function", "memory", "global", "export"),
        *("start", "element", "code", "data", "custom"),
    ]
    assert [(each["module"], each["name"], each["kind"]) for each in report["imports"]] == [
        ("env", "f", "func"),
        ("env", "t", "table"),
    ]
    assert report["imports"][0]["type"] == "[i32] -> [f64]"
    assert report["exports"] == [{"name": "one", "kind": "func", "index": 1, "type": "[] -> []"}]
    assert report["functions"]["count"] == 1
    assert report["start"] == 1
    assert report["elements"] == {"count": 1, "entries": 1}
    assert report["data"] == {"count": 1, "bytes": 5}


def test_text_and_standard_input_give_the_same_report(cli, file):
    path = file(MODULE)
    plain = cli("dump", path)
    assert plain.returncode == 0
    assert b"module $named" in plain.stdout
    for source in (path.read_bytes(), MODULE.encode()):
        piped = cli("dump", input=source)
        assert piped.stdout.splitlines()[1:] == plain.stdout.splitlines()[1:]


def test_an_invalid_module_can_be_looked_at(cli, file):
    done = cli("dump", file('(module (func (result i32)) (export "x" (func 7)))'))
    assert done.returncode == 0
    assert b"x  func 7" in done.stdout
