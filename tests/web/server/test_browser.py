"""The server's pages in headless Chromium: looked at by hand once, and kept working by this."""

import os
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'wasmwright[serve]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = sync_api.expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        arguments += ["--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, base):
    """A page; what it reports as errors fails the test, violations of its policy among them."""
    page = browser.new_page()
    page.set_default_timeout(30_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            message.type == "error"
            and "status of" not in message.text
            and errors.append(message.text)
        ),
    )
    yield page
    page.close()
    assert errors == []


def test_an_anchor_unfolds_its_function_and_marks_the_line(page, base):
    page.goto(f"{base}/add.wasm?source")
    page.wait_for_selector("#state .good")
    assert page.locator(".fn[open]").count() == 0
    offset = page.locator("#section-10 .unit > .off").first.inner_text()
    page.goto(f"{base}/add.wasm?source#wasm-function[0]:0x{int(offset, 16) + 3:x}")
    marked = page.locator(".ln.at")
    marked.wait_for()
    assert "local.get 1" in marked.inner_text()
    assert page.locator(".fn[open] .off").count() > 3


def test_lines_of_the_source_stand_between_the_instructions(page, base, site):
    pytest.importorskip("elftools", reason="needs pyelftools: pip install 'wasmwright[debug]'")
    examples = Path(__file__).parents[3] / "examples"
    for name in ("average.c", "average.wasm"):
        (site / name).write_bytes((examples / name).read_bytes())
    page.goto(f"{base}/average.wasm?source#wasm-function[1]:0x62")
    page.locator(".ln.at").wait_for()
    assert "i32.div_s" in page.locator(".ln.at").inner_text()
    before = page.locator(".src:has(+ .ln)").filter(has_text="divided")
    assert "average.c:4" in before.first.inner_text()
    assert "sum / count" in before.first.inner_text()


def test_functions_are_found_by_name_and_linked_to(page, base):
    page.goto(f"{base}/hello.wat?source")
    page.locator(".fn").first.wait_for()
    page.locator("details.fn > summary").first.click()
    page.locator(".fn .body .ln").first.wait_for()
    assert page.locator(".side h2").all_inner_texts()[:2] == ["Exports 2", "Imports 3"]
    page.fill("#find", "nothing has this name")
    expect(page.locator(".fn").first).to_be_hidden()
    page.fill("#find", "")
    expect(page.locator(".fn").first).to_be_visible()


@pytest.mark.parametrize("how", ["native", "polyfill", "ahead"])
def test_a_program_runs(page, base, node, how):
    page.goto(f"{base}/hello.wat?source#run")
    page.get_by_label("Standard input").fill("hi there")
    page.get_by_label("How").select_option(how)
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".output .err").wait_for()
    text = page.locator(".output").inner_text()
    assert text.startswith("hi there")
    assert "exit 3" in text


@pytest.mark.parametrize("how", ["native", "polyfill", "ahead"])
def test_functions_are_called(page, base, node, how):
    page.goto(f"{base}/add.wat?source#run")
    page.get_by_label("How").select_option(how)
    page.get_by_label("add: argument 0, i32").fill("40")
    page.get_by_label("add: argument 1, i32").fill("2")
    page.get_by_role("button", name="Call add").click()
    page.locator(".output .res").wait_for()
    assert "→ 42" in page.locator(".output").inner_text()


def test_an_edit_is_assembled_shown_and_saved_and_errors_are_marked(page, base, site):
    page.goto(f"{base}/add.wat?source#edit")
    area = page.get_by_label("The module in the text format")
    expect(area).to_have_value(re.compile("i32.add"))
    source = area.input_value()
    area.fill(source.replace("i32.add", "i32.sum"))
    page.get_by_role("button", name="Assemble and show").click()
    page.locator(".problem").wait_for()
    assert page.locator(".problem").inner_text() == "3:6: unknown operator i32.sum"
    assert page.locator(".lines b").inner_text() == "3"
    area.fill(source.replace("i32.add", "i64.add"))
    area.press("Control+Enter")
    page.get_by_text("3:6: type mismatch").wait_for()
    area.fill(source.replace("i32.add", "i32.sub"))
    area.press("Control+Enter")
    page.locator("#state .warn").wait_for()
    page.locator("details.fn > summary").first.click()
    page.locator(".body").get_by_text("i32.sub").wait_for()
    page.get_by_role("tab", name="Edit").click()
    page.get_by_role("button", name="Save file").click()
    expect(page.get_by_role("button", name="Assemble and show")).to_be_enabled()
    assert "i32.sub" in (site / "add.wat").read_text()


def test_a_changed_file_is_shown_anew(page, base, site):
    page.goto(f"{base}/add.wat?source")
    page.locator(".fn").first.wait_for()
    page.wait_for_timeout(1000)
    (site / "add.wat").write_text("(module (func $other))")
    page.locator(".fn").get_by_text("$other").wait_for()


def test_what_is_wrong_with_a_file_is_shown_at_its_place(page, base):
    page.goto(f"{base}/bad.wat?source")
    page.locator("#pane-edit .problem").wait_for()
    assert page.locator("#pane-edit .problem").inner_text().startswith("2:20: ")
    page.goto(f"{base}/invalid.wat?source")
    page.locator(".ln.wrong").wait_for()
    assert "drop" in page.locator(".ln.wrong").inner_text()
    page.goto(f"{base}/garbage.wasm?source")
    page.locator("#problem .problem").wait_for()
    assert "malformed section id" in page.locator("#problem").inner_text()


def test_the_tabs_are_worked_by_keys(page, base):
    page.goto(f"{base}/add.wat?source")
    page.locator(".fn").first.wait_for()
    page.get_by_role("tab", name="Source").press("ArrowRight")
    assert page.get_by_role("tab", name="Run").get_attribute("aria-selected") == "true"
    expect(page.get_by_role("tab", name="Run")).to_be_focused()


def test_the_feature_page_fills_itself(page, base, node):
    page.goto(f"{base}/_wasmwright/features")
    page.locator("html[data-done]").wait_for(state="attached")
    rows = page.locator("#table tbody tr:not(.release)")
    assert rows.count() == 20
    assert rows.first.locator(".yes").count() == 3
    policies = [
        row.split("\t")[1:]
        for row in page.locator("#policies tbody").inner_text().split("\n")
        if "\t" in row
    ]
    assert policies == [
        ["works", "works", "works"],
        ["works", "forbidden", "works"],
        ["forbidden", "forbidden", "works"],
    ]


def test_the_playground_builds_and_runs(page, base):
    page.goto(f"{base}/_wasmwright/playground")
    page.get_by_label("fac: argument 0, i64").fill("20")
    page.get_by_role("button", name="Call fac").click()
    page.locator(".output .res").wait_for()
    assert "2432902008176640000" in page.locator(".output").inner_text()
    page.get_by_label("Example").select_option("A trap")
    page.get_by_role("button", name="Build").click()
    page.get_by_label("read: argument 0, i32").fill("65536")
    page.get_by_role("button", name="Call read").click()
    page.locator(".output .err").wait_for()
    assert "out of bounds" in page.locator(".output").inner_text()


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("", "42 false"),
        ("?polyfill=force", "42 true"),
        # No evaluation: the library loads what the server translated.
        ("?polyfill=force&csp", "42 true"),
    ],
)
def test_a_page_of_the_folder_uses_what_was_asked_for(page, base, node, query, title):
    page.goto(f"{base}/page.html{query}")
    expect(page).to_have_title(title)


def test_pages_reload_when_files_change(page, base, site):
    page.goto(f"{base}/page.html")
    page.wait_for_timeout(1000)
    (site / "page.html").write_text("<title>new</title>")
    expect(page).to_have_title("new")


def test_nothing_is_cut_off_on_a_narrow_screen(browser, base):
    page = browser.new_page(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    for path in ("/?list", "/add.wasm?source", "/_wasmwright/playground", "/_wasmwright/features"):
        page.goto(base + path)
        if path.endswith("features"):
            page.wait_for_selector("html[data-done]")
            cell = page.locator("#table tr:not(.release) td:last-child").first.bounding_box()
            assert cell["x"] + cell["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.close()


@pytest.mark.skipif("AXE_CORE" not in os.environ, reason="needs $AXE_CORE: axe.min.js of axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, base, scheme):
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    found = []
    for path, ready in (
        ("/?list", "table"),
        ("/add.wasm?source#wasm-function[0]:0x1f", ".fn[open] .off"),
        ("/hello.wat?source#run", "#pane-run button"),
        ("/add.wat?source#edit", ".edit.painted"),
        ("/_wasmwright/features", "html[data-done]"),
        ("/_wasmwright/playground", ".edit.painted"),
        ("/nothing", ".problem"),
    ):
        page.goto(base + path)
        page.wait_for_selector(ready)
        page.evaluate(Path(os.environ["AXE_CORE"]).read_text())
        # The listing's lines are lower than a finger (24 px), but for fingers: see style.css.
        report = page.evaluate("axe.run()")
        found += [
            (path, each["id"], each["nodes"][0]["html"])
            for each in report["violations"]
            if each["id"] != "target-size"
        ]
    context.close()
    assert found == []
