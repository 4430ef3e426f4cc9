// What the instructions that touch variables, memories, tables and references become, by mnemonic.
//
// In the code of an instance, memory 0 is `M0`, a view of its bytes, and `B0`, the bytes; `T0` is the
// array of table 0's elements. A view's own check of bounds is the check of the access.
import { doubleOfBits, floatOfBits } from "./arithmetic.js";
import { ACCESS_WIDTH, MNEMONICS, readMemarg, SLOT_OF } from "./instructions.js";
import { ACTS, localNames, Operand, READS, TRAPS } from "./operands.js";
import { unsigned } from "./numeric.js";
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
  const operand = t.pop();
  t.settleEffects();
  t.assignWords(t.globalNames(index), operand.words);
};

// Loads and stores

/** The address of an access as an index of a view: exact, so that the view checks it. */
export function effectiveAddress(operand, offset) {
  if (operand.constant !== undefined) return `${(operand.constant >>> 0) + offset}`;
  // A negative number is an address of 2 GiB or more, which is as much out of bounds.
  if (offset === 0) return operand.value;
  return `${unsigned(operand)}+${offset}`;
}

/** The same where an access at a higher or equal address has been checked before. */
function checkedAddress(operand, offset) {
  if (operand.constant !== undefined) return effectiveAddress(operand, offset);
  return offset === 0 ? operand.value : `${operand.value}+${offset}`;
}

/** A call of a view's method; by a function of the instance where inline code would be too long. */
export function read(t, memory, method, address) {
  if (t.compact && memory === 0) return `${method}(${address})`;
  // A byte that is not there is undefined. Engines without a compiler are faster so than by a call.
  if (method === "getUint8") return `(B${memory}[${address}]??noByte())`;
  if (method === "getInt8") return `((B${memory}[${address}]??noByte())<<24>>24)`;
  return `M${memory}.${method}(${address},true)`;
}
export function write(t, memory, method, address, value) {
  if (t.compact && memory === 0) return `${method}(${address},${value});`;
  return `M${memory}.${method}(${address},${value}${/8$/.test(method) ? "" : ",true"});`;
}

/** The view's method for loads of i32 and of the low halves of i64, by mnemonic. */
const INTEGER_LOADS = {
  load: "getInt32",
  load8_s: "getInt8",
  load8_u: "getUint8",
  load16_s: "getInt16",
  load16_u: "getUint16",
  load32_s: "getInt32",
  load32_u: "getInt32",
};
const INTEGER_STORES = { store: "setInt32", store8: "setInt8", store16: "setInt16", store32: "setInt32" };

function loadInteger(t, reader) {
  const [type, name] = MNEMONICS[t.slot].split(".");
  const method = INTEGER_LOADS[name];
  const { memory, offset } = readMemarg(reader);
  if (type === "i64" && ACCESS_WIDTH[t.slot] === 3) {
    loadPair(t, memory, offset);
    return;
  }
  const address = t.pop();
  const text = read(t, memory, method, effectiveAddress(address, offset));
  const flags = READS | TRAPS | address.flags;
  if (type === "i32") {
    t.pushText(I32, text, null, flags, address.mask).natural = /U/.test(method);
  } else if (name.endsWith("u")) {
    t.pushText(I64, text, "0", flags, address.mask);
  } else {
    t.pushText(I32, text, null, flags, address.mask);
    const low = t.popAtom();
    t.pushText(I64, low.text, `(${low.text}>>31)`, 0, low.mask);
  }
}

function loadPair(t, memory, offset) {
  const address = t.popAtom();
  t.settleEffects();
  const [low, high] = t.next(I64);
  // The address may stand in the temporary that is set first.
  const first = read(t, memory, "getInt32", effectiveAddress(address, offset));
  const second = read(t, memory, "getInt32", checkedAddress(address, offset + 4));
  if (address.text === low) t.statement(`$=${first};${high}=${second};${low}=$;`);
  else t.statement(`${low}=${first};${high}=${second};`);
  t.pushTemporary(I64);
}

function storeInteger(t, reader) {
  const [type, name] = MNEMONICS[t.slot].split(".");
  const { memory, offset } = readMemarg(reader);
  if (type === "i64" && ACCESS_WIDTH[t.slot] === 3) {
    storePair(t, memory, offset, t.pop());
    return;
  }
  const [address, value] = t.popSome(2);
  t.settleEffects();
  const text = type === "i32" ? value.value : value.text;
  t.statement(write(t, memory, INTEGER_STORES[name], effectiveAddress(address, offset), text));
}

/** Stores 64 bits: the high half first, so that nothing is written where it is out of bounds. */
function storePair(t, memory, offset, value) {
  t.stack.push(value);
  const [address, { text, high }] = t.popAtoms(2);
  t.settleEffects();
  t.statement(write(t, memory, "setInt32", effectiveAddress(address, offset + 4), high));
  t.statement(write(t, memory, "setInt32", checkedAddress(address, offset), text));
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
  const { memory, offset } = readMemarg(reader);
  const address = t.pop();
  const at = effectiveAddress(address, offset);
  const operand = t.pushText(F32, read(t, memory, "getFloat32", at), null, READS | TRAPS | address.flags, address.mask);
  operand.bits = [read(t, memory, "getInt32", at)];
};
ACCESS["f32.store"] = (t, reader) => {
  const { memory, offset } = readMemarg(reader);
  const [address, value] = t.popSome(2);
  t.settleEffects();
  const at = effectiveAddress(address, offset);
  if (value.bits === null) t.statement(write(t, memory, "setFloat32", at, value.value));
  else t.statement(write(t, memory, "setInt32", at, value.bits[0]));
};
ACCESS["f64.load"] = (t, reader) => {
  const { memory, offset } = readMemarg(reader);
  const address = t.popAtom();
  const at = effectiveAddress(address, offset);
  const operand = t.pushText(F64, read(t, memory, "getFloat64", at), null, READS | TRAPS, address.mask);
  operand.bits = [read(t, memory, "getInt32", at), read(t, memory, "getInt32", checkedAddress(address, offset + 4))];
};
ACCESS["f64.store"] = (t, reader) => {
  const value = t.stack[t.height - 1];
  const { memory, offset } = readMemarg(reader);
  if (value.bits !== null) {
    const [low, high] = value.bits;
    t.pop();
    storePair(t, memory, offset, new Operand(I64, low, high, value.flags, value.mask, value.flags === 0));
    return;
  }
  const [address] = t.popSome(2);
  t.settleEffects();
  t.statement(write(t, memory, "setFloat64", effectiveAddress(address, offset), value.value));
};

// Memories and tables as wholes

/** A statement that acts on operands, given as their expressions. */
function act(t, count, statement) {
  const operands = t.popSome(count);
  t.settleEffects();
  t.statement(statement(...operands.map((operand) => operand.value)));
}

/** A result of something that acts. */
function pushAct(t, type, count, expression, flags = ACTS | READS | TRAPS) {
  const operands = t.popSome(count);
  let mask = 0;
  for (const operand of operands) mask |= operand.mask;
  t.settleEffects();
  t.pushText(type, expression(...operands.map((operand) => operand.value)), null, flags, mask);
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
  t.pushText(type, `tableGet(T${index},${at.value})`, null, READS | TRAPS | at.flags, at.mask);
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
  t.pushCondition(`(${operand.value}===null)`, operand.flags, operand.mask);
};
ACCESS["ref.func"] = (t, reader) => {
  const index = reader.u32();
  t.pushText(t.functionReference(index), `E.func(${index})`, null, 0, 0);
};
ACCESS["ref.as_non_null"] = (t) => {
  const operand = t.pop();
  t.pushText(operand.type, `nonNull(${operand.value})`, null, operand.flags | TRAPS, operand.mask);
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
    const words = a.words.map((word, index) => `(${c.value}?${word}:${b.words[index]})`);
    const mask = a.mask | b.mask | c.mask;
    if (b.type === V128) t.pushWords(words, 0, mask);
    else t.pushText(b.type, words[0], words[1], 0, mask);
  } else {
    const [a, b, c] = t.popSome(3);
    t.pushText(b.type, `(${c.truth}?${a.value}:${b.value})`, null, a.flags | b.flags | c.flags, a.mask | b.mask | c.mask);
  }
};

ACCESS["i32.const"] = (t, reader) => t.pushConstant(reader.s32());
ACCESS["i64.const"] = (t, reader) => {
  const low = reader.s64();
  const text = (word) => (word < 0 ? `(${word})` : `${word}`);
  t.pushText(I64, text(low), text(reader.high), 0, 0).atom = true;
};

/** A number as an expression. */
function literal(number) {
  if (number !== number) return "NaN";
  const text = Object.is(number, -0) ? "-0" : number === Infinity ? "Infinity" : number === -Infinity ? "-Infinity" : `${number}`;
  return text.startsWith("-") ? `(${text})` : text;
}

ACCESS["f32.const"] = (t, reader) => {
  const bits = reader.f32();
  const operand = t.pushText(F32, literal(floatOfBits(bits)), null, 0, 0);
  operand.atom = true;
  operand.bits = [`(${bits})`];
};
ACCESS["f64.const"] = (t, reader) => {
  const low = reader.f64();
  const high = reader.high;
  const operand = t.pushText(F64, literal(doubleOfBits(low, high)), null, 0, 0);
  operand.atom = true;
  operand.bits = [`(${low})`, `(${high})`];
};
