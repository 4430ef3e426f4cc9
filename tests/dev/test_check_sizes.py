from __future__ import annotations

from pathlib import Path

import pytest

import check_sizes


def repository(root: Path, tables: str, **sizes: int) -> Path:
    (root / "pyproject.toml").write_text(f"[tool.wasmwright]\ntables = {tables}\n")
    (root / "src").mkdir()
    for name, size in sizes.items():
        (root / "src" / f"{name}.py").write_text("x = 1\n" * size)
    return root


def test_files_over_the_limit_are_listed_longest_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = repository(tmp_path, "[]", at_limit=500, over=501, far_over=900)
    assert check_sizes.main([str(root)]) == 0
    assert capsys.readouterr().out == (
        "   900 src/far_over.py\n   501 src/over.py\nsizes: 2 files over 500 lines\n"
    )


def test_tables_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = repository(tmp_path, '["src/tab*.py"]', table=2000)
    assert check_sizes.main([str(root)]) == 0
    assert capsys.readouterr().out == "sizes: no files over 500 lines\n"
