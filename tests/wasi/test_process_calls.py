from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wasmwright.wasi import Errno, Exit, FixedClocks, SeededRandom

SIZE = 65536


def strings(guest: Any, sizes: str, get: str) -> list[bytes]:
    guest.ok(sizes, 8, 12)
    count, size = guest.u32(8), guest.u32(12)
    guest.ok(get, 1024, 4096)
    pointers = [guest.u32(1024 + 4 * index) for index in range(count)]
    found = [bytes(guest.memory[at : guest.memory.index(0, at)]) for at in pointers]
    assert sum(len(item) + 1 for item in found) == size
    return found


def test_arguments_and_environment_arrive(make_guest: Callable[..., Any]) -> None:
    guest = make_guest(args=["prog", "", "ä b"], env={"HOME": "/", "X": "a=b"})
    assert strings(guest, "args_sizes_get", "args_get") == [b"prog", b"", "ä b".encode()]
    assert strings(guest, "environ_sizes_get", "environ_get") == [b"HOME=/", b"X=a=b"]


def test_arguments_with_nul_are_refused(make_guest: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        make_guest(args=["a\0b"])
    with pytest.raises(ValueError, match="not a name"):
        make_guest(env={"A=B": "c"})


def test_proc_exit_raises_with_an_unsigned_code(guest: Any) -> None:
    with pytest.raises(Exit) as caught:
        guest.functions["proc_exit"](-1)
    assert caught.value.code == 0xFFFF_FFFF


def test_proc_raise(guest: Any) -> None:
    guest.ok("proc_raise", 0)
    guest.ok("proc_raise", 13)
    assert guest.call("proc_raise", 31) is Errno.INVAL
    assert guest.call("proc_raise", 18) is Errno.NOTSUP
    with pytest.raises(Exit) as caught:
        guest.functions["proc_raise"](6)
    assert caught.value.code == 134


@pytest.mark.parametrize("clock", range(4))
def test_clocks_move_on(guest: Any, clock: int) -> None:
    guest.ok("clock_res_get", clock, 8)
    assert guest.u64() >= 1
    guest.ok("clock_time_get", clock, 0, 8)
    first = guest.u64()
    guest.ok("clock_time_get", clock, 0, 16)
    assert guest.u64(16) >= first


@pytest.mark.parametrize("clock", [4, -1, 1 << 30])
def test_unknown_clocks_are_invalid(guest: Any, clock: int) -> None:
    assert guest.call("clock_time_get", clock, 0, 8) is Errno.INVAL
    assert guest.call("clock_res_get", clock, 8) is Errno.INVAL


def test_fixed_clocks_and_random_repeat(make_guest: Callable[..., Any]) -> None:
    def observe() -> bytes:
        guest = make_guest(clocks=FixedClocks(), random=SeededRandom(7))
        guest.ok("clock_time_get", 0, 0, 8)
        guest.ok("clock_time_get", 1, 0, 16)
        guest.ok("random_get", 32, 10_000)
        guest.ok("random_get", 20_000, 3)
        return bytes(guest.memory)

    first = observe()
    assert first == observe()
    assert len(set(first[32:10_032])) > 200


def test_seeded_random_does_not_depend_on_how_it_is_asked() -> None:
    whole, parts = bytearray(10_000), bytearray(10_000)
    SeededRandom("s").fill(memoryview(whole))
    source = SeededRandom("s")
    for start in range(0, 10_000, 77):
        source.fill(memoryview(parts)[start : start + 77])
    assert whole == parts


def test_random_stays_in_memory(guest: Any) -> None:
    guest.ok("random_get", SIZE, 0)
    guest.ok("random_get", 100, 1000)
    assert any(guest.memory[100:1100])
    assert not any(guest.memory[1100:])
    assert guest.call("random_get", 0, -1) is Errno.FAULT
    assert guest.call("random_get", SIZE - 1, 2) is Errno.FAULT
    assert guest.call("random_get", -1, 2) is Errno.FAULT


def test_sockets_are_not_there(guest: Any) -> None:
    guest.ok("sched_yield")
    assert guest.call("sock_shutdown", 1, 1) is Errno.NOTSOCK
    assert guest.call("sock_shutdown", 77, 1) is Errno.BADF
    assert guest.call("sock_accept", 3, 0, 8) is Errno.NOTSOCK
    assert guest.call("sock_recv", 0, 64, 0, 0, 8, 12) is Errno.NOTSOCK
    assert guest.call("sock_send", 9, 64, 0, 0, 8) is Errno.BADF
