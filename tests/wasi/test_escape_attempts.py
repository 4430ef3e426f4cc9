"""Ways out of a directory of the host, enumerated: what a guest does.

`test_escapes.py` walks strange paths through a maze that the host made. Here guests build their
own, and use descriptors, rights and encodings. `test_escape_races.py` has what others do meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, ReadOnly
from wasmwright.wasi.abi import (
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_EXCL,
    OFLAG_TRUNC,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHTS_ALL,
)

OUT, PATH, PATH2, DATA = 8, 1024, 8192, 16384
DIR = RIGHTS_ALL & ~RIGHT_FD_WRITE

Attempt = Callable[[Any], object]


pytestmark = pytest.mark.usefixtures("untouched")


def symlink(guest: Any, target: str, name: str) -> None:
    guest.ok("path_symlink", *guest.path(target, PATH2), 3, *guest.path(name))


def rename(guest: Any, old: str, new: str) -> Errno:
    return Errno(guest.call("path_rename", 3, *guest.path(old), 3, *guest.path(new, PATH2)))


def mkdir(guest: Any, name: str) -> None:
    guest.ok("path_create_directory", 3, *guest.path(name))


def refuse(guest: Any, path: str | bytes, *errnos: Errno, fd: int = 3) -> None:
    """Every way to use `path` fails, with one of `errnos` (a way out, if none are given)."""
    expected = errnos or (Errno.PERM, Errno.NOTCAPABLE)
    for oflags, rights in (
        (0, RIGHT_FD_READ),
        (OFLAG_DIRECTORY, DIR),
        (OFLAG_CREAT, RIGHTS_ALL),
        (OFLAG_CREAT | OFLAG_TRUNC, RIGHTS_ALL),
        (OFLAG_TRUNC, RIGHT_FD_READ),
    ):
        assert guest.try_open(path, oflags, rights, fd=fd) in expected, (path, oflags)
    place = guest.path(path)
    assert guest.call("path_filestat_get", fd, 1, *place, DATA) in expected
    assert guest.call("path_filestat_set_times", fd, 1, *place, 1, 1, 5) in expected


# -- links that the guest makes ----------------------------------------------------------


def link_to_the_parent(guest: Any) -> None:
    symlink(guest, "..", "l")
    refuse(guest, "l")
    refuse(guest, "l/outside/secret")


def link_with_dots_and_slashes(guest: Any) -> None:
    symlink(guest, ".//..//.//outside//", "l")
    refuse(guest, "l/secret")


def link_through_a_link(guest: Any) -> None:
    mkdir(guest, "d")
    symlink(guest, "d/..", "here")
    symlink(guest, "here/here/../outside", "l")
    refuse(guest, "l/secret")


def links_that_climb_one_step_each(guest: Any) -> None:
    mkdir(guest, "d")
    mkdir(guest, "d/e")
    symlink(guest, "..", "d/e/up")
    symlink(guest, "e/up/..", "d/up")
    symlink(guest, "d/up/..", "up")
    refuse(guest, "up/outside/secret")


def link_as_long_as_paths_get(guest: Any) -> None:
    symlink(guest, "../" * 1300 + "etc/passwd", "l")
    refuse(guest, "l")


def link_that_points_out_once_it_is_moved(guest: Any) -> None:
    mkdir(guest, "d")
    mkdir(guest, "d/e")
    symlink(guest, "../../outside/secret", "d/e/l")
    assert guest.try_open("d/e/l", 0, RIGHT_FD_READ) is Errno.NOENT
    assert rename(guest, "d/e", "e") is Errno.SUCCESS
    refuse(guest, "e/l")


def link_to_an_absolute_path(guest: Any) -> None:
    for target in ("/", "/etc/passwd", "//etc"):
        call = guest.call("path_symlink", *guest.path(target, PATH2), 3, *guest.path("l"))
        assert call is Errno.PERM


def hard_link_to_a_link(guest: Any) -> None:
    symlink(guest, "../outside/secret", "l")
    guest.ok("path_link", 3, 0, *guest.path("l"), 3, *guest.path("h", PATH2))
    refuse(guest, "h")
    follow = guest.call("path_link", 3, 1, *guest.path("l"), 3, *guest.path("i", PATH2))
    assert follow is Errno.INVAL


def hard_link_of_what_is_outside(guest: Any) -> None:
    for path in ("../outside/secret", "/etc/passwd"):
        call = guest.call("path_link", 3, 0, *guest.path(path), 3, *guest.path("h", PATH2))
        assert call is Errno.PERM
    symlink(guest, "../outside", "l")
    call = guest.call("path_link", 3, 0, *guest.path("l/secret"), 3, *guest.path("h", PATH2))
    assert call is Errno.PERM


def creating_through_a_link(guest: Any) -> None:
    symlink(guest, "../outside/new", "l")
    refuse(guest, "l")
    assert guest.try_open("l", OFLAG_CREAT | OFLAG_EXCL) is Errno.EXIST
    assert guest.try_open("l", OFLAG_CREAT, follow=False) is Errno.LOOP


def everything_through_a_link_to_a_directory(guest: Any) -> None:
    symlink(guest, "../outside", "l")
    guest.open("f", OFLAG_CREAT)
    f = guest.path("f", PATH2)
    for call in (
        ("path_create_directory", 3, *guest.path("l/new")),
        ("path_remove_directory", 3, *guest.path("l/secret")),
        ("path_unlink_file", 3, *guest.path("l/secret")),
        ("path_symlink", *f, 3, *guest.path("l/new")),
        ("path_rename", 3, *f, 3, *guest.path("l/new")),
        ("path_link", 3, 0, *f, 3, *guest.path("l/new")),
        ("path_readlink", 3, *guest.path("l/secret"), DATA, 100, OUT),
    ):
        assert guest.call(*call) is Errno.PERM, call
    assert rename(guest, "l/secret", "stolen") is Errno.PERM


def a_slash_does_not_make_a_link_a_directory(guest: Any) -> None:
    symlink(guest, "../outside", "l")
    refuse(guest, "l/", Errno.PERM, Errno.ISDIR)
    refuse(guest, "l/.")
    guest.open("f", OFLAG_CREAT)
    assert rename(guest, "f", "l/") in (Errno.NOTDIR, Errno.PERM)
    assert guest.call("path_remove_directory", 3, *guest.path("l/")) in (Errno.NOTDIR, Errno.PERM)


def renaming_over_a_link(guest: Any) -> None:
    """The link is replaced, not what it points to."""
    symlink(guest, "../outside/secret", "l")
    guest.write(guest.open("f", OFLAG_CREAT), b"over")
    assert rename(guest, "f", "l") is Errno.SUCCESS
    assert guest.read(guest.open("l", 0, RIGHT_FD_READ)) == b"over"


def removing_a_link(guest: Any) -> None:
    symlink(guest, "../outside/secret", "l")
    guest.ok("path_unlink_file", 3, *guest.path("l"))
    symlink(guest, "../outside", "l")
    assert guest.call("path_remove_directory", 3, *guest.path("l")) is Errno.NOTDIR


def times_of_a_link(guest: Any) -> None:
    symlink(guest, "../outside/secret", "l")
    guest.ok("path_filestat_set_times", 3, 0, *guest.path("l"), 1, 1, 5)


# -- descriptors -------------------------------------------------------------------------


def parent_of_a_directory_that_was_opened(guest: Any) -> None:
    mkdir(guest, "d")
    fd = guest.open("d", OFLAG_DIRECTORY, DIR)
    refuse(guest, "..", fd=fd)
    refuse(guest, "../../outside/secret", fd=fd)
    guest.open(".", OFLAG_DIRECTORY, DIR, fd=fd)
    refuse(guest, "..", fd=fd + 1)


def parent_of_a_directory_that_was_moved(guest: Any) -> None:
    mkdir(guest, "d")
    mkdir(guest, "d/e")
    fd = guest.open("d/e", OFLAG_DIRECTORY, DIR)
    assert rename(guest, "d/e", "e") is Errno.SUCCESS
    refuse(guest, "..", fd=fd)
    refuse(guest, "../../outside/secret", fd=fd)


def parent_of_a_directory_that_was_removed(guest: Any) -> None:
    mkdir(guest, "d")
    fd = guest.open("d", OFLAG_DIRECTORY, DIR)
    guest.ok("path_remove_directory", 3, *guest.path("d"))
    refuse(guest, "..", fd=fd)
    refuse(guest, "../outside/secret", fd=fd)


def numbers_of_the_hosts_descriptors(guest: Any) -> None:
    host = os.open("/etc/passwd", os.O_RDONLY)
    for fd in {*map(int, os.listdir("/proc/self/fd")), host} - {0, 1, 2, 3}:
        assert guest.call("fd_read", fd, *guest.iovs((DATA, 10)), OUT) is Errno.BADF
    os.close(host)


def numbers_that_are_none(guest: Any) -> None:
    for fd in (-1, -100, 4, 1 << 30, -(1 << 31)):  # -100 is AT_FDCWD
        refuse(guest, "etc", Errno.BADF, fd=fd)
        assert guest.call("fd_renumber", 3, fd) is Errno.BADF


def a_number_of_a_closed_directory(guest: Any) -> None:
    mkdir(guest, "d")
    fd = guest.open("d", OFLAG_DIRECTORY, DIR)
    guest.ok("fd_renumber", fd, 3)
    refuse(guest, "..")  # of `d`, which is 3 now
    guest.ok("fd_close", 3)
    refuse(guest, "d", Errno.BADF)


def a_file_as_a_directory(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    refuse(guest, "..", Errno.NOTDIR, fd=fd)
    refuse(guest, "f/..", Errno.NOTDIR)
    refuse(guest, "f/../../outside/secret", Errno.NOTDIR)
    refuse(guest, "../secret", Errno.NOTDIR, fd=1)


def more_rights_than_were_given(guest: Any) -> None:
    fd = guest.open(".", OFLAG_DIRECTORY, DIR, inheriting=RIGHT_FD_READ)
    guest.open("f", OFLAG_CREAT)
    assert guest.try_open("f", 0, RIGHTS_ALL, fd=fd) is Errno.NOTCAPABLE
    assert guest.try_open("f", 0, RIGHT_FD_READ, fd=fd, inheriting=1 << 6) is Errno.NOTCAPABLE
    assert guest.call("fd_fdstat_set_rights", fd, DIR, RIGHTS_ALL) is Errno.NOTCAPABLE


# -- names -------------------------------------------------------------------------------


def names_cut_by_nul(guest: Any) -> None:
    guest.open("f", OFLAG_CREAT)
    for path in (b"f\0", b"f\0/../../outside/secret", b"..\0", b"\0", b"\0/etc/passwd"):
        refuse(guest, path, Errno.INVAL)


def names_in_bad_utf_8(guest: Any) -> None:
    for path in (
        b"\xc0\xae\xc0\xae/outside/secret",  # overlong dots
        b"..\xc0\xafoutside\xc0\xafsecret",  # overlong slashes
        b"\xe0\x80\xae\xe0\x80\xae/x",
        b"\xf0\x80\x80\xae\xf0\x80\x80\xae/x",
        b"\xed\xb0\xae\xed\xb0\xae/x",  # lone surrogates, Python's way to carry bytes
        b"\xff/..",
    ):
        refuse(guest, path, Errno.ILSEQ)


def names_that_look_like_dots_and_slashes(guest: Any) -> None:
    for path in ("․․", "．．", "..／outside", "..∕outside∕secret", "..\\outside\\secret", "... "):
        assert guest.try_open(path, 0, RIGHT_FD_READ) is Errno.NOENT
    for path in ("．．/outside", "..\u200b/outside", ".. /x", "%2e%2e/outside", "..;/outside"):
        refuse(guest, path, Errno.NOENT)
    mkdir(guest, "．．")
    refuse(guest, "．．/../../outside")


def absolute_names(guest: Any) -> None:
    for path in ("/", "//", "/.", "/..", "/f", "/etc/passwd", "/proc/self/root", "/dev/fd/0"):
        refuse(guest, path)


def names_of_the_whole_host(guest: Any) -> None:
    inside = os.readlink(f"/proc/self/fd/{guest.wasi._table.get(3).directory.fileno()}")
    refuse(guest, inside)
    refuse(guest, "../" + os.path.basename(inside))
    refuse(guest, inside.lstrip("/"), Errno.NOENT)


def names_longer_than_paths_get(guest: Any) -> None:
    refuse(guest, "../" * 5000, Errno.NAMETOOLONG)
    refuse(guest, "./" * 2000 + "../outside/secret")
    refuse(guest, "d/" * 2000, Errno.NOENT)


ATTEMPTS: list[Attempt] = [
    link_to_the_parent,
    link_with_dots_and_slashes,
    link_through_a_link,
    links_that_climb_one_step_each,
    link_as_long_as_paths_get,
    link_that_points_out_once_it_is_moved,
    link_to_an_absolute_path,
    hard_link_to_a_link,
    hard_link_of_what_is_outside,
    creating_through_a_link,
    everything_through_a_link_to_a_directory,
    a_slash_does_not_make_a_link_a_directory,
    renaming_over_a_link,
    removing_a_link,
    times_of_a_link,
    parent_of_a_directory_that_was_opened,
    parent_of_a_directory_that_was_moved,
    parent_of_a_directory_that_was_removed,
    numbers_of_the_hosts_descriptors,
    numbers_that_are_none,
    a_number_of_a_closed_directory,
    a_file_as_a_directory,
    more_rights_than_were_given,
    names_cut_by_nul,
    names_in_bad_utf_8,
    names_that_look_like_dots_and_slashes,
    absolute_names,
    names_of_the_whole_host,
    names_longer_than_paths_get,
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_no_attempt_gets_out(make_guest: Callable[..., Any], root: Path, attempt: Attempt) -> None:
    guest = make_guest(dirs={"/": root})
    attempt(guest)
    guest.wasi.close()


# -- several directories -----------------------------------------------------------------


def test_one_directory_is_no_way_into_what_is_around_another(
    make_guest: Callable[..., Any], root: Path
) -> None:
    (root / "in" / "deep").mkdir(parents=True)
    (root / "other").mkdir()
    guest = make_guest(dirs={"/all": root, "/deep": root / "in" / "deep", "/o": root / "other"})
    refuse(guest, "..", fd=4)
    refuse(guest, "../../other", fd=4)
    fd = guest.open("in/deep", OFLAG_DIRECTORY, DIR)
    guest.ok("path_rename", 3, *guest.path("in/deep"), 5, *guest.path("moved", PATH2))
    for base in (4, fd):
        refuse(guest, "..", fd=base)
        refuse(guest, "../../secret", fd=base)
    assert guest.try_open("moved/..", OFLAG_DIRECTORY, DIR, fd=5) is Errno.SUCCESS
    refuse(guest, "moved/../..", fd=5)
    guest.wasi.close()


def test_a_read_only_directory_is_not_changed_through_a_writable_one(
    make_guest: Callable[..., Any], root: Path
) -> None:
    (root / "ro").mkdir()
    (root / "rw").mkdir()
    (root / "ro" / "f").write_text("keep")
    (root / "rw" / "l").symlink_to("../ro/f")
    guest = make_guest(dirs={"/ro": ReadOnly(root / "ro"), "/rw": root / "rw"})
    f, g = guest.path("f"), guest.path("g", PATH2)
    assert guest.call("path_link", 3, 0, *f, 4, *g) is Errno.NOTCAPABLE
    assert guest.call("path_rename", 3, *f, 4, *g) is Errno.NOTCAPABLE
    refuse(guest, "l", fd=4)
    fd = guest.open("f", 0, RIGHT_FD_READ, inheriting=0)
    iovs = guest.iovs((DATA, 1))
    for call in (
        ("fd_write", fd, *iovs, OUT),
        ("fd_pwrite", fd, *iovs, 0, OUT),
        ("fd_filestat_set_size", fd, 0),
        ("fd_filestat_set_times", fd, 0, 0, 5),
        ("fd_allocate", fd, 0, 100),
    ):
        assert guest.call(*call) is Errno.NOTCAPABLE, call
    guest.ok("fd_renumber", 3, 4)
    assert guest.try_open("new", OFLAG_CREAT, 0, fd=4, inheriting=0) is Errno.NOTCAPABLE
    guest.wasi.close()
    assert (root / "ro" / "f").read_text() == "keep"


def test_magic_links_of_proc_lead_nowhere(make_guest: Callable[..., Any]) -> None:
    guest = make_guest(dirs={"/": "/proc/self"})
    for path in ("root", "root/etc/passwd", "cwd", "cwd/..", "exe", "fd/0/../..", "../1/root"):
        assert guest.try_open(path, 0, RIGHT_FD_READ) is not Errno.SUCCESS, path
    secret = os.open("/etc/passwd", os.O_RDONLY)
    read_end, write_end = os.pipe()
    for fd in (secret, read_end, write_end):
        assert guest.try_open(f"fd/{fd}", 0, RIGHT_FD_READ) in (Errno.PERM, Errno.NOENT)
        os.close(fd)
    guest.wasi.close()


def test_a_directory_is_what_was_handed_over_whatever_its_name_becomes(
    make_guest: Callable[..., Any], root: Path
) -> None:
    (root / "given").mkdir()
    (root / "given" / "f").write_text("inside")
    guest = make_guest(dirs={"/": root / "given"})
    (root / "given").rename(root / "moved")
    (root / "given").symlink_to("../outside")
    assert guest.read(guest.open("f", 0, RIGHT_FD_READ)) == b"inside"
    assert guest.try_open("secret", 0, RIGHT_FD_READ) is Errno.NOENT
    guest.wasi.close()
