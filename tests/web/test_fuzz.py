"""The polyfill against the engine's own WebAssembly: random programs, and modules with errors."""

import subprocess
from pathlib import Path

import pytest

from wasmwright.text import parse

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("library", "seed"),
    [("polyfill", 1), ("polyfill", 2), ("dividing_polyfill", 3), ("interpreting_polyfill", 4)],
)
def test_random_programs_do_what_they_do_natively(request, node, library, seed):
    path = str(request.getfixturevalue(library))
    command = [node, str(HERE / "differential.cjs"), path, "1000", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "0 differences\n"


def test_changed_modules_are_judged_as_natively(node, polyfill, tmp_path):
    path = tmp_path / "module.wasm"
    path.write_bytes(
        parse(
            """
            (module
              (import "m" "f" (func $f (param i32) (result i64)))
              (memory 1 2) (table 3 funcref) (global $g (mut i32) (i32.const 7))
              (elem (i32.const 0) $f $h) (data (i32.const 4) "data")
              (func $h (export "h") (param i32 f64) (result i32) (local i64)
                (block $out (result i32)
                  (loop $again
                    (local.set 2 (call $f (local.get 0)))
                    (br_if $again (i64.eqz (local.get 2)))
                    (br_if $out (i32.load offset=4 (global.get $g)) (i32.trunc_f64_s (local.get 1)))
                    (drop))
                  (br_table $out $out (i32.const 1) (i32.wrap_i64 (local.get 2))))))
            """
        )
    )
    command = [node, str(HERE / "fuzz.cjs"), str(polyfill), "1500", "9", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("{")
    assert done.stdout.count("\n") == 1
