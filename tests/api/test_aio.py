from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

import wasmwright as ww
from wasmwright import wasi
from wasmwright.api import aio

CALLS = """
(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "spin") (loop (br 0)))
  (func (export "twice") (param i32) (result i32)
    (i32.add (call $ask (local.get 0)) (call $ask (i32.add (local.get 0) (i32.const 1)))))
  (func (export "trap") unreachable)
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
"""


@pytest.fixture(scope="module")
def module() -> ww.Module:
    return ww.Module(CALLS)


def exports_of(module: ww.Module, ask: object = lambda x: x) -> Any:
    return ww.Instance(module, {"env": {"ask": ask}}).exports


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs it, and fails where it waits for ever."""

    async def bounded() -> Any:
        async with asyncio.timeout(30):
            return await coroutine

    return asyncio.run(bounded())


def test_a_call_is_awaited(module: ww.Module) -> None:
    exports = exports_of(module)
    assert run(exports.add.aio(2, 3)) == 5


def test_errors_come_out_as_from_a_call(module: ww.Module) -> None:
    exports = exports_of(module)
    with pytest.raises(ww.Trap, match="unreachable"):
        run(exports.trap.aio())
    with pytest.raises(TypeError, match="2 arguments"):
        run(exports.add.aio(1))


def test_the_loop_goes_on_while_wasm_runs_and_a_timeout_ends_it(module: ww.Module) -> None:
    exports = exports_of(module)

    async def main() -> int:
        count = 0

        async def tick() -> None:
            nonlocal count
            while True:
                count += 1
                await asyncio.sleep(0.001)

        ticker = asyncio.create_task(tick())
        with pytest.raises(ww.InterruptError, match="deadline of 0.2 s has passed"):
            await exports.spin.aio(timeout=0.2)
        ticker.cancel()
        assert await exports.add.aio(1, 1) == 2
        return count

    assert run(main()) > 20


def test_cancelling_stops_the_wasm_code(module: ww.Module) -> None:
    exports = exports_of(module)

    async def main() -> None:
        task = asyncio.create_task(exports.spin.aio())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await exports.spin.aio()
        early = asyncio.create_task(exports.spin.aio())
        await asyncio.sleep(0)
        early.cancel()
        with pytest.raises(asyncio.CancelledError):
            await early
        assert exports.add(1, 1) == 2  # nobody is inside

    run(main())


def test_an_async_host_function_suspends_its_caller(module: ww.Module) -> None:
    threads = set()

    async def ask(x: int) -> int:
        threads.add(threading.get_ident())
        await asyncio.sleep(0.01)
        return 10 * x

    exports = exports_of(module, ask)

    async def main() -> None:
        many = [exports_of(module, ask).twice.aio(i) for i in range(20)]
        began = time.monotonic()
        assert await asyncio.gather(*many) == [10 * i + 10 * (i + 1) for i in range(20)]
        assert time.monotonic() - began < 20 * 2 * 0.01  # they waited together
        assert await exports.twice.aio(1) == 30

    run(main())
    assert threads == {threading.get_ident()}


def test_calls_in_one_instance_take_turns_without_a_thread_each(module: ww.Module) -> None:
    inside = 0

    async def ask(x: int) -> int:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0)
        inside -= 1
        return x

    exports = exports_of(module, ask)

    async def main() -> None:
        before = threading.active_count()
        found = await asyncio.gather(*(exports.twice.aio(i) for i in range(100)))
        assert found == [2 * i + 1 for i in range(100)]
        assert threading.active_count() <= before + 2

    run(main())


def test_what_an_async_host_function_raises_comes_through(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        await asyncio.sleep(0)
        raise KeyError(x)

    with pytest.raises(KeyError) as caught:
        run(exports_of(module, ask).twice.aio(7))
    assert "$twice" in "".join(caught.value.__notes__)


def test_a_result_of_another_type_is_refused(module: ww.Module) -> None:
    async def ask(x: int) -> Any:
        return "no"

    with pytest.raises(TypeError):
        run(exports_of(module, ask).twice.aio(7))


@pytest.mark.parametrize("way", ["cancel", "timeout", "interrupt"])
def test_stopping_cancels_the_host_function(module: ww.Module, way: str) -> None:
    ended = []

    async def ask(x: int) -> int:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(x)
        return x

    instance = ww.Instance(module, {"env": {"ask": ask}})

    async def main() -> None:
        timeout = 0.05 if way == "timeout" else None
        task = asyncio.create_task(instance.exports.twice.aio(1, timeout=timeout))
        await asyncio.sleep(0.05)
        if way == "cancel":
            task.cancel()
        if way == "interrupt":
            assert instance.interrupt()
        with pytest.raises(asyncio.CancelledError if way == "cancel" else ww.InterruptError):
            await task
        assert ended == [1]
        assert await instance.exports.add.aio(1, 1) == 2

    run(main())


def test_a_host_function_calls_back_into_its_instance(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        if x > 3:
            return x
        doubled, deeper = await asyncio.gather(
            exports.double.aio(x), exports.twice.aio(x + 2, timeout=10)
        )
        return int(doubled + deeper)

    exports = exports_of(module, ask)

    def plain(x: int) -> int:
        return x if x > 3 else 2 * x + plain(x + 2) + plain(x + 3)

    assert run(exports.twice.aio(0)) == plain(0) + plain(1)


def test_what_would_wait_for_ever_is_refused(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        return int(exports.double(x))

    exports = exports_of(module, ask)
    with pytest.raises(RuntimeError, match="await f.aio"):
        run(exports.twice.aio(1))

    # Through another instance, whose own host function makes the call.
    async def indirectly(x: int) -> int:
        return int(await other.twice.aio(x))

    exports = exports_of(module, indirectly)
    other = exports_of(module, lambda x: exports.double(x))
    with pytest.raises(RuntimeError, match="waits for this call"):
        run(exports.twice.aio(1))


def test_a_plain_call_refuses_an_async_host_function(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        return x

    exports = exports_of(module, ask)
    with pytest.raises(RuntimeError, match=r"ask\(\) is async: await"):
        exports.twice(1)

    async def main() -> None:
        exports.twice(1)

    with pytest.raises(RuntimeError, match=r"ask\(\) is async: await"):
        run(main())


def test_async_functions_get_their_instance_and_may_have_a_type(module: ww.Module) -> None:
    async def ask(instance: ww.Instance, x: int) -> int:
        return int(await instance.exports.double.aio(x))

    assert run(exports_of(module, ask).twice.aio(1)) == 6

    async def typed(x: int) -> int:
        await asyncio.sleep(0)
        return x

    func = ww.Func(typed)
    assert str(func.type) == "func [i32] -> [i32]"
    assert run(func.aio(3)) == 3
    assert run(exports_of(module, func).twice.aio(1)) == 3


def test_context_variables_are_those_of_the_caller(module: ww.Module) -> None:
    variable = contextvars.ContextVar("variable", default=0)

    async def ask(x: int) -> int:
        return variable.get()

    exports = exports_of(module, ask)

    async def main() -> int:
        variable.set(21)
        return int(await exports.twice.aio(0))

    assert run(main()) == 42


def test_anything_that_calls_wasm_can_be_awaited(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        await asyncio.sleep(0)
        return x

    start = ww.Module(
        '(module (import "env" "ask" (func $ask (param i32) (result i32)))'
        "(func $start (drop (call $ask (i32.const 1)))) (start $start))"
    )
    assert isinstance(run(ww.aio(ww.Instance, start, {"env": {"ask": ask}})), ww.Instance)
    endless = '(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))'
    with pytest.raises(ww.InterruptError):
        run(ww.aio(wasi.run, endless, timeout=0.05))


def test_a_loop_that_ends_without_its_calls_leaves_the_process_usable(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        await asyncio.Event().wait()
        return x

    loop = asyncio.new_event_loop()
    task = loop.create_task(exports_of(module, ask).twice.aio(1))
    loop.run_until_complete(asyncio.sleep(0.05))
    for each in asyncio.all_tasks(loop):
        each.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert run(exports_of(module).add.aio(1, 2)) == 3


def test_a_call_leaves_nothing_for_the_collector(module: ww.Module) -> None:
    async def ask(x: int) -> int:
        await asyncio.sleep(0)
        if x > 50:
            raise KeyError(x)
        return x

    async def main() -> None:
        instance = ww.Instance(module, {"env": {"ask": ask}})
        gone = weakref.ref(instance._core)
        assert await instance.exports.twice.aio(1) == 3
        with pytest.raises(KeyError):
            await instance.exports.twice.aio(51)
        with pytest.raises(ww.InterruptError):
            await instance.exports.spin.aio(timeout=0.02)
        del instance
        await asyncio.sleep(0.05)  # the worker lets go of its last call
        assert gone() is None

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_threads_are_used_again(module: ww.Module) -> None:
    exports = exports_of(module)

    async def main() -> None:
        for i in range(50):
            assert await exports.add.aio(i, 1) == i + 1

    run(main())
    before = threading.active_count()
    run(main())
    assert threading.active_count() == before
    assert aio._idle


def test_ctrl_c_ends_wasm_in_a_worker(script: Any) -> None:
    done = script(
        """
        import asyncio, os, signal, threading

        async def main():
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            await ww.Instance(module).exports.spin.aio()

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """,
        module='(module (func (export "spin") (loop (br 0))))',
    )
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr


def test_calls_that_nobody_waits_for_do_not_keep_the_process(script: Any) -> None:
    done = script(
        """
        import asyncio

        async def never() -> int:
            await asyncio.Event().wait()

        loop = asyncio.new_event_loop()
        tasks = [
            loop.create_task(ww.Instance(module, {"": {"f": f}}).exports[name].aio())
            for f, name in ((never, "ask"), (int, "spin"))
        ]
        loop.run_until_complete(asyncio.sleep(0.2))
        print("leaving")
        sys.exit(3)
        """,
        module="""(module (import "" "f" (func $f (result i32)))
          (func (export "ask") (result i32) (call $f)) (func (export "spin") (loop (br 0))))""",
    )
    assert (done.stdout, done.returncode) == ("leaving\n", 3), done.stderr
