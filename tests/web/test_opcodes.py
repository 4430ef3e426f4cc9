from wasmwright.isa import INSTRUCTIONS
from wasmwright.web import opcodes


def test_the_polyfill_s_table_is_current():
    assert opcodes.PATH.read_text() == opcodes.table()


def test_check_mode_tells_a_stale_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(opcodes, "PATH", tmp_path / "opcodes.js")
    assert opcodes.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert opcodes.main([]) == 0
    assert opcodes.main(["--check"]) == 0


def test_each_instruction_is_a_row_or_refused_by_feature():
    text = opcodes.table()
    for row in INSTRUCTIONS:
        is_row = f"\n{row.slot:x} {row.name} " in text
        assert is_row is not opcodes.is_refused(row), row.name
