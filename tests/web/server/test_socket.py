"""``wasmwright serve`` as a process, through a real socket."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'wasmwright[serve]'")


@pytest.fixture
def serve(site):
    started = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-m", "wasmwright", "serve", str(site), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        started.append(process)
        line = process.stdout.readline()
        match = re.search(r"http://localhost:(\d+)/", line)
        assert match, line + process.stderr.read()
        return process, int(match[1])

    yield start
    for process in started:
        process.kill()
        process.communicate()


def get(port, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", f"localhost:{port}" if host is None else host)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_it_serves_refuses_and_stops(serve):
    process, port = serve()
    response, body = get(port, "/add.wasm")
    assert response.getheader("content-type") == "application/wasm"
    assert body[:4] == b"\0asm"
    # A client that does not tidy paths up.
    for path in (
        "/../secret.txt",
        "/sub%20dir/../../secret.txt",
        "//etc/passwd",
        "/out.txt",
        "/.env",
    ):
        response, body = get(port, path)
        assert response.status == 404, path
        assert b"root:" not in body
    assert get(port, "/add.wasm", "evil.example")[0].status == 421
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors


def test_it_listens_on_loopback_only(serve):
    _, port = serve()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        # An address of this machine that is not the one it listens on: 127.0.0.2 is loopback too.
        with pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", port))


def test_changes_are_told(serve, site):
    _, port = serve()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/_wasmwright/reload", headers={"Host": "localhost"})
    response = connection.getresponse()
    assert response.getheader("content-type").startswith("text/event-stream")
    lines = iter(response.readline, b"")
    assert next(line for line in lines if line.startswith(b"event")) == b"event: ready\n"
    (site / "new.wat").write_text("(module)")
    (site / ".hidden").write_text("")
    assert next(line for line in lines if line.startswith(b"event")) == b"event: change\n"
    assert json.loads(next(lines).removeprefix(b"data: ")) == ["/new.wat"]
    connection.close()


def test_a_port_in_use_and_a_missing_folder_are_one_line(serve, site):
    _, port = serve()
    for arguments, message in (
        ([str(site), "-p", str(port)], f"port {port} is in use"),
        ([str(site / "nothing")], "not a directory"),
        ([str(site), "-p", "99999"], "port 99999"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "wasmwright", "serve", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
