"""`wasmwright run --dir`: what a program sees."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*options: str, program: str = "wc.wasm", path: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "wasmwright", "run", *options, str(EXAMPLES / program), path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    return done.returncode, " ".join(done.stdout.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "text").write_text("one two\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "folder" / "text", "in/text")
    return tmp_path / "folder"


def test_directories_have_their_own_name_or_another(folder: Path) -> None:
    assert run("--dir", str(folder), path=f"{folder}/text") == (0, f"1 2 8 {folder}/text")
    for option in ("::/data", "::/data::ro", "::data"):
        assert run("--dir", f"{folder}{option}", path="data/text") == (0, "1 2 8 data/text")
    assert run("--dir", f"{folder}::::ro", path=f"{folder}/text")[0] == 0
    assert run("--dir", f"{folder}::/data", path=f"{folder}/text")[0] == 1


def test_a_zip_file_is_a_directory(folder: Path) -> None:
    archive = folder.parent / "a.zip"
    assert run("--dir", f"{archive}::/z", path="/z/in/text") == (0, "1 2 8 /z/in/text")


def test_what_is_no_directory_is_wrong_usage(folder: Path) -> None:
    for option, message in (
        (str(folder / "text"), "is not a zip archive"),
        (str(folder / "none"), "is not a directory"),
        (f"{folder}::/data::rw", "'rw' is not ro"),
    ):
        code, output = run("--dir", option, path="x")
        assert (code, message in output) == (2, True)
