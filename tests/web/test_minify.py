import json
import subprocess

import pytest

from wasmwright.web import build
from wasmwright.web.minify import minify, own_properties, roles, said_names, tokens

# Names that the platform has too: of those, the library uses none of the platform.
OWN_AS_WELL = {"at", "caller", "compare", "count", "fixed", "flags", "id", "segment", "shift"}


def test_comments_and_space_go_and_literals_stay():
    code = 'f("x  //y");  // no\ng(`p  ${ a }  q`);\nh(/\\/\\/ "[/]/);  i(a -  -b);\n'
    assert minify(code) == 'f("x  //y");g(`p  ${a}  q`);h(/\\/\\/ "[/]/);i(a- -b);'


def test_a_regular_expression_in_a_template_stays():
    assert minify('f(`${/8$/.test(a) ? "" : ",true"}`);') == 'f(`${/8$/.test(a)?"":",true"}`);'


def test_variables_are_named_in_the_order_in_which_they_come():
    assert minify("function f(first, second) { return second + second; }") == (
        "function A(a,b){return b+b}"
    )


def test_variables_are_short_but_for_those_offered():
    assert minify(
        "function own(first) { return first + given; } function kept() { own(); }",
        frozenset({"kept"}),
    ) == ("function A(a){return a+given}function kept(){A()}")


def test_own_properties_are_short_and_said_ones_stay():
    code = "class One { two() { this.three = this.length; this.four = `${this.five}.four`; } }"
    short = minify(code)
    assert "three" not in short
    assert "this.length" in short
    assert "this.four" in short


def test_a_shorthand_becomes_a_pair():
    assert minify("function f({ mine }) { return { mine }; }") == "function A({a:a}){return{a:a}}"


def test_a_number_stands_for_its_name():
    assert minify("const FIRST = 0x10; const all = [FIRST, FIRST + 1];") == "let A=[16,16+1];"


def test_declarations_that_follow_each_other_are_one():
    assert minify("function f() { const a = 1; let b = 2; b += a; const c = b; return c; }") == (
        "function A(){let a=1,b=2;b+=a;let c=b;return c}"
    )


def test_what_if_does_needs_no_braces_where_it_is_one_statement():
    assert minify("function f(a) { if (a) { g(a); } else { return undefined; } g(); }") == (
        "function A(a){if(a)g(a);else return void 0;g()}"
    )
    assert minify("function f(a) { if (a) { if (a > 1) { g(); } } else { g(a); } }") == (
        "function A(a){if(a){if(a>1)g()}else g(a)}"
    )
    assert minify("if (f) { const a = f(); }") == "if(f){let a=f()}"


def test_what_does_not_end_is_an_error():
    with pytest.raises(ValueError, match="does not end"):
        minify("const a = `never;")


def test_no_property_of_the_platform_has_another_name(node):
    script = """
    const seen = new Set(), names = new Set();
    (function walk(value) {
      if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) {
        if (typeof key === "string") names.add(key);
        const { value: member, get, set } = Object.getOwnPropertyDescriptor(value, key);
        for (const each of [member, get, set]) walk(each);
      }
      walk(Object.getPrototypeOf(value));
    })(globalThis);
    console.log(JSON.stringify([...names]));
    """
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    found = tokens(build.join(build.modules("index.js")))
    own = own_properties(found, roles(found)) - said_names(found)
    assert own & set(json.loads(done.stdout)) <= OWN_AS_WELL
