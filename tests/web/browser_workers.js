// What the polyfill does where this script is: a sum, and a function that calls itself without end.
"use strict";
globalThis.recurse = () => {
  // (func (export "sum") (param i32 i32) (result i32) …)
  // (global $depth (export "depth") (mut i32) (i32.const 0))
  // (func (export "down") (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call 1))
  const { sum, down, depth } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(MODULE))).exports;
  const found = { sum: sum(40, 2) };
  try {
    down();
    found.error = "none";
  } catch (error) {
    found.error = error.name;
  }
  found.depth = depth.value;
  found.sumAgain = sum(40, 2);
  return found;
};
const MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 10, 2, 96, 2, 127, 127, 1, 127, 96, 0, 0, 3, 3, 2, 0, 1, 6, 6,
  1, 127, 1, 65, 0, 11, 7, 22, 3, 3, 115, 117, 109, 0, 0, 5, 100, 101, 112, 116, 104, 3, 0, 4,
  100, 111, 119, 110, 0, 1, 10, 21, 2, 7, 0, 32, 0, 32, 1, 106, 11, 11, 0, 35, 0, 65, 1, 106, 36,
  0, 16, 1, 11, 0, 24, 4, 110, 97, 109, 101, 1, 7, 1, 1, 4, 100, 111, 119, 110, 7, 8, 1, 0, 5,
  100, 101, 112, 116, 104,
];
