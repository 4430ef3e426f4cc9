// The instruction table, by slot (see opcodes.js), and the immediates of an instruction that is skipped.
import { IMMEDIATES, PREFIX_BASE, PREFIX_SIZE, REFUSED_ROWS, ROWS, SLOTS } from "./opcodes.js";
import { SIMD, SIMD_ROWS } from "./opcodes-simd.js";
import { compileError, unsupported } from "./errors.js";
import { EXNREF, F32, F64, I32, I64, V128 } from "./types.js";

/** The mnemonic, by slot. */
export const MNEMONICS = new Array(SLOTS).fill(undefined);
/** The slot, by mnemonic; of two instructions of one name, the first. */
export const SLOT_OF = Object.create(null);
/** The types of operands and results where the row alone fixes them, by slot. */
export const OPERANDS = new Array(SLOTS).fill(undefined);
export const RESULTS = new Array(SLOTS).fill(undefined);
/** The kinds of immediates, by slot. */
export const KINDS = new Array(SLOTS).fill(undefined);
/** How many bytes a load or store touches, as a power of two, by slot. */
export const ACCESS_WIDTH = new Uint8Array(SLOTS);

const LETTERS = { i: I32, l: I64, f: F32, d: F64, v: V128, a: I32 };
const SIZES = { i: 2, f: 2, l: 3, d: 3, v: 4 };

function accessWidth(name, kinds, params, results) {
  if (!kinds.includes("memarg")) return 0;
  const part = /\d+(x\d)?/.exec(name.split(".")[1]);
  if (part === null) return SIZES[results || params[1]];
  const [bits, count] = part[0].split("x");
  return Math.log2((bits * (count || 1)) / 8);
}

let rowSlot = -1;
for (const row of (ROWS + SIMD_ROWS).trim().split("\n")) {
  const [name, kindsText, stack, at] = row.split(" ");
  const slot = at === undefined ? rowSlot + 1 : parseInt(at, 16);
  rowSlot = slot;
  MNEMONICS[slot] = name;
  if (!(name in SLOT_OF)) SLOT_OF[name] = slot;
  const kinds = (kindsText.match(/[0-9a-f]{2}/g) || []).map((kind) => IMMEDIATES[parseInt(kind, 16)]);
  KINDS[slot] = kinds;
  if (stack !== "-") {
    const [params, results] = stack.split(":");
    OPERANDS[slot] = [...params].map((letter) => LETTERS[letter]);
    RESULTS[slot] = [...results].map((letter) => LETTERS[letter]);
    ACCESS_WIDTH[slot] = accessWidth(name, kinds, params, results);
  }
}

/** The proposal of an instruction that this library does not execute, by slot; empty for others. */
const REFUSED = new Array(SLOTS).fill("");
for (const row of REFUSED_ROWS.trim().split("\n")) {
  const [first, last, feature] = row.split(" ");
  REFUSED.fill(feature, parseInt(first, 16), parseInt(last, 16) + 1);
}
if (!SIMD) REFUSED.fill("simd", PREFIX_BASE[0xfd], PREFIX_BASE[0xfd] + 0x100);

/** The error for an opcode, with its bytes, that is none or that this library does not execute. */
function unknownOpcode(reader, start, slot) {
  const bytes = Array.from(reader.bytes.slice(start, reader.pos), (byte) => `0x${byte.toString(16)}`).join(" ");
  if (REFUSED[slot]) return unsupported(REFUSED[slot], `opcode ${bytes}`, start);
  return compileError(`illegal opcode ${bytes}`, start);
}

/** Reads an opcode: its slot, which holds an instruction that this library executes. */
export function readOpcode(reader) {
  const start = reader.pos;
  let slot = reader.byte();
  const base = PREFIX_BASE[slot];
  if (base !== undefined) {
    const code = reader.u32();
    slot = code < PREFIX_SIZE[slot] ? base + code : -1;
  }
  if (MNEMONICS[slot] === undefined) throw unknownOpcode(reader, start, slot);
  return slot;
}

/** What a load or store says of its memory and alignment: `{ memory, align, offset }`. */
export function readMemarg(reader) {
  const start = reader.pos;
  const flags = reader.u32();
  if (flags >= 0x80) throw compileError("malformed memop flags", start);
  const memory = flags & 0x40 ? reader.u32() : 0;
  return { memory, align: flags & 0x3f, offset: reader.u64() };
}

/** The clauses of a try_table: `{ kind, tag, label }`, kind bit 0 with a reference, bit 1 of all. */
export function readCatches(reader) {
  const clauses = [];
  for (let count = reader.u32(); count > 0; count--) {
    const kind = reader.byte();
    if (kind > 3) throw compileError("malformed catch clause", reader.pos - 1);
    const tag = kind < 2 ? reader.u32() : -1;
    clauses.push({ kind, tag, label: reader.u32() });
  }
  return clauses;
}

/** The type that a catch clause's reference has. */
export const CAUGHT = EXNREF | 0x100;

const SKIP = {
  blocktype: (reader) => reader.s33(),
  labels: (reader) => {
    for (let count = reader.u32(); count > 0; count--) reader.u32();
  },
  memarg: readMemarg,
  i32: (reader) => reader.s32(),
  i64: (reader) => reader.s64(),
  f32: (reader) => reader.skip(4),
  f64: (reader) => reader.skip(8),
  v128: (reader) => reader.skip(16),
  lane: (reader) => reader.byte(),
  lanes: (reader) => reader.skip(16),
  heaptype: (reader) => reader.s33(),
  valtypes: (reader) => {
    for (let count = reader.u32(); count > 0; count--) reader.valueType();
  },
  catches: readCatches,
  zero: (reader) => reader.byte(),
};

/** Reads past an immediate. */
export function skipImmediate(reader, kind) {
  (SKIP[kind] || skipIndex)(reader);
}

/** Reads past the immediates of the instruction in a slot. */
export function skipImmediates(reader, slot) {
  for (const kind of KINDS[slot]) skipImmediate(reader, kind);
}

function skipIndex(reader) {
  reader.u32();
}
