"""Loop nests of bench/kernels give what wasmtime gives, in both memory modes."""

import subprocess
import sys
from pathlib import Path

import pytest

import wasmwright as ww

pytest.importorskip("wasmtime")

KERNELS = Path(__file__).parents[2] / "bench" / "kernels" / "wasm"
PEER = KERNELS.parents[1] / "peers" / "wasmtime_run.py"
NAMES = "gemm trmm jacobi_1d heat_3d adi durbin correlation floyd_warshall".split()
SIZE = "23"  # enough for loops without checks, and for a rest


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_kernels(name):
    path = KERNELS / f"{name}.wasm"
    peer = subprocess.run([sys.executable, PEER, path, "", SIZE], capture_output=True, check=True)
    for guard in (None, False):
        module = ww.Module(path, guard=guard)
        done = ww.wasi.run(module, [SIZE])
        assert (done.exit_code, done.stdout) == (0, peer.stdout), guard
