"""``wasmwright stubs``: type stubs for a module's exports."""

MODULE = '(module (func (export "add") (param $left i32) (result i32) (local.get 0)))'


def test_stubs_go_to_standard_output(cli, file):
    done = cli("stubs", file(MODULE))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (
        b"def __call__(self, left: int, /, *, timeout: float | None = None) -> int: ..."
        in done.stdout
    )


def test_stubs_of_a_class_go_to_a_file(cli, file, tmp_path):
    target = tmp_path / "out.pyi"
    done = cli("stubs", "--class", "Codec", "-o", str(target), file(MODULE))
    assert (done.returncode, done.stdout) == (0, b"")
    assert "class Codec(Protocol):" in target.read_text()


def test_what_is_no_module_or_no_name_is_refused(cli, file):
    assert cli("stubs", file("(module (func (result i32)))")).returncode == 1
    assert cli("stubs", "--class", "a b", file(MODULE)).returncode == 2
