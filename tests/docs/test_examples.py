"""The examples in README.md and docs/ run, and print what the pages say.

In each page, from top to bottom and with one set of variables:

- a `python` block is executed; a `text` block right after it is what it prints;
- a `console` block is a session of the shell: lines that begin with `$ ` are commands, the others
  what they print.

The directory they run in has the repository's `examples/`. A block is left out by a comment on the
line before it, `<!-- not run: REASON -->`; one named there as `<!-- file: NAME -->` is written to
that file instead.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# What a page takes for granted.
PRELUDES = {
    "README.md": 'source = \'(module (func (export "add") (param i32 i32) (result i32) '
    "(i32.add (local.get 0) (local.get 1))))'",
}

BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    language: str
    text: str
    line: int  # of its first line in the page
    note: str
    output: str | None  # the text block that follows at once


def blocks(page: str) -> Iterator[Block]:
    matches = list(BLOCK.finditer(page))
    for match, following in zip_longest(matches, matches[1:]):
        output = None
        if following is not None and following["language"] == "text":
            if not page[match.end() : following.start()].strip():
                output = following["text"]
        line = page.count("\n", 0, match.start("text")) + 1
        yield Block(match["language"], match["text"], line, match["note"] or "", output)


def run_python(block: Block, page: Path, variables: dict[str, Any]) -> None:
    # Empty lines in front, so that a traceback has the page's line numbers.
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    printed = StringIO()
    with redirect_stdout(printed):
        exec(code, variables)
    if block.output is not None:
        assert printed.getvalue() == block.output, f"{page}:{block.line}"


def run_console(block: Block, page: Path) -> None:
    for session in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        done = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
        )
        assert done.stdout.decode() == expected, f"{page}:{block.line}: {command}"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory with what the pages expect, and `wasmwright` and `python` on the path."""
    work, bin_ = tmp_path / "work", tmp_path / "bin"
    shutil.copytree(ROOT / "examples", work / "examples")
    bin_.mkdir()
    for name, arguments in (("wasmwright", "-m wasmwright"), ("python", "")):
        script = bin_ / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    if path := os.environ.get("PYTHONPATH"):  # may be relative
        absolute = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
        monkeypatch.setenv("PYTHONPATH", absolute)
    monkeypatch.chdir(work)
    modules = dict(sys.modules)
    yield
    # A page may put a module in another's place.
    for name, module in list(sys.modules.items()):
        if name not in modules and getattr(module, "__name__", name) != name:
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("workplace")
def test_the_examples_of_a_page_run(page: Path) -> None:
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(PRELUDES.get(page.name, ""), variables)
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.note.startswith("not run: "):
            continue
        if block.note.startswith("file: "):
            Path(block.note.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            run_python(block, page, variables)
        elif block.language == "console":
            run_console(block, page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`]*`", "", page.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
