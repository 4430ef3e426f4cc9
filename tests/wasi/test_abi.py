from __future__ import annotations

import inspect

from wasmwright.wasi import Preview1
from wasmwright.wasi.abi import MODULE, MODULE_UNSTABLE, SIGNATURES, Errno, errno_from_host


def test_every_function_exists_with_the_arity_of_its_signature() -> None:
    functions = Preview1().imports()
    for module in (MODULE, MODULE_UNSTABLE):
        assert functions[module].keys() == SIGNATURES.keys()
        for name, function in functions[module].items():
            assert len(inspect.signature(function).parameters) == len(SIGNATURES[name][0]), name


def test_there_are_the_45_functions_of_preview_1_and_sock_accept() -> None:
    assert len(SIGNATURES) == 46


def test_only_proc_exit_gives_no_errno() -> None:
    assert [name for name, (_, results) in SIGNATURES.items() if results != ("i32",)] == [
        "proc_exit"
    ]


def test_host_errnos_map_by_name_and_unknown_ones_to_io() -> None:
    import errno

    assert errno_from_host(errno.ENOENT) is Errno.NOENT
    assert errno_from_host(errno.E2BIG) is Errno.TOOBIG
    assert errno_from_host(errno.EWOULDBLOCK) is Errno.AGAIN
    assert errno_from_host(99_999) is Errno.IO
    assert errno_from_host(None) is Errno.IO
