"""The server's answers, through the application's own interface; test_socket.py uses a socket."""

from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs starlette: pip install 'wasmwright[serve]'")
pytest.importorskip("httpx2", reason="starlette's test client needs httpx2")

from starlette.testclient import TestClient

from wasmwright.text import parse
from wasmwright.web.server import compiling
from wasmwright.web.server.app import Settings, create_app
from wasmwright.web.server.pages import PAGE_CSP

OWN = "/_wasmwright"


def client(root, **options):
    app = create_app(Settings(root=root, **options))
    return TestClient(app, base_url="http://localhost:8000", follow_redirects=False)


@pytest.fixture
def web(site):
    return client(site)


# Files


def test_a_module_has_exactly_the_type_that_streaming_wants(web):
    answer = web.get("/add.wasm")
    assert answer.headers["content-type"] == "application/wasm"
    assert answer.content[:4] == b"\0asm"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    assert web.head("/add.wasm").headers["content-length"] == str(len(answer.content))


def test_names_with_spaces_are_served(web):
    assert web.get("/sub%20dir/add.wasm").status_code == 200
    assert "/sub%20dir/add.wasm?source" in web.get("/sub%20dir/").text


@pytest.mark.parametrize(
    "path", ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/.env", "/out.txt", "/%00"]
)
def test_nothing_outside_and_nothing_hidden_is_served(web, path):
    answer = web.get(path)
    assert answer.status_code == 404
    assert "secret\n" not in answer.text


def test_the_index_lists_what_is_served(web):
    text = web.get("/").text
    for name in ("page.html", "add.wasm?source", "add.wat?source", "sub%20dir/?list"):
        assert f'href="/{name}"' in text
    assert ".env" not in text
    assert "out.txt" not in text


def test_a_folder_without_its_slash_is_redirected_within_the_server(web):
    answer = web.get("/sub%20dir?list")
    assert answer.status_code == 307
    assert answer.headers["location"] == "sub%20dir/?list"


def test_an_index_page_wins_over_the_index(site, web):
    (site / "index.html").write_text("<h1>mine</h1>")
    assert "<h1>mine</h1>" in web.get("/").text
    assert "page.html" in web.get("/?list").text


# Who may ask


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.2",
        "2130706433",
        "",
        "a b",
        "x@localhost",
        "localhost#",
        "localhost/..",
        "localhost:99999",
    ],
)
def test_a_foreign_host_is_refused(web, host):
    answer = web.get("/add.wasm", headers={"host": host})
    assert answer.status_code == 421
    assert answer.content[:4] != b"\0asm"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_s_names_are_answered(web, host):
    assert web.get("/add.wasm", headers={"host": host}).status_code == 200


def test_another_host_can_be_allowed(site):
    web = client(site, hosts=("dev.example",))
    assert web.get("/add.wasm", headers={"host": "Dev.Example:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_other_pages_can_ask_for_nothing(web, headers):
    assert web.post(f"{OWN}/assemble", content=b"(module)", headers=headers).status_code == 403
    for path in ("/add.wasm", "/page.html", f"{OWN}/module?path=/add.wasm", "/nothing"):
        assert web.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("mode", "dest", "status"),
    [
        ("navigate", "document", 200),
        ("navigate", "iframe", 403),
        ("navigate", "object", 403),
        ("no-cors", "script", 403),
        ("cors", "empty", 403),
    ],
)
def test_a_link_from_elsewhere_is_followed_and_nothing_else_is(web, mode, dest, status):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert web.get("/add.wasm?source", headers=headers).status_code == status
    assert web.post(f"{OWN}/assemble", content=b"(module)", headers=headers).status_code == 403


def test_the_same_origin_is_answered(web):
    headers = {"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}
    assert web.get("/add.wasm", headers=headers).status_code == 200
    assert web.post(f"{OWN}/assemble", content=b"(module)", headers=headers).status_code == 200


# What is added


def test_the_polyfill_is_put_into_pages_by_flag_and_by_query(site):
    tag = '<script src="/_wasmwright/wasmwright.js"></script>'
    forced = '<script src="/_wasmwright/wasmwright.js?force"></script>'
    web = client(site)
    page = web.get("/page.html").text
    assert page.index(tag) < page.index("<title>")
    assert tag not in web.get("/page.html?polyfill=off").text
    assert forced in web.get("/page.html?polyfill=force").text
    assert web.get("/page.html?polyfill=maybe").status_code == 400
    off = client(site, polyfill="off", live=False)
    assert off.get("/page.html").text == (site / "page.html").read_text()
    assert (
        "wasmwright.install(globalThis, { force: true });"
        in off.get(f"{OWN}/wasmwright.js?force").text
    )
    assert "force: true });\n" not in off.get(f"{OWN}/wasmwright.js").text


def test_isolation_and_policies_are_sent_on_request(site):
    web = client(site)
    assert "cross-origin-opener-policy" not in web.get("/page.html").headers
    answer = web.get("/page.html?isolate&csp")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    strict = client(site, isolate=True, strict_csp=True).get("/add.wasm")
    assert strict.headers["cross-origin-embedder-policy"] == "require-corp"
    assert "unsafe" not in strict.headers["content-security-policy"]


def test_a_text_module_is_assembled_on_request(web):
    assert web.get("/add.wat").headers["content-type"].startswith("text/plain")
    answer = web.get("/add.wat?wasm")
    assert answer.headers["content-type"] == "application/wasm"
    assert answer.content[:4] == b"\0asm"
    answer = web.get("/bad.wat?wasm")
    assert answer.status_code == 422
    assert "line 2, column 20" in answer.text


@pytest.mark.parametrize("path", ["/add.wasm.js", "/add.wat.js", "/add.wasm.mjs"])
def test_a_module_is_translated_on_the_server(web, node, path):
    answer = web.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "export const instantiate" in answer.text


def test_what_cannot_be_translated_says_why(web, node):
    answer = web.get("/invalid.wat.js")
    assert answer.status_code == 422
    assert answer.text.startswith("type mismatch")
    assert web.get("/nothing.wasm.js").status_code == 404


def test_a_file_wins_over_a_translation(site, web):
    (site / "add.wasm.js").write_text("mine")
    assert web.get("/add.wasm.js").text == "mine"


# View Source


def outline(web, path="/add.wasm"):
    return web.get(f"{OWN}/module", params={"path": path}).json()


def test_own_pages_have_a_strict_policy(web):
    for path in ("/", "/add.wasm?source", f"{OWN}/features", f"{OWN}/playground"):
        answer = web.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == PAGE_CSP
        assert "style=" not in answer.text
        assert "<script>" not in answer.text
    for name in ("style.css", "source.js", "icon.svg"):
        assert web.get(f"{OWN}/static/{name}").status_code == 200
    for name in ("source.html", "..%2fapp.py", "nothing.js"):
        assert web.get(f"{OWN}/static/{name}").status_code == 404


def test_workers_come_with_the_policy_of_how_they_run(web):
    policies = {
        how: web.get(f"{OWN}/runner.js?how={how}").headers["content-security-policy"]
        for how in ("native", "polyfill", "ahead")
    }
    assert "'wasm-unsafe-eval'" in policies["native"]
    assert "'unsafe-eval'" in policies["polyfill"]
    assert "unsafe" not in policies["ahead"]
    assert web.get(f"{OWN}/runner.js?how=else").status_code == 404


def test_an_outline_has_everything_but_the_bodies(web):
    found = outline(web)
    assert found["name"] == "calc"
    assert found["functions"] == [
        [0, found["functions"][0][1], found["functions"][0][2], found["functions"][0][3], ["add"]]
    ]
    assert found["functions"][0][1] == "(func $add (;0;) (type 0) (param i32 i32) (result i32)"
    assert found["exports"][0]["type"] == "[i32 i32] -> [i32]"
    assert {each["name"] for each in found["sections"]} == {
        "type",
        "function",
        "export",
        "code",
        "custom",
    }
    assert found["items"]["7"]["shown"][0]["text"].strip() == '(export "add" (func $add))'


def test_an_outline_says_what_is_beside_the_file(site, web):
    (site / "add.c").write_text("int add;")
    assert outline(web)["beside"] == ["/add.c", "/add.wat"]
    assert outline(web, "/sub dir/add.wasm")["beside"] == []


def test_bodies_and_items_come_on_request(web):
    base = f"{OWN}/module/{outline(web)['id']}"
    assert "local.get 0" in web.get(f"{base}/function/0").text
    assert "(local.get 1))" in web.get(f"{base}/function/0?fold").text
    assert "export" in web.get(f"{base}/item/7/0").text
    assert web.get(f"{base}/function/1").status_code == 404
    assert web.get(f"{base}/item/7/1").status_code == 404
    assert web.get(f"{base}/item/99/0").status_code == 404
    assert web.get(f"{base}.wasm").content[:4] == b"\0asm"
    assert web.get(f"{base}/problem").json() == {"problem": None}
    assert web.get(f"{OWN}/module/{'0' * 32}/function/0").status_code == 404


def test_instructions_say_which_line_they_are_from(site, web):
    pytest.importorskip("elftools", reason="needs pyelftools: pip install 'wasmwright[debug]'")
    examples = Path(__file__).parents[3] / "examples"
    for name in ("average.c", "average.wasm"):
        (site / name).write_bytes((examples / name).read_bytes())
    found = outline(web, "/average.wasm")
    assert found["places"]
    rows = web.get(f"{OWN}/module/{found['id']}/places/1").json()
    source = (examples / "average.c").read_text().splitlines()
    divided = next(row for row in rows if row["name"] == "divided")
    assert divided["url"] == "/average.c"
    assert "/" in divided["text"]
    assert all(row["text"] == source[row["line"] - 1] for row in rows)
    assert [row["offset"] for row in rows] == sorted(row["offset"] for row in rows)
    assert web.get(f"{OWN}/module/{found['id']}/places/9").status_code == 404
    plain = outline(web)
    assert not plain["places"]
    assert web.get(f"{OWN}/module/{plain['id']}/places/0").json() == []


def test_long_items_are_cut_in_the_outline(site, web):
    (site / "long.wat").write_text(f'(module (memory 1) (data (i32.const 0) "{"a" * 9000}"))')
    found = outline(web, "/long.wat")
    item = found["items"]["11"]["shown"][0]
    assert item["long"]
    assert len(item["text"]) < 2000
    whole = web.get(f"{OWN}/module/{found['id']}/item/11/0").text
    assert whole.count("a") > 9000


def test_the_text_to_edit_is_the_source_or_printed(site, web):
    text = outline(web, "/add.wat")
    assert web.get(f"{OWN}/module/{text['id']}/text").text == (site / "add.wat").read_text()
    binary = outline(web)
    printed = web.get(f"{OWN}/module/{binary['id']}/text").text
    assert "(module $calc" in printed
    assert parse(printed) == (site / "add.wasm").read_bytes()


def test_errors_in_files_and_in_sent_text_have_their_place(web):
    bad = web.get(f"{OWN}/module", params={"path": "/bad.wat"})
    assert bad.status_code == 422
    assert (bad.json()["error"]["line"], bad.json()["error"]["column"]) == (2, 20)
    found = web.get(f"{OWN}/module", params={"path": "/garbage.wasm"}).json()["error"]
    assert found["message"].startswith("malformed section id")
    assert found["offset"] == 8
    invalid = outline(web, "/invalid.wat")
    found = web.get(f"{OWN}/module/{invalid['id']}/problem").json()["problem"]
    assert (found["line"], found["column"], found["func"]) == (3, 5, 0)
    sent = web.post(f"{OWN}/assemble", content=b"(module (func)\n (func drop))").json()
    assert (sent["problem"]["line"], sent["problem"]["column"]) == (2, 8)
    assert web.post(f"{OWN}/assemble", content=b"(module (func))").json()["problem"] is None


def test_too_much_is_refused(web):
    assert web.post(f"{OWN}/assemble", content=b" " * 9_000_000).status_code == 413


def test_only_a_few_modules_are_kept(web):
    first = outline(web)["id"]
    for number in range(10):
        web.post(f"{OWN}/assemble", content=f"(module (func (drop (i32.const {number}))))".encode())
    assert web.get(f"{OWN}/module/{first}.wasm").status_code == 404


def test_files_are_written_only_where_that_is_allowed(site):
    path = {"path": "/add.wat"}
    before = (site / "add.wat").read_bytes()
    assert client(site).post(f"{OWN}/save", params=path, content=b"(module)").status_code == 403
    web = client(site, write=True)
    assert web.post(f"{OWN}/save", params=path, content=b"(modul)").status_code == 422
    for other in ("/add.wasm", "/page.html"):
        assert (
            web.post(f"{OWN}/save", params={"path": other}, content=b"(module)").status_code == 403
        )
    assert (
        web.post(f"{OWN}/save", params={"path": "/new.wat"}, content=b"(module)").status_code == 404
    )
    assert (site / "add.wat").read_bytes() == before
    assert web.post(f"{OWN}/save", params=path, content=b"(module)").json() == {"saved": "/add.wat"}
    assert (site / "add.wat").read_bytes() == b"(module)"


# The other pages


def test_every_probe_of_the_feature_page_works_here(web):
    rows = web.get(f"{OWN}/features.json").json()
    assert len(rows) == 20
    assert [row["name"] for row in rows if not row["native"]] == []


def test_the_probes_name_the_proposals_that_there_are():
    from wasmwright.features import NAMES
    from wasmwright.web.server.features import PROBES

    assert set(PROBES) == {*NAMES.values(), "the first version"}


def test_c_is_compiled_only_where_that_is_allowed(site):
    assert client(site).post(f"{OWN}/compile", content=b"int main;").status_code == 403
    assert client(site).get(f"{OWN}/settings.json").json()["compileC"] is False


def test_c_becomes_a_module_and_errors_have_their_place(site):
    pytest.importorskip("ziglang", reason="needs ziglang, which has the C compiler")
    web = client(site, compile_c=True)
    made = web.post(f"{OWN}/compile", content=b"int main(void) { return 7; }").json()
    assert [each["name"] for each in made["exports"]] == ["memory", "_start"]
    answer = web.post(f"{OWN}/compile", content=b"int main(void) {\n  return x;\n}")
    assert answer.status_code == 422
    note = answer.json()["error"]["notes"][0]
    assert (note["line"], note["column"], note["kind"]) == (2, 10, "error")


def test_a_missing_compiler_is_said(site, monkeypatch):
    monkeypatch.setattr(compiling, "compiler_exists", lambda: False)
    answer = client(site, compile_c=True).post(f"{OWN}/compile", content=b"")
    assert "pip install ziglang" in answer.json()["error"]["message"]


def test_errors_are_pages_for_people_and_text_for_programs(web):
    page = web.get("/nothing", headers={"accept": "text/html"})
    assert page.headers["content-security-policy"] == PAGE_CSP
    assert "Not found" in page.text
    hostile = web.get("/%3Cscript%3Ealert(1)%3C/script%3E", headers={"accept": "text/html"})
    assert "<script>alert" not in hostile.text
    assert web.get("/nothing").headers["content-type"].startswith("text/plain")
    assert web.get(f"{OWN}/nothing").status_code == 404
    assert web.put("/add.wasm").status_code == 405
