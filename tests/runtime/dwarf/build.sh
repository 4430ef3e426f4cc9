#!/bin/sh
# Makes shapes.wasm. Made with ziglang 0.17.1 (clang 21).
cd "$(dirname "$0")" || exit
python -m ziglang cc -target wasm32-wasi -g -O1 -nostdlib -Wl,--no-entry \
  -ffile-prefix-map="$PWD=." -o shapes.wasm shapes.c
