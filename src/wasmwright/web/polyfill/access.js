// What the instructions that touch variables, memories, tables and references become, by mnemonic.
//
// In the code of an instance, `B0` is the bytes of memory 0 (see memory.js), `T0` the array of table 0's
// elements.
import { doubleOfBits, floatOfBits } from "./arithmetic.js";
import { toBigInt } from "./int64.js";
import { ACCESS_WIDTH, MNEMONICS, readMemarg, SLOT_OF } from "./instructions.js";
import { checkedAddress, effectiveAddress, read, write } from "./memory.js";
import { ACTS, localNames, Operand, READS, together, TRAPS } from "./operands.js";
import { F32, F64, I32, I64, V128, wordsOf } from "./types.js";

export const ACCESS = Object.create(null);

// Variables

ACCESS["local.get"] = (t, reader) => {
  const index = reader.u32();
  t.pushLocal(t.locals[index], index);
};

function setLocal(t, index) {
  const operand = t.pop();
  t.settleLocal(index);
  if (operand.flags & ACTS) t.settleEffects();
  t.assignWords(localNames(t.locals[index], index), operand.words);
}
ACCESS["local.set"] = (t, reader) => setLocal(t, reader.u32());
ACCESS["local.tee"] = (t, reader) => {
  const index = reader.u32();
  setLocal(t, index);
  t.pushLocal(t.locals[index], index);
};

ACCESS["global.get"] = (t, reader) => {
  const index = reader.u32();
  const { type, mutable } = t.module.globals[index];
  const [first, second, ...rest] = t.globalNames(index);
  const flags = mutable ? READS : 0;
  const operand = type === V128 ? t.pushWords([first, second, ...rest], flags, 0) : t.pushText(type, first, second || null, flags, 0);
  operand.atom = !mutable;
};
ACCESS["global.set"] = (t, reader) => {
  const index = reader.u32();
  // Nothing is set where evaluating one of the words traps.
  const operand = wordsOf(t.module.globals[index].type) > 1 ? t.popAtom() : t.pop();
  t.settleEffects();
  t.assignWords(t.globalNames(index), operand.words);
};

// Loads and stores

/** The elements that loads of i32 and of the low halves of i64 read, by mnemonic. */
const INTEGER_LOADS = {
  load: "Int32",
  load8_s: "Int8",
  load8_u: "Uint8",
  load16_s: "Int16",
  load16_u: "Uint16",
  load32_s: "Int32",
  load32_u: "Int32",
};
const INTEGER_STORES = { store: "Int32", store8: "Int8", store16: "Int16", store32: "Int32" };

function loadInteger(t, reader) {
  const [type, name] = MNEMONICS[t.slot].split(".");
  const memarg = readMemarg(reader);
  if (type === "i64" && ACCESS_WIDTH[t.slot] === 3) {
    pushPair(t, I64, memarg);
    return;
  }
  const address = t.pop();
  const text = read(t, memarg, INTEGER_LOADS[name], effectiveAddress(address, memarg.offset));
  const flags = READS | TRAPS | address.flags;
  if (type === "i32") {
    t.pushText(I32, text, null, flags, address.mask).natural = /U/.test(INTEGER_LOADS[name]);
  } else if (name.endsWith("u")) {
    t.pushText(I64, text, "0", flags, address.mask);
  } else {
    t.pushText(I32, text, null, flags, address.mask);
    const low = t.popAtom();
    t.pushText(I64, low.text, `(${low.text}>>31)`, 0, low.mask);
  }
}

/** Loads 64 bits, which wait as halves: those of an i64, or the bits of an f64. */
function pushPair(t, type, memarg) {
  const { offset } = memarg;
  const address = t.popAtom();
  const at = effectiveAddress(address, offset);
  const halves = [read(t, memarg, "Int32", at), read(t, memarg, "Int32", checkedAddress(address, offset + 4))];
  const [text, high] = type === I64 ? halves : [read(t, memarg, "Float64", at), null];
  const operand = t.pushText(type, text, high, READS | TRAPS, address.mask);
  if (type === F64) operand.bits = halves;
  if (t.interpreted) operand.whole = read(t, memarg, "BigInt64", at);
}

function storeInteger(t, reader) {
  const [type, name] = MNEMONICS[t.slot].split(".");
  const memarg = readMemarg(reader);
  if (type === "i64" && ACCESS_WIDTH[t.slot] === 3) {
    storePair(t, memarg);
    return;
  }
  const value = type === "i64" ? t.popLow() : t.pop();
  const address = t.pop();
  t.settleEffects();
  t.statement(write(t, memarg, INTEGER_STORES[name], effectiveAddress(address, memarg.offset), value.text));
}

/** Stores 64 bits: the high half first, so that nothing is written where it is out of bounds. */
function storePair(t, memarg) {
  const { offset } = memarg;
  const { whole } = t.stack[t.height - 1];
  if (whole !== null) {
    const [address] = t.popSome(2);
    t.settleEffects();
    t.statement(write(t, memarg, "BigInt64", effectiveAddress(address, offset), whole));
    return;
  }
  const [address, { text, high }] = t.popAtoms(2);
  t.settleEffects();
  t.statement(write(t, memarg, "Int32", effectiveAddress(address, offset + 4), high));
  t.statement(write(t, memarg, "Int32", checkedAddress(address, offset), text));
}

for (const name of Object.keys(INTEGER_LOADS)) {
  ACCESS[`i64.${name}`] = loadInteger;
  if (!name.startsWith("load32")) ACCESS[`i32.${name}`] = loadInteger;
}
for (const name of Object.keys(INTEGER_STORES)) {
  ACCESS[`i64.${name}`] = storeInteger;
  if (name !== "store32") ACCESS[`i32.${name}`] = storeInteger;
}

ACCESS["f32.load"] = (t, reader) => {
  const memarg = readMemarg(reader);
  const address = t.pop();
  const at = effectiveAddress(address, memarg.offset);
  const operand = t.pushText(F32, read(t, memarg, "Float32", at), null, READS | TRAPS | address.flags, address.mask);
  operand.bits = [read(t, memarg, "Int32", at)];
};
ACCESS["f64.load"] = (t, reader) => pushPair(t, F64, readMemarg(reader));

/** Stores a float: as bits, where they are at hand. */
function storeFloat(t, reader) {
  const memarg = readMemarg(reader);
  const value = t.pop();
  const { bits } = value;
  if (bits !== null && bits.length > 1) {
    const pair = new Operand(I64, bits[0], bits[1], value.flags, value.mask, value.flags === 0);
    pair.whole = value.whole;
    t.stack.push(pair);
    storePair(t, memarg);
    return;
  }
  const address = t.pop();
  t.settleEffects();
  const at = effectiveAddress(address, memarg.offset);
  if (bits === null) t.statement(write(t, memarg, value.type === F32 ? "Float32" : "Float64", at, value.brief || value.text));
  else t.statement(write(t, memarg, "Int32", at, bits[0]));
}
ACCESS["f32.store"] = storeFloat;
ACCESS["f64.store"] = storeFloat;

// Memories and tables as wholes

/** A statement that acts on operands, given as their expressions. */
function act(t, count, statement) {
  const operands = t.popSome(count);
  t.settleEffects();
  t.statement(statement(...operands.map((operand) => operand.text)));
}

/** A result of something that acts. */
function pushAct(t, type, count, expression, flags = ACTS | READS | TRAPS) {
  const operands = t.popSome(count);
  const { mask } = together(operands);
  t.settleEffects();
  t.pushText(type, expression(...operands.map((operand) => operand.text)), null, flags, mask);
}

ACCESS["memory.size"] = (t, reader) => {
  t.pushText(I32, `(B${reader.u32()}.length>>>16)`, null, READS, 0).natural = true;
};
ACCESS["memory.grow"] = (t, reader) => {
  const index = reader.u32();
  pushAct(t, I32, 1, (pages) => `E.memories[${index}].grow(${pages}>>>0)`);
};
ACCESS["memory.fill"] = (t, reader) => {
  const index = reader.u32();
  act(t, 3, (to, byte, size) => `memoryFill(B${index},${to},${byte},${size});`);
};
ACCESS["memory.copy"] = (t, reader) => {
  const target = reader.u32();
  const source = reader.u32();
  act(t, 3, (to, from, size) => `memoryCopy(B${target},B${source},${to},${from},${size});`);
};
ACCESS["memory.init"] = (t, reader) => {
  const segment = reader.u32();
  const index = reader.u32();
  act(t, 3, (to, from, size) => `memoryInit(B${index},E.datas[${segment}],${to},${from},${size});`);
};
ACCESS["data.drop"] = (t, reader) => {
  const segment = reader.u32();
  act(t, 0, () => `E.datas[${segment}]=DROPPED_DATA;`);
};

ACCESS["table.get"] = (t, reader) => {
  const index = reader.u32();
  const { type } = t.module.tables[index];
  const at = t.pop();
  t.pushText(type, `tableGet(T${index},${at.text})`, null, READS | TRAPS | at.flags, at.mask);
};
ACCESS["table.set"] = (t, reader) => {
  const index = reader.u32();
  act(t, 2, (at, value) => `tableSet(T${index},${at},${value});`);
};
ACCESS["table.size"] = (t, reader) => {
  t.pushText(I32, `T${reader.u32()}.length`, null, READS, 0).natural = true;
};
ACCESS["table.grow"] = (t, reader) => {
  const index = reader.u32();
  pushAct(t, I32, 2, (value, count) => `E.tables[${index}].grow(${count}>>>0,${value})`);
};
ACCESS["table.fill"] = (t, reader) => {
  const index = reader.u32();
  act(t, 3, (at, value, count) => `tableFill(T${index},${at},${value},${count});`);
};
ACCESS["table.copy"] = (t, reader) => {
  const target = reader.u32();
  const source = reader.u32();
  act(t, 3, (to, from, count) => `tableCopy(T${target},T${source},${to},${from},${count});`);
};
ACCESS["table.init"] = (t, reader) => {
  const segment = reader.u32();
  const index = reader.u32();
  act(t, 3, (to, from, count) => `tableCopy(T${index},E.elems[${segment}],${to},${from},${count});`);
};
ACCESS["elem.drop"] = (t, reader) => {
  const segment = reader.u32();
  act(t, 0, () => `E.elems[${segment}]=DROPPED_ELEMENTS;`);
};

// References

ACCESS["ref.null"] = (t, reader) => {
  const type = reader.heapType(true);
  t.pushText(type, "null", null, 0, 0).atom = true;
};
ACCESS["ref.is_null"] = (t) => {
  const operand = t.pop();
  t.pushCondition(`(${operand.text}===null)`, operand.flags, operand.mask);
};
ACCESS["ref.func"] = (t, reader) => {
  const index = reader.u32();
  t.pushText(t.functionReference(index), `E.func(${index})`, null, 0, 0);
};
ACCESS["ref.as_non_null"] = (t) => {
  const operand = t.pop();
  t.pushText(operand.type, `nonNull(${operand.text})`, null, operand.flags | TRAPS, operand.mask);
};

// Operands and constants

ACCESS.drop = (t) => {
  const operand = t.pop();
  if ((operand.flags & (TRAPS | ACTS)) === 0) return;
  t.settleEffects();
  t.statement(`${operand.words.join(";")};`);
};

ACCESS.select = (t, reader) => {
  if (t.slot !== SLOT_OF.select) {
    for (let count = reader.u32(); count > 0; count--) reader.valueType();
  }
  // Only one of the two is evaluated: what may trap or act is evaluated before.
  for (const index of [t.height - 3, t.height - 2]) {
    if (t.stack[index].flags & (TRAPS | ACTS)) t.settle(index);
  }
  if (wordsOf(t.stack[t.height - 2].type) > 1) {
    // The condition is used for each word.
    const [a, b, c] = t.popAtoms(3);
    const words = a.words.map((word, index) => `(${c.text}?${word}:${b.words[index]})`);
    const { mask } = together([a, b, c]);
    if (b.type === V128) t.pushWords(words, 0, mask);
    else t.pushText(b.type, words[0], words[1], 0, mask);
  } else {
    const [a, b, c] = t.popSome(3);
    const { flags, mask } = together([a, b, c]);
    t.pushText(b.type, `(${c.truth}?${a.text}:${b.text})`, null, flags, mask);
  }
};

ACCESS["i32.const"] = (t, reader) => t.pushConstant(reader.s32());
ACCESS["i64.const"] = (t, reader) => {
  const low = reader.s64();
  const { high } = reader;
  const text = (word) => (word < 0 ? `(${word})` : `${word}`);
  const operand = t.pushText(I64, text(low), text(high), 0, 0);
  operand.atom = true;
  if (t.interpreted) operand.whole = `(${toBigInt(low, high)}n)`;
};

/** Pushes a float that is a constant; of a NaN the bits are kept. */
function pushFloat(t, type, number, bits) {
  const operand = t.pushText(type, Object.is(number, -0) ? "(-0)" : `(${number})`, null, 0, 0);
  operand.atom = true;
  if (number !== number) operand.bits = bits.map((word) => `(${word})`);
}

ACCESS["f32.const"] = (t, reader) => {
  const bits = reader.f32();
  pushFloat(t, F32, floatOfBits(bits), [bits]);
};
ACCESS["f64.const"] = (t, reader) => {
  const low = reader.f64();
  pushFloat(t, F64, doubleOfBits(low, reader.high), [low, reader.high]);
};
