#!/usr/bin/env bash
# Python for aarch64 Linux on an x86-64 Debian machine, under qemu-user: what the engine is tried with
# where there is no such machine. Nothing is installed: all of it goes into $WASMWRIGHT_AARCH64
# (/tmp/wasmwright-aarch64).
#
#     dev/aarch64.sh setup                              once; 200 MB
#     dev/aarch64.sh python -m wasmwright run --invoke add math.wasm 2 3
#     dev/aarch64.sh python -m pytest -q -p no:cacheprovider tests/spec -k "guard and core/i32.wast"
#
# The package is that of this checkout, uncompiled, and slow: a script of the suite takes seconds. Give
# each script a process of its own: qemu 7.2 keeps memory for every page of address space that was
# ever reserved, and runs out of it after a hundred. Tests that start another Python fail here.
# qemu-user shows wrong code, not what is peculiar to hardware: caches of instructions, the order of
# memory accesses, stores that fault halfway.
set -euo pipefail
home=${WASMWRIGHT_AARCH64:-/tmp/wasmwright-aarch64}
checkout=$(cd "$(dirname "$0")/.." && pwd)

# Debian's packages are fetched with a state of their own, so that apt's is not touched.
packages=(python3.11 python3.11-minimal libpython3.11-stdlib libpython3.11-minimal libc6 libgcc-s1
    libstdc++6 zlib1g libffi8 libexpat1 libbz2-1.0 liblzma5 libssl3)
wheels=("llvmlite>=0.50" "librt>=0.16" "click>=8.1" filelock mypy_extensions platformdirs rich
    pytest pytest-timeout hypothesis pyelftools numpy)
platforms=(manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28)

setup() {
    mkdir -p "$home"/{apt/lists/partial,apt/archives/partial,root,qemu,wheels}
    touch "$home/apt/status"
    cat >"$home/apt.conf" <<EOF
APT::Architecture "arm64";
APT::Architectures {"arm64";};
Dir::State "$home/apt";
Dir::State::status "$home/apt/status";
Dir::Cache "$home/apt";
EOF
    (cd "$home/apt/archives" && apt-get download qemu-user-static)
    dpkg -x "$home"/apt/archives/qemu-user-static_*.deb "$home/qemu"
    rm "$home"/apt/archives/qemu-user-static_*.deb
    APT_CONFIG=$home/apt.conf apt-get update
    APT_CONFIG=$home/apt.conf apt-get install -y --no-install-recommends --download-only "${packages[@]}"
    for each in "$home"/apt/archives/*.deb; do dpkg -x "$each" "$home/root"; done
    python3 -m pip download --python-version 3.11 --only-binary=:all: -d "$home/wheels" \
        "${platforms[@]/%/_aarch64}" "${wheels[@]}"
    for each in "$home"/wheels/*.whl; do python3 -m zipfile -e "$each" "$home/site"; done
}

case ${1-} in
setup) platforms=("${platforms[@]/#/--platform=}") && setup ;;
python)
    shift
    export PYTHONPATH=$checkout/src:$home/site PYTHONPYCACHEPREFIX=$home/pycache
    export WASMWRIGHT_CACHE=${WASMWRIGHT_CACHE:-$home/cache}
    # shellcheck disable=SC2086
    exec "$home/qemu/usr/bin/qemu-aarch64-static" ${QEMU_OPTIONS-} -L "$home/root" \
        "$home/root/usr/bin/python3.11" "$@"
    ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
esac
