from wasmwright.web.server import reload
from wasmwright.web.server.files import Folder


def test_changes_are_known_by_the_paths_of_urls(tmp_path, monkeypatch):
    monkeypatch.setattr(reload, "_INTERVAL", 0)
    monkeypatch.setattr(reload, "_SHARE", 0)
    watcher = reload.Watcher(Folder(tmp_path))
    (tmp_path / "a.txt").write_text("a")
    first = watcher.poll()
    assert watcher.poll() == first
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("b")
    second = watcher.poll()
    (tmp_path / "a.txt").unlink()
    (tmp_path / ".hidden").write_text("")
    third = watcher.poll()
    assert first < second < third == watcher.poll()
    assert watcher.since(first) == ["/a.txt", "/sub/b.txt"]
    assert watcher.since(second) == ["/a.txt"]
    assert watcher.since(third) == []


def test_a_large_folder_is_looked_at_less_often(tmp_path, monkeypatch):
    clock = [100.0]

    def look(self):
        clock[0] += 3
        return {}

    monkeypatch.setattr(reload.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(reload.Watcher, "_snapshot", look)
    watcher = reload.Watcher(Folder(tmp_path))
    watcher.poll()
    clock[0] += 29
    watcher.poll()
    assert clock[0] == 132
    clock[0] += 1
    watcher.poll()
    assert clock[0] == 136
