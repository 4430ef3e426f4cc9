import os

import pytest

from wasmwright.web.server.files import Folder, media_type


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("a")
    (root / ".hidden").write_text("h")
    (tmp_path / "outside.txt").write_text("o")
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "b.txt").write_text("b")
    return Folder(root)


def test_a_path_is_found_by_its_url(folder):
    assert folder.find("/sub/a.txt") == folder.root / "sub" / "a.txt"
    assert folder.find("/") == folder.root
    assert folder.find("//sub//") == folder.root / "sub"
    assert folder.url(folder.root / "sub" / "a.txt") == "/sub/a.txt"


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/sub/../../outside.txt",
        "/../root-2/b.txt",
        "/sub/../sub/a.txt",
        "/.hidden",
        "/..\\outside.txt",
        "/sub\0/a.txt",
        "/nothing",
        "/sub/a.txt/",
        "/sub/a.txt/b",
        "/" + "x" * 5000,
    ],
)
def test_what_is_outside_hidden_or_not_there_is_not_found(folder, path):
    assert folder.find(path) is None


def test_symbolic_links_stay_inside(folder):
    os.symlink(folder.root.parent / "outside.txt", folder.root / "link.txt")
    os.symlink(folder.root.parent, folder.root / "up")
    os.symlink(folder.root / "sub", folder.root / "inside")
    os.symlink(folder.root / ".hidden", folder.root / "shown")
    os.symlink("loop", folder.root / "loop")
    assert folder.find("/link.txt") is None
    assert folder.find("/up/outside.txt") is None
    assert folder.find("/shown") is None
    assert folder.find("/loop") is None
    assert folder.find("/inside/a.txt") == folder.root / "sub" / "a.txt"
    assert [each.name for each in folder.entries(folder.root)] == ["inside", "sub"]


def test_what_is_no_file_is_not_served(folder):
    os.mkfifo(folder.root / "pipe")
    assert folder.find("/pipe") is None


def test_wasm_has_exactly_its_type(folder):
    assert media_type(folder.root / "A.WASM") == "application/wasm"
    assert media_type(folder.root / "a.mjs") == "text/javascript; charset=utf-8"
    assert media_type(folder.root / "a") == "application/octet-stream"
