from wasmwright.isa import INSTRUCTIONS
from wasmwright.web import opcodes


def test_the_polyfill_s_tables_are_current():
    assert opcodes.main(["--check"]) == 0


def test_check_mode_tells_a_stale_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(opcodes, "FOLDER", tmp_path)
    assert opcodes.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert opcodes.main([]) == 0
    assert opcodes.main(["--check"]) == 0


def test_each_instruction_is_a_row_or_refused_by_feature():
    text = opcodes.table() + opcodes.simd_table()
    for row in INSTRUCTIONS:
        is_row = f"\n{row.name} " in text
        assert is_row is not opcodes.is_refused(row), row.name
