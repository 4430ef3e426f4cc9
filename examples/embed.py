"""A WebAssembly module inside a Python program: calls, a callback, shared memory, a trap.

Run it as `python examples/embed.py`. plugin.c is the source of the module.
"""

from pathlib import Path

import wasmwright as ww

HERE = Path(__file__).parent


def main() -> None:
    # A module is compiled code without state; what it imports, it must be given.
    module = ww.Module(HERE / "plugin.wasm")

    positions: list[int] = []
    plugin = ww.Instance(module, {"host": {"found": positions.append}}).exports

    # An exported function is called like any other.
    print("add(2, 3) =", plugin.add(2, 3))

    # The module's memory is a buffer that both sides see: write the text, let it work, read it.
    text = b"one sandbox, many languages"
    start = plugin.buffer_start()
    plugin.memory[start : start + len(text)] = text
    plugin.shout(len(text))
    print("shouted  :", bytes(plugin.memory[start : start + len(text)]).decode())

    # The module calls back into Python while it runs.
    hits = plugin.find(ord("A"), len(text))
    print(f"found    : {hits} times 'A', at {positions}")

    # A wrong argument can't hurt the host: an access outside the memory is an exception.
    try:
        plugin.shout(2**31 - 1)
    except ww.Trap as trap:
        print("trapped  :", trap)


if __name__ == "__main__":
    main()
