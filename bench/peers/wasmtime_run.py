"""Runs a WASI command in the `wasmtime` package: FILE HOST_DIR ARGS…

HOST_DIR is the guest's /data; an empty string gives no directory. Standard streams are inherited,
the exit status is the program's.
"""

import sys

import wasmtime


def main() -> int:
    path, host_dir, *arguments = sys.argv[1:]
    engine = wasmtime.Engine()
    module = wasmtime.Module.from_file(engine, path)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["program", *arguments]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    if host_dir:
        wasi.preopen_dir(host_dir, "/data")
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    start = linker.instantiate(store, module).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    try:
        start(store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
