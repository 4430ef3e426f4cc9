"""Paths of URLs to files under one folder, and nothing outside of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# By suffix. The machine's own table would depend on what is installed.
MEDIA_TYPES: Final[dict[str, str]] = {
    ".c": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".h": "text/plain; charset=utf-8",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/plain; charset=utf-8",
    ".rs": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",  # exactly this, or streaming compilation refuses it
    ".wast": "text/plain; charset=utf-8",
    ".wat": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
OTHER_TYPE: Final = "application/octet-stream"

MODULE_SUFFIXES: Final = (".wasm", ".wat")


def media_type(path: Path) -> str:
    """The Content-Type of a file."""
    return MEDIA_TYPES.get(path.suffix.lower(), OTHER_TYPE)


def hidden(name: str) -> bool:
    """Whether files of this name are neither listed nor served: ``.git``, ``.env`` and the like."""
    return name.startswith(".")


class Folder:
    """A folder whose files are served. ``root`` is its real path."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(os.path.realpath(root))

    def find(self, path: str) -> Path | None:
        """The real path of what the decoded path of a URL names, or None.

        None for what does not exist, is hidden, or is outside of the folder: by ``..``, by an
        absolute path, or by a symbolic link on the way.
        """
        if "\0" in path or "\\" in path:
            return None
        parts = [part for part in path.split("/") if part]
        if any(hidden(part) for part in parts):  # `.` and `..` are too
            return None
        try:
            found = Path(os.path.realpath(self.root.joinpath(*parts), strict=True))
        except (OSError, ValueError):
            return None
        if found != self.root and self.root not in found.parents:
            return None
        if any(hidden(part) for part in found.relative_to(self.root).parts):
            return None
        if path.endswith("/") and not found.is_dir():
            return None
        return found if found.is_dir() or found.is_file() else None

    def url(self, path: Path) -> str:
        """The decoded path of the URL of a real path under the folder."""
        inside = path.relative_to(self.root).as_posix()
        return "/" if inside == "." else f"/{inside}"

    def entries(self, folder: Path) -> list[Path]:
        """What is in a folder and may be served: folders first, each by name."""
        found = [each for each in folder.iterdir() if self.find(self._joined(folder, each.name))]
        return sorted(found, key=lambda each: (not each.is_dir(), each.name.lower()))

    def _joined(self, folder: Path, name: str) -> str:
        base = self.url(folder)
        return f"{'' if base == '/' else base}/{name}"
