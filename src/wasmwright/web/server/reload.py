"""Live reload: what changed in the folder, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from typing import Final

from wasmwright.web.server.files import Folder, hidden

_INTERVAL: Final = 0.4  # seconds between two looks at the folder, at least
_SHARE: Final = 10  # how many times as long as a look lasts is between two: folders may be large
_MOST_FILES: Final = 20_000  # files that are watched; what is beyond changes unseen
_KEEP_ALIVE: Final = 15.0  # seconds after which a comment shows whether the browser is still there

Snapshot = dict[str, tuple[int, int]]


class Watcher:
    """Looks at a folder when somebody asks, not too often."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._seen: Snapshot | None = None
        self._next = 0.0
        self._version = 0
        self._changes: list[tuple[int, list[str]]] = []
        self._lock = threading.Lock()

    def poll(self) -> int:
        """The number of the folder's present version, as of the last look."""
        with self._lock:
            return self._poll()

    def _poll(self) -> int:
        now = time.monotonic()
        if now >= self._next:
            found = self._snapshot()
            if self._seen is not None and found != self._seen:
                keys = found.keys() | self._seen.keys()
                changed = sorted(k for k in keys if found.get(k) != self._seen.get(k))
                self._version += 1
                self._changes = [*self._changes[-20:], (self._version, changed)]
            self._seen = found
            after = time.monotonic()
            self._next = after + max(_INTERVAL, _SHARE * (after - now))
        return self._version

    def since(self, version: int) -> list[str]:
        """The paths of URLs that changed after a version."""
        return sorted(
            {path for number, paths in self._changes if number > version for path in paths}
        )

    def _snapshot(self) -> Snapshot:
        found: Snapshot = {}
        root = str(self._folder.root)
        for directory, folders, files in os.walk(root):
            folders[:] = [each for each in folders if not hidden(each) and each != "node_modules"]
            for name in files:
                if hidden(name):
                    continue
                path = os.path.join(directory, name)
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                key = "/" + os.path.relpath(path, root).replace(os.sep, "/")
                found[key] = (status.st_mtime_ns, status.st_size)
                if len(found) >= _MOST_FILES:
                    return found
        return found

    async def events(self) -> AsyncIterator[str]:
        """Events ``change`` whose data is a JSON list of paths, for as long as somebody listens."""
        version = await asyncio.to_thread(self.poll)
        yield "retry: 500\nevent: ready\ndata: \n\n"
        quiet = 0.0
        while True:
            await asyncio.sleep(_INTERVAL)
            quiet += _INTERVAL
            now = await asyncio.to_thread(self.poll)
            if now != version:
                yield f"event: change\ndata: {json.dumps(self.since(version))}\n\n"
                version = now
                quiet = 0.0
            elif quiet >= _KEEP_ALIVE:
                yield ": still here\n\n"
                quiet = 0.0
