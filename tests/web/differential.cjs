// Random programs, run by the polyfill and by the engine itself: node differential.cjs LIBRARY COUNT SEED
//
// A program is one function of random instructions over all numeric types, locals, globals, memory and
// a helper that changes them all. Result or trap, memory and globals must agree; of NaNs only that they
// are. Prints what differs, one line each.
"use strict";
const { resolve } = require("node:path");

const native = globalThis.WebAssembly;
delete globalThis.WebAssembly;
const library = require(resolve(process.argv[2]));
const polyfill = library.WebAssembly;

let state = Number(process.argv[4]) || 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = (list) => list[random(list.length)];

const I32 = 0x7f;
const I64 = 0x7e;
const F32 = 0x7d;
const F64 = 0x7c;
const TYPES = [I32, I64, F32, F64];

/** Opcodes by operands and result. */
const OPERATIONS = [];
const range = (first, last, operands, result) => {
  for (let code = first; code <= last; code++) OPERATIONS.push({ bytes: [code], operands, result });
};
range(0x45, 0x45, [I32], I32);
range(0x46, 0x4f, [I32, I32], I32);
range(0x50, 0x50, [I64], I32);
range(0x51, 0x5a, [I64, I64], I32);
range(0x5b, 0x60, [F32, F32], I32);
range(0x61, 0x66, [F64, F64], I32);
range(0x67, 0x69, [I32], I32);
range(0x6a, 0x78, [I32, I32], I32);
range(0x79, 0x7b, [I64], I64);
range(0x7c, 0x8a, [I64, I64], I64);
range(0x8b, 0x91, [F32], F32);
range(0x92, 0x98, [F32, F32], F32);
range(0x99, 0x9f, [F64], F64);
range(0xa0, 0xa6, [F64, F64], F64);
range(0xa7, 0xa7, [I64], I32);
range(0xac, 0xad, [I32], I64);
range(0xb2, 0xb3, [I32], F32);
range(0xb4, 0xb5, [I64], F32);
range(0xb6, 0xb6, [F64], F32);
range(0xb7, 0xb8, [I32], F64);
range(0xb9, 0xba, [I64], F64);
range(0xbb, 0xbb, [F32], F64);
range(0xbe, 0xbe, [I32], F32);
range(0xbf, 0xbf, [I64], F64);
range(0xc0, 0xc1, [I32], I32);
range(0xc2, 0xc4, [I64], I64);
for (let code = 0; code < 8; code++) {
  OPERATIONS.push({ bytes: [0xfc, code], operands: [code & 2 ? F64 : F32], result: code < 4 ? I32 : I64 });
}
// Those that trap often are rare.
const TRAPPING = [];
for (const [code, operand, result] of [[0xa8, F32, I32], [0xa9, F32, I32], [0xaa, F64, I32], [0xab, F64, I32], [0xae, F32, I64], [0xaf, F32, I64], [0xb0, F64, I64], [0xb1, F64, I64]]) {
  TRAPPING.push({ bytes: [code], operands: [operand], result });
}
const LOADS = { [I32]: [0x28, 0x2c, 0x2d, 0x2e, 0x2f], [I64]: [0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35], [F32]: [0x2a], [F64]: [0x2b] };
const STORES = { [I32]: [0x36, 0x3a, 0x3b], [I64]: [0x37, 0x3c, 0x3d, 0x3e], [F32]: [0x38], [F64]: [0x39] };

function signed(value) {
  const bytes = [];
  let rest = BigInt(value);
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && !(byte & 0x40)) || (rest === -1n && byte & 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

const INTEGERS = [0n, 1n, -1n, 2n, 31n, 32n, 33n, 63n, 64n, 255n, -128n, 65535n, 0x7fffffffn, -0x80000000n, 0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, -0x8000000000000000n, 0x123456789abcdefn, -0x3fffffffffffffn];
const NUMBERS = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e10, -1e10, 4294967295, 4294967296, -2147483648, 9223372036854775807, 1e19, 1e-45, 3.4e38, 1e300, Infinity, -Infinity, NaN, 0.1, 16777217, 4503599627370497.5];

function constant(type) {
  if (type === I32) return [0x41, ...signed(BigInt.asIntN(32, random(3) ? pick(INTEGERS) : BigInt(state)))];
  if (type === I64) return [0x42, ...signed(random(3) ? pick(INTEGERS) : BigInt.asIntN(64, BigInt(state) * BigInt(random(2 ** 31))))];
  const view = new DataView(new ArrayBuffer(8));
  if (type === F32) view.setFloat32(0, pick(NUMBERS), true);
  else view.setFloat64(0, pick(NUMBERS), true);
  return [type === F32 ? 0x43 : 0x44, ...new Uint8Array(view.buffer, 0, type === F32 ? 4 : 8)];
}

const LOCALS = [...TYPES, ...TYPES];
const localOf = (type) => TYPES.indexOf(type) + 4 * random(2);

/** Code that leaves one value of a type. */
function expression(type, depth) {
  if (depth <= 0) return random(3) ? [0x20, localOf(type)] : constant(type);
  const sub = (each) => expression(each, depth - 1 - random(2));
  switch (random(14)) {
    case 0:
      return [...sub(type), 0x22, localOf(type)];
    case 1:
      return [0x23, TYPES.indexOf(type)];
    case 2:
      return [...address(depth), pick(LOADS[type]), 0, random(20)];
    case 3:
      return [...sub(type), ...sub(type), ...sub(I32), 0x1b];
    case 4:
      return [...sub(I32), 0x04, type, ...statements(depth - 1), ...sub(type), 0x05, ...sub(type), 0x0b];
    case 5:
      return [0x02, type, ...statements(depth - 1), ...sub(type), ...sub(I32), 0x0d, 0, 0x1a, ...sub(type), 0x0b];
    case 6:
      return [...sub(type), 0x10, 1 + TYPES.indexOf(type)];
    case 7:
      return [...sub(type), ...statement(depth - 1)];
    case 8:
      return random(6) ? [...sub(type), ...statement(depth - 1)] : fill(pick(TRAPPING.filter((each) => each.result === type).concat(OPERATIONS.filter((each) => each.result === type))), sub);
    default:
      return fill(pick(OPERATIONS.filter((each) => each.result === type)), sub);
  }
}

function fill({ bytes, operands }, sub) {
  return [...operands.flatMap(sub), ...bytes];
}

/** An address that is nearly always in bounds. */
function address(depth) {
  if (!random(60)) return expression(I32, depth - 1);
  return [...expression(I32, depth - 1 - random(2)), 0x41, ...signed(random(2) ? 63 : 255), 0x71];
}

function statement(depth) {
  const type = pick(TYPES);
  switch (random(5)) {
    case 0:
      return [...expression(type, depth), 0x21, localOf(type)];
    case 1:
      return [...expression(type, depth), 0x24, TYPES.indexOf(type)];
    case 2:
      return [...address(depth), ...expression(type, depth), pick(STORES[type]), 0, random(20)];
    case 3:
      return [...expression(type, depth), 0x1a];
    default:
      return [...expression(I32, depth), 0x04, 0x40, ...statement(depth - 1), 0x0b];
  }
}

function statements(depth) {
  const code = [];
  for (let count = random(3); count > 0 && depth > 0; count--) code.push(...statement(depth - 1));
  return code;
}

function program() {
  const unsigned = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]);
  const section = (id, content) => [id, ...unsigned(content.length), ...content];
  const body = (locals, code) => {
    const content = [...locals, ...code, 0x0b];
    return [...unsigned(content.length), ...content];
  };
  const result = pick(TYPES);
  let code = [];
  for (let count = 1 + random(4); count > 0; count--) code.push(...statement(4));
  code.push(...expression(result, 5));
  // The helpers change a global and the memory, and give back what they got.
  const helpers = TYPES.map((type, index) => body([0], [
    0x23, 0, 0x41, 1, 0x6a, 0x24, 0, 0x41, 8 * index, 0x20, 0, STORES[type][0], 0, 0, 0x20, 0]));
  return {
    result,
    bytes: new Uint8Array([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, [5, 0x60, 4, ...TYPES, 1, result, ...TYPES.flatMap((type) => [0x60, 1, type, 1, type])]),
      ...section(3, [5, 0, 1, 2, 3, 4]),
      ...section(5, [1, 0, 1]),
      ...section(6, [4, ...TYPES.flatMap((type) => [type, 1, ...constant(type), 0x0b])]),
      ...section(7, [6, 1, 0x66, 0, 0, 1, 0x6d, 2, 0, ...TYPES.flatMap((_, index) => [1, 0x30 + index, 3, index])]),
      ...section(10, [5, ...body([4, 1, I32, 1, I64, 1, F32, 1, F64], code), ...helpers.flat()]),
    ]),
  };
}

const show = (value) => (typeof value === "number" ? (Object.is(value, -0) ? "-0" : String(value)) : String(value));

function observe(api, bytes, calls) {
  const { exports } = new api.Instance(new api.Module(bytes));
  const seen = [];
  for (const given of calls) {
    try {
      seen.push(show(exports.f(...given)));
    } catch (error) {
      seen.push(error instanceof api.RuntimeError ? "trap" : `${error.name}: ${error.message}`);
    }
    for (let index = 0; index < 4; index++) seen.push(show(exports[index].value));
    seen.push(Buffer.from(exports.m.buffer, 0, 512).toString("hex"));
  }
  return seen;
}

/** Whether two memories agree but for the bits of NaNs: a byte of one may differ there. */
function sameMemory(a, b) {
  const [left, right] = [a, b].map((hex) => new DataView(new Uint8Array(Buffer.from(hex, "hex")).buffer));
  for (let at = 0; at < left.byteLength; at++) {
    if (left.getUint8(at) === right.getUint8(at)) continue;
    let excused = false;
    for (let start = Math.max(0, at - 7); start <= at; start++) {
      if (start + 8 <= left.byteLength && Number.isNaN(left.getFloat64(start, true)) && Number.isNaN(right.getFloat64(start, true))) excused = true;
      if (start > at - 4 && Number.isNaN(left.getFloat32(start, true)) && Number.isNaN(right.getFloat32(start, true))) excused = true;
    }
    if (!excused) return false;
  }
  return true;
}

let differences = 0;
for (let round = 0; round < Number(process.argv[3]); round++) {
  const { bytes } = program();
  if (!native.validate(bytes)) {
    console.log(`round ${round}: the program is not valid`);
    continue;
  }
  const calls = [0, 1].map(() => [Number(BigInt.asIntN(32, pick(INTEGERS))), BigInt.asIntN(64, pick(INTEGERS)), Math.fround(pick(NUMBERS)), pick(NUMBERS)]);
  const [there, here] = [native, polyfill].map((api) => observe(api, bytes, calls));
  const wrong = there.findIndex((value, index) => value !== here[index] && !(index % 6 === 5 && sameMemory(value, here[index])));
  if (wrong >= 0) {
    differences++;
    console.log(`round ${round}: ${wrong}: ${here[wrong].slice(0, 200)} instead of ${there[wrong].slice(0, 200)}`);
    if (process.argv[5] === String(round)) require("node:fs").writeFileSync("/tmp/differential.wasm", bytes);
  }
}
console.log(`${differences} differences`);
