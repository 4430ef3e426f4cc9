"""Mutated real modules: the only answer to bad input is a WasmError, and code stays in its box."""

import functools
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wasmwright as ww

ROOT = Path(__file__).parents[2]
SAMPLES = [
    path.read_bytes()
    for path in sorted(
        [*ROOT.glob("bench/programs/wasm/*.wasm"), *ROOT.glob("examples/*.wasm")],
        key=lambda path: path.stat().st_size,
    )
    if path.stat().st_size < 40_000
]

# A mutation is a kind and two numbers, which are places or values as the kind has it.
Mutation = tuple[int, int, int]


def mutate(data: bytes, mutations: list[Mutation], other: bytes) -> bytes:
    """``data`` with bytes and bits changed, cut out, doubled, or taken from ``other``."""
    changed = bytearray(data)
    for kind, place, value in mutations:
        if not changed:
            break
        at = place % len(changed)
        if kind == 0:
            changed[at] ^= 1 << value % 8
        elif kind == 1:
            changed[at] = value % 256
        elif kind == 2:
            del changed[at : at + 1 + value % 20]
        elif kind == 3:
            changed[at:at] = changed[at : at + 1 + value % 20]
        elif kind == 4:
            start = value % max(1, len(other))
            changed[at : at + 8] = other[start : start + 8]
        elif kind == 5:
            changed[at:at] = b"\xff\xff\xff\xff\x0f"
        else:
            del changed[at:]
    return bytes(changed)


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 1 << 16), st.integers(0, 1 << 16)),
    min_size=1,
    max_size=4,
)


def _answer(results: list[object], *_: object) -> object:
    return results[0] if len(results) == 1 else results


def imports_of(module: ww.Module) -> dict[str, dict[str, object]]:
    """Something of the right type for every import, where that is possible."""
    found: dict[str, dict[str, object]] = {}
    for entry in module.imports:
        kind = entry.type
        value: object = None
        if isinstance(kind, ww.FuncType):
            results = [bytes(16) if each == "v128" else 0 for each in kind.results]
            value = functools.partial(_answer, results)
        elif isinstance(kind, ww.MemoryType) and kind.min <= 64:
            value = ww.Memory(kind.min, kind.max)
        elif isinstance(kind, ww.TableType) and kind.min <= 1000:
            value = ww.Table("funcref", kind.min, kind.max)
        elif isinstance(kind, ww.GlobalType):
            value = 0
        found.setdefault(entry.module, {})[entry.name] = value
    return found


@settings(
    max_examples=400,
    deadline=10_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.integers(0, len(SAMPLES) - 1), st.integers(0, len(SAMPLES) - 1), MUTATIONS)
def test_a_mutated_module_is_used_or_refused_with_a_wasm_error(which, other, mutations):
    data = mutate(SAMPLES[which], mutations, SAMPLES[other])
    try:
        module = ww.Module(data)
        if module.model.start is None:
            ww.Instance(module, imports_of(module))
    except ww.WasmError:
        pass


@pytest.mark.parametrize("sample", range(0, len(SAMPLES), 5))
def test_a_truncated_module_is_malformed(sample):
    data = SAMPLES[sample]
    choose = random.Random(sample)
    for size in [*range(12), *(choose.randrange(len(data)) for _ in range(15))]:
        if size != 8:
            try:
                ww.Module(data[:size])
            except ww.CompileError:
                continue
            # What is left of a module between two sections may be one.
            assert data[:4] == b"\0asm"


RUN = """
import base64, importlib.util, os, random, signal, threading
spec = importlib.util.spec_from_file_location("hostile", sys.argv[1])
hostile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)

class Stop(BaseException):
    pass

running = False
def stop(*_):
    if running:
        raise Stop
signal.signal(signal.SIGINT, stop)
def watch():
    while True:
        threading.Event().wait(0.2)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=watch, daemon=True).start()

choose = random.Random(int(sys.argv[2]))
calls = 0
while calls < int(sys.argv[3]):
    data = choose.choice(hostile.SAMPLES[:12])
    code = data.rindex(b"\\x0b")
    mutations = [
        (choose.choice((0, 1)), choose.randrange(code // 3, code), choose.randrange(256))
        for _ in range(choose.randrange(1, 4))
    ]
    try:
        module = ww.Module(hostile.mutate(data, mutations, data))
        if module.model.start is not None:
            continue
        instance = ww.Instance(module, hostile.imports_of(module))
    except ww.WasmError:
        continue
    for export in module.exports:
        if export.kind != "func":
            continue
        arguments = [bytes(16) if each == "v128" else 0 for each in export.type.params]
        if any("ref" in each for each in export.type.params):
            continue
        calls += 1
        try:
            running = True
            instance.exports[export.name](*arguments)
        except (ww.WasmError, Stop, MemoryError):
            pass
        finally:
            running = False
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_mutated_code_that_is_valid_runs_or_traps(script, seed):
    done = script(RUN, __file__, str(seed), "60")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
