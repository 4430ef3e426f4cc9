// What the instructions of v128 become, by mnemonic. A v128 is four i32, its words. Instructions on
// lanes of 32 bits and on bits are an expression for each word; what is left is done by lanes.js.
import { MNEMONICS, OPERANDS, readMemarg, RESULTS, SLOT_OF } from "./instructions.js";
import { effectiveAddress, read, write } from "./memory.js";
import { OPERATORS } from "./numeric.js";
import { READS, together, TRAPS } from "./operands.js";
import { F32, F64, I32, I64, V128 } from "./types.js";
import { WIDE } from "./wide.js";

export const VECTORS = Object.create(null);

/** Pushes a vector, each word of it by a function of the words of operands in the same place. */
function pushEach(t, operands, word) {
  const { flags, mask } = together(operands);
  const lists = operands.map((operand) => operand.words);
  t.pushWords([0, 1, 2, 3].map((at) => word(...lists.map((list) => list[at]))), flags, mask);
}

/** An instruction whose result has, for each word, an expression of its operands' words. */
function wordwise(name, arity, word) {
  VECTORS[name] = (t) => pushEach(t, t.popSome(arity), word);
}

// Bits

wordwise("v128.not", 1, (a) => `(~${a})`);
wordwise("v128.and", 2, (a, b) => `(${a}&${b})`);
wordwise("v128.andnot", 2, (a, b) => `(${a}&~${b})`);
wordwise("v128.or", 2, (a, b) => `(${a}|${b})`);
wordwise("v128.xor", 2, (a, b) => `(${a}^${b})`);
VECTORS["v128.bitselect"] = (t) => pushEach(t, t.popAtoms(3), (a, b, c) => `(${a}&${c}|${b}&~${c})`);
VECTORS["v128.any_true"] = (t) => {
  const a = t.pop();
  t.pushCondition(`((${a.words.join("|")})!==0)`, a.flags, a.mask);
};

// Lanes of 32 bits

wordwise("i32x4.add", 2, (a, b) => `(${a}+${b}|0)`);
wordwise("i32x4.sub", 2, (a, b) => `(${a}-${b}|0)`);
wordwise("i32x4.mul", 2, (a, b) => `Math.imul(${a},${b})`);
wordwise("i32x4.neg", 1, (a) => `(-${a}|0)`);
wordwise("f32x4.abs", 1, (a) => `(${a}&2147483647)`);
wordwise("f32x4.neg", 1, (a) => `(${a}^-2147483648)`);
/** The sign of a double is in its upper word. */
function onUpperWords(name, operation) {
  VECTORS[name] = (t) => {
    const a = t.pop();
    t.pushWords(a.words.map((word, at) => (at & 1 ? `(${word}${operation})` : word)), a.flags, a.mask);
  };
}
onUpperWords("f64x2.abs", "&2147483647");
onUpperWords("f64x2.neg", "^-2147483648");
for (const name of Object.keys(OPERATORS)) {
  const operator = OPERATORS[name];
  const equality = name === "eq" || name === "ne";
  wordwise(`i32x4.${name}${equality ? "" : "_s"}`, 2, (a, b) => `(${a}${operator}${b}?-1:0)`);
  if (!equality) wordwise(`i32x4.${name}_u`, 2, (a, b) => `(${a}>>>0${operator}${b}>>>0?-1:0)`);
  wordwise(`f32x4.${name}`, 2, (a, b) => `(${float(a)}${operator}${float(b)}?-1:0)`);
}
for (const [name, operator] of [["add", "+"], ["sub", "-"], ["mul", "*"], ["div", "/"]]) {
  // Rounded where the bits are taken.
  wordwise(`f32x4.${name}`, 2, (a, b) => `bitsOfFloat(${float(a)}${operator}${float(b)})`);
}
for (const [name, operator] of [["shl", "<<"], ["shr_s", ">>"], ["shr_u", ">>>"]]) {
  VECTORS[`i32x4.${name}`] = (t) => {
    const count = t.popAtom();
    const a = t.pop();
    const words = a.words.map((word) => `(${word}${operator}${count.text}|0)`);
    t.pushWords(words, a.flags | count.flags, a.mask | count.mask);
  };
}

/** A word as the float that it is. */
function float(word) {
  return `floatOfBits(${word})`;
}

// Lanes as numbers

/** A lane of 8 or 16 bits of a word. */
function extractSmall(bits, signed) {
  return (t, reader) => {
    const lane = reader.byte();
    const shift = 32 - bits - ((lane * bits) & 31);
    const a = t.pop();
    const word = a.words[(lane * bits) >> 5];
    t.pushText(I32, `(${word}<<${shift}${signed ? ">>" : ">>>"}${32 - bits})`, null, a.flags, a.mask).natural = !signed;
  };
}
VECTORS["i8x16.extract_lane_s"] = extractSmall(8, true);
VECTORS["i8x16.extract_lane_u"] = extractSmall(8, false);
VECTORS["i16x8.extract_lane_s"] = extractSmall(16, true);
VECTORS["i16x8.extract_lane_u"] = extractSmall(16, false);
VECTORS["i32x4.extract_lane"] = (t, reader) => {
  const a = t.pop();
  t.pushText(I32, a.words[reader.byte()], null, a.flags, a.mask);
};
VECTORS["i64x2.extract_lane"] = (t, reader) => {
  const lane = 2 * reader.byte();
  const a = t.pop();
  t.pushText(I64, a.words[lane], a.words[lane + 1], a.flags, a.mask);
};
VECTORS["f32x4.extract_lane"] = (t, reader) => {
  const a = t.pop();
  const word = a.words[reader.byte()];
  t.pushText(F32, float(word), null, a.flags, a.mask).bits = [word];
};
VECTORS["f64x2.extract_lane"] = (t, reader) => {
  const lane = 2 * reader.byte();
  const a = t.pop();
  const bits = a.words.slice(lane, lane + 2);
  t.pushText(F64, `doubleOfBits(${bits})`, null, a.flags, a.mask).bits = bits;
};

/** Takes a number that becomes a lane, as an integer: a float's bits. */
function popLane(t) {
  const { type } = t.stack[t.height - 1];
  if (type === F32) WIDE["i32.reinterpret_f32"](t);
  else if (type === F64) WIDE["i64.reinterpret_f64"](t);
  return t.popAtom();
}

/** The words of a vector with one lane replaced. */
function replaced(words, lane, bits, value) {
  const result = words.slice();
  const at = (lane * bits) >> 5;
  if (bits >= 32) {
    value.forEach((word, index) => {
      result[at + index] = word;
    });
  } else {
    const shift = (lane * bits) & 31;
    const mask = bits === 8 ? 255 : 65535;
    result[at] = `(${result[at]}&${~(mask << shift)}|(${value[0]}&${mask})<<${shift})`;
  }
  return result;
}

/** The words of a vector all of whose lanes are one number. */
function splat(bits, value) {
  if (bits === 64) return [...value, ...value];
  const word = bits === 8 ? `Math.imul(${value[0]}&255,16843009)` : bits === 16 ? `Math.imul(${value[0]}&65535,65537)` : value[0];
  return [word, word, word, word];
}

for (const [shape, bits] of [["i8x16", 8], ["i16x8", 16], ["i32x4", 32], ["i64x2", 64], ["f32x4", 32], ["f64x2", 64]]) {
  VECTORS[`${shape}.splat`] = (t) => {
    const value = popLane(t);
    t.pushWords(splat(bits, value.words), 0, value.mask);
  };
  VECTORS[`${shape}.replace_lane`] = (t, reader) => {
    const lane = reader.byte();
    const value = popLane(t);
    const a = t.pop();
    t.pushWords(replaced(a.words, lane, bits, value.words), a.flags, a.mask | value.mask);
  };
}

// Loads and stores

/** Loads `count` words; they are in the temporaries of a v128 then, the others zero. */
function loadWords(t, reader, count) {
  const memarg = readMemarg(reader);
  const address = t.popAtom();
  t.settleEffects();
  const names = t.next(V128);
  for (let index = 0; index < 4; index++) {
    const text = index < count ? read(t, memarg, "Int32", effectiveAddress(address, memarg.offset + 4 * index)) : "0";
    t.statement(`${names[index]}=${text};`);
  }
  t.pushTemporary(V128);
}
VECTORS["v128.load"] = (t, reader) => loadWords(t, reader, 4);
VECTORS["v128.load32_zero"] = (t, reader) => loadWords(t, reader, 1);
VECTORS["v128.load64_zero"] = (t, reader) => loadWords(t, reader, 2);
VECTORS["v128.load64_splat"] = (t, reader) => {
  loadWords(t, reader, 2);
  const { words } = t.stack[t.height - 1];
  t.statement(`${words[2]}=${words[0]};${words[3]}=${words[1]};`);
};
for (const [name, extend] of [["8x8", "i16x8.extend_low_i8x16"], ["16x4", "i32x4.extend_low_i16x8"], ["32x2", "i64x2.extend_low_i32x4"]]) {
  for (const sign of ["s", "u"]) {
    VECTORS[`v128.load${name}_${sign}`] = (t, reader) => {
      loadWords(t, reader, 2);
      byFunctionOf(t, SLOT_OF[`${extend}_${sign}`]);
    };
  }
}

/** The word of a lane of 8, 16 or 32 bits in memory. */
const LOADERS = { 8: "Uint8", 16: "Uint16", 32: "Int32" };
for (const bits of [8, 16, 32]) {
  VECTORS[`v128.load${bits}_splat`] = (t, reader) => {
    const memarg = readMemarg(reader);
    const address = t.pop();
    t.settleEffects();
    const names = t.next(V128);
    t.statement(`${names[0]}=${read(t, memarg, LOADERS[bits], effectiveAddress(address, memarg.offset))};`);
    const [word] = splat(bits, [names[0]]);
    t.statement(`${names[3]}=${names[2]}=${names[1]}=${names[0]}=${word};`);
    t.pushTemporary(V128);
  };
}
for (const bits of [8, 16, 32, 64]) {
  VECTORS[`v128.load${bits}_lane`] = (t, reader) => {
    const memarg = readMemarg(reader);
    const lane = reader.byte();
    const [address, a] = t.popAtoms(2);
    t.settleEffects();
    const at = (delta) => effectiveAddress(address, memarg.offset + delta);
    const value = bits === 64 ? [0, 4].map((delta) => read(t, memarg, "Int32", at(delta))) : [read(t, memarg, LOADERS[bits], at(0))];
    t.pushWords(replaced(a.words, lane, bits, value), READS | TRAPS, a.mask | address.mask);
    t.settle(t.height - 1);
  };
  VECTORS[`v128.store${bits}_lane`] = (t, reader) => {
    const memarg = readMemarg(reader);
    const lane = reader.byte();
    const [address, a] = t.popAtoms(2);
    t.settleEffects();
    const place = (lane * bits) >> 5;
    const type = bits === 8 ? "Int8" : bits === 16 ? "Int16" : "Int32";
    const shift = (lane * bits) & 31;
    if (bits === 64) t.statement(write(t, memarg, type, effectiveAddress(address, memarg.offset + 4), a.words[place + 1]));
    t.statement(write(t, memarg, type, effectiveAddress(address, memarg.offset), bits < 32 ? `${a.words[place]}>>>${shift}` : a.words[place]));
  };
}
VECTORS["v128.store"] = (t, reader) => {
  const memarg = readMemarg(reader);
  const [address, a] = t.popAtoms(2);
  t.settleEffects();
  // The last word first: nothing is written where it is out of bounds.
  for (let index = 3; index >= 0; index--) {
    t.statement(write(t, memarg, "Int32", effectiveAddress(address, memarg.offset + 4 * index), a.words[index]));
  }
};

VECTORS["v128.const"] = (t, reader) => {
  t.pushWords([0, 1, 2, 3].map(() => `(${reader.f32()})`), 0, 0).atom = true;
};

// What is left

/** An instruction that a function of lanes.js does. */
function byFunctionOf(t, slot, ...more) {
  const operands = t.popSome(OPERANDS[slot].length);
  const { flags, mask } = together(operands);
  if (flags !== 0) t.settleEffects();
  const given = operands.flatMap((operand) => operand.words).concat(more).join();
  const call = `VECTOR[${slot}](${given})`;
  if (RESULTS[slot][0] === I32) {
    t.pushText(I32, `(${call}|0)`, null, 0, mask);
    t.settle(t.height - 1);
    return;
  }
  const names = t.next(V128);
  t.statement(`${call};${names.map((name, index) => `${name}=OUT[${index}];`).join("")}`);
  t.pushTemporary(V128);
}
VECTORS["i8x16.shuffle"] = (t, reader) => {
  const lanes = [0, 1, 2, 3].map(() => reader.f32());
  byFunctionOf(t, t.slot, ...lanes);
};
MNEMONICS.forEach((name, slot) => {
  if (/^[if]\d+x\d+\./.test(name || "") && VECTORS[name] === undefined) VECTORS[name] = (t) => byFunctionOf(t, slot);
});
