"""Compiled code on disk, so that a second start compiles nothing.

A *pack* is a file of object records for one identity: what is compiled (a module's bytes and
options), by which compiler (a hash of our own sources and LLVM's version) and for which CPU.
Records are appended; each carries its length and a checksum, and the first one that does not add
up ends the pack, which is then begun anew.

What is trusted: files that belong to this user and that nobody else can write, in a directory of
which the same holds. Anything else is ignored. ``WASMWRIGHT_CACHE`` is a directory, or ``off``.
The directory's size is bounded (``tuning.CACHE_SIZE``): packs unused the longest go first.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import stat
import struct
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Final

from wasmwright import tuning
from wasmwright.codegen import cpu
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.identity import source_identity

_MAGIC: Final = b"wasmwright code 1\n"
_HEAD: Final = struct.Struct("<II16s")  # functions in the record, bytes of object, checksum
_SUFFIX: Final = ".pack"
_LINUX: Final = sys.platform == "linux"


@functools.cache
def compiler_identity() -> bytes:
    """A hash of everything that decides what code comes out: sources, LLVM, and the CPU."""
    digest = blake2b(source_identity(), digest_size=16)
    digest.update(_llvm_version())
    digest.update(cpu.describe())
    return digest.digest()


def _llvm_version() -> bytes:
    # Neither importing it nor `importlib.metadata`, which cost a start 50 and 20 ms.
    try:
        spec = importlib.util.find_spec("llvmlite")
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        return b"none"
    with open(os.path.join(os.path.dirname(spec.origin), "_version.py"), "rb") as file:
        return file.read()


def directory() -> str | None:
    """Where packs are, or None if there is no cache (turned off, or not ours alone)."""
    setting = os.environ.get("WASMWRIGHT_CACHE")
    if setting == "off":
        return None
    path = setting or _user_directory()
    try:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            os.makedirs(path, mode=0o700, exist_ok=True)
            status = os.stat(path)
        return path if _private(status) else None
    except OSError:
        return None


def _user_directory() -> str:
    if _LINUX:
        # What platformdirs says there, without the 20 modules that it imports.
        home = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")
        return os.path.join(home, "wasmwright")
    import platformdirs

    return platformdirs.user_cache_dir("wasmwright")


def _private(status: os.stat_result) -> bool:
    """Whether only this user can have written it."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def open_pack(identity: bytes) -> Pack:
    """The pack of an identity: the same one for everybody in this process who uses it now."""
    folder = directory()
    if folder is None:
        return Pack(None)
    digest = blake2b(identity + compiler_identity(), digest_size=20)
    path = os.path.join(folder, digest.hexdigest() + _SUFFIX)
    with _packs_lock:
        pack = _open_packs.get(path)
        if pack is None:
            pack = _open_packs[path] = Pack(path)
    return pack


class Pack:
    """The cached objects of one identity, in the file ``path`` if there is a cache.

    Thread-safe; several processes may share the file.
    """

    def __init__(self, path: str | None) -> None:
        self._objects: dict[int, tuple[tuple[int, ...], bytes]] = {}
        self._fresh: list[bytes] = []
        self._fresh_size = 0
        self._lock = threading.Lock()
        self._path = path
        if path is not None:
            self._read(path)

    @property
    def empty(self) -> bool:
        """Whether it has no objects."""
        return not self._objects

    def forget(self, func: int) -> None:
        """Drops the object that has ``func``, until it is added anew."""
        for each in self._objects.get(func, ((), b""))[0]:
            self._objects.pop(each, None)

    def find(self, func: int) -> tuple[tuple[int, ...], bytes] | None:
        """The functions and the bytes of the object that has ``func``, or None."""
        return self._objects.get(func)

    def add(self, funcs: tuple[int, ...], data: bytes) -> None:
        """Remembers an object; it reaches the disk with the next ``flush``, or at exit."""
        if self._path is None:
            return
        body = struct.pack(f"<{len(funcs)}I", *funcs) + data
        record = _HEAD.pack(len(funcs), len(data), _checksum(body)) + body
        with self._lock:
            for func in funcs:
                self._objects[func] = (funcs, data)
            self._fresh.append(record)
            self._fresh_size += len(record)
            _unwritten.add(self)
        if self._fresh_size > tuning.CACHE_FLUSH:
            self.flush()

    def flush(self) -> None:
        """Appends what is new to the file; a cache that cannot be written is no error."""
        with self._lock:
            fresh, self._fresh, self._fresh_size = self._fresh, [], 0
            _unwritten.discard(self)
        if not fresh or self._path is None:
            return
        import filelock  # a start that compiles nothing does without

        lock = filelock.FileLock(os.path.join(os.path.dirname(self._path), "lock"), timeout=5)
        with contextlib.suppress(OSError, filelock.Timeout), lock:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            with open(descriptor, "ab") as file:
                if file.tell() == 0:
                    file.write(_MAGIC)
                file.write(b"".join(fresh))
            _evict(self._path)

    def _read(self, path: str) -> None:
        # (A pipe that stands there must not make us wait.)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            return
        except OSError:
            self._path = None
            return
        try:
            status = os.fstat(descriptor)
            if not (_private(status) and stat.S_ISREG(status.st_mode)):
                self._path = None
                return
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read()
        finally:
            os.close(descriptor)
        whole = False
        if data.startswith(_MAGIC):
            whole = self._parse(data)
        if not whole:
            with contextlib.suppress(OSError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.utime(path)

    def _parse(self, data: bytes) -> bool:
        """Reads the records; False where one is damaged (those before it are kept)."""
        at = len(_MAGIC)
        while at < len(data):
            if at + _HEAD.size > len(data):
                return False
            count, size, checksum = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            end = at + 4 * count + size
            if end > len(data) or _checksum(data[at:end]) != checksum:
                return False
            funcs = struct.unpack_from(f"<{count}I", data, at)
            entry = (funcs, data[at + 4 * count : end])
            for func in funcs:
                self._objects[func] = entry
            at = end
        return True


def _checksum(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _evict(keep: str) -> None:
    """Removes the packs unused the longest until the directory is within its bound."""
    packs = sorted(_packs(os.path.dirname(keep)), key=lambda each: each[1].st_mtime)
    total = sum(status.st_size for _, status in packs)
    for path, status in packs:
        if total <= tuning.CACHE_SIZE:
            return
        if path != keep:
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= status.st_size


def _packs(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX):
                with contextlib.suppress(OSError):
                    yield entry.path, entry.stat()


_open_packs: weakref.WeakValueDictionary[str, Pack] = weakref.WeakValueDictionary()
# Reentrant: a finaliser may interrupt the thread that holds it, and compile something.
_packs_lock: Final = threading.RLock()
# Those with something new, which stay until it is written.
_unwritten: Final[set[Pack]] = set()


def flush_all() -> None:
    """Writes what every open pack has that is new."""
    for pack in list(_unwritten):
        pack.flush()


atexit.register(flush_all)
