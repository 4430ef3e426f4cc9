import pytest

from wasmwright.binary.decode import decode
from wasmwright.errors import InvalidError
from wasmwright.text import parse
from wasmwright.validate.module import validate
from wasmwright.web.server.places import place_of


def place(source):
    """Line and column of what makes the module in ``source`` invalid; « marks nothing, it is cut out."""
    text = source.encode()
    module = decode(parse(text))
    with pytest.raises(InvalidError) as caught:
        validate(module)
    found = place_of(text, module, caught.value)
    return None if found is None else (found.line, found.column)


def check(source):
    """That the error is where ``«`` stands."""
    before, mark, after = source.partition("«")
    assert mark
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    assert place(before + after) == (line, column)


@pytest.mark.parametrize(
    "body",
    [
        "local.get 0\n «i64.eqz\n drop",
        "(drop («i64.eqz (local.get 0)))",
        "(drop (i32.add (i32.const 1) («i32.mul (f32.const 2) (local.get 0))))",
        "block (nop) loop «i64.eqz end end",
        "(block (loop (nop)) («drop))",
        "(if (local.get 0) (then (nop) («drop)) (else (nop)))",
        "(if (local.get 0) (then (nop)) (else («i64.eqz (local.get 0)) drop))",
        "(«if (i64.const 1) (then))",
        "(if (i32.const 1) (then (nop))) (nop) («drop)",
        "local.get 0 if nop else nop «drop end",
        "(block $b (br_table $b $b (local.get 0))) («drop)",
        "(block (result i32) (try_table (catch $e 0) (throw $e (i32.const 1))) (i32.const 1)) drop («drop)",
        "(try (do (nop)) (catch $e (drop)) (catch_all («drop)))",
        "(call_indirect (type $t) (local.get 0)) («drop)",
        "(block (result i32) (nop)\n«)\ndrop",
        "(drop (ref.null func)) «drop",
    ],
)
def test_an_instruction_is_found(body):
    check(
        '(module $m (type $t (func)) (import "a" "b" (func $i)) (func (import "a" "c"))\n'
        "(table 1 funcref) (tag $e (param i32))\n"
        f'(func nop) (func $f (export "g") (type $u) (param i32) (local i64)\n {body})\n'
        "(type $u (func (param i32))))"
    )


def test_a_function_that_ends_wrongly_is_marked_at_its_end():
    check("(module (func nop) (func (result i32)\n nop\n «))")


def test_fields_need_no_module_around_them():
    check("(func («drop))")


def test_what_is_in_no_function_has_no_place():
    assert place('(module (export "f" (func 0)))') is None


def test_a_module_in_strings_has_no_place():
    assert place('(module quote "(func (drop))")') is None
