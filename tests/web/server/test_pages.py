import pytest

from wasmwright.web.server.files import Folder
from wasmwright.web.server.pages import index, inject, size

TAG = b'<script src="/a.js"></script>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<!doctype html><html><head>", "<title>x</title>"),
        ("\n<!-- c --><!DOCTYPE html>\n<html lang=en>\n<head data-x>", "<script>1</script>"),
        ("<!doctype html>\n", "<title>x</title><header></header>"),
        ("", "<h1>x</h1>"),
        ("", "text"),
        ("", ""),
    ],
)
def test_scripts_come_before_all_others(before, after):
    assert inject((before + after).encode(), ["/a.js"]) == before.encode() + TAG + after.encode()


def test_names_are_escaped(tmp_path):
    (tmp_path / "<b>&\"'.wasm").write_bytes(b"")
    text = index(Folder(tmp_path), tmp_path)
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text
    assert 'href="/%3Cb%3E%26%22%27.wasm?source"' in text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (23685, "23.7 kB"),
        (999_600, "1 MB"),
        (4_449_347, "4.45 MB"),
        (512_000_000, "512 MB"),
    ],
)
def test_sizes_are_for_people(count, text):
    assert size(count) == text
