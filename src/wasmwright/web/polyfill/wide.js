// What the instructions of i64 become, by mnemonic. An i64 is two i32, its low and its high half. The
// low half of a call's result is returned, the high half is left in the variable `high`.
import { OPERATORS } from "./numeric.js";
import { F32, F64, I32, I64 } from "./types.js";
import { EFFECTS, together, TRAPS } from "./operands.js";

export const WIDE = Object.create(null);

/** Pushes an i64 by its halves. */
function pushHalves(t, low, upper, ...operands) {
  const { flags, mask } = together(operands);
  return t.pushText(I64, low, upper, flags, mask);
}

/** Bitwise instructions work on the halves. */
for (const [name, operator] of [["i64.and", "&"], ["i64.or", "|"], ["i64.xor", "^"]]) {
  WIDE[name] = (t) => {
    const [a, b] = t.popSome(2);
    const half = (c, d) => bitwise(c, operator, d, (a.flags | b.flags) & TRAPS);
    pushHalves(t, half(a.text, b.text), half(a.high, b.high), a, b);
  };
}

/** One half of a bitwise instruction; what a constant decides is left out, unless it may trap. */
function bitwise(a, operator, b, traps) {
  if (operator !== "&") {
    if (a === "0") return b;
    if (b === "0") return a;
  } else {
    if (b === "(-1)" || (a === "0" && (b === "0" || !traps))) return a;
    if (b === "0" && !traps) return b;
  }
  return `(${a}${operator}${b})`;
}

WIDE["i64.eqz"] = (t) => {
  const a = t.pop();
  t.pushCondition(`((${a.text}|${a.high})===0)`, a.flags, a.mask);
};

/** An expression that is 0 where two words are equal. */
function difference(a, b) {
  return b === "0" ? a : a === "0" ? b : `${a}^${b}`;
}

for (const name of ["eq", "ne"]) {
  WIDE[`i64.${name}`] = (t) => {
    const [a, b] = t.popSome(2);
    const halves = `(${difference(a.text, b.text)}|${difference(a.high, b.high)})`;
    t.pushCondition(`(${halves}${OPERATORS[name]}0)`, a.flags | b.flags, a.mask | b.mask);
  };
}

/** A word as an operand of a comparison. */
function comparable(text, sign) {
  if (sign === "s") return text;
  const constant = /^\(?(-?\d+)\)?$/.exec(text);
  return constant === null ? `${text}>>>0` : `${constant[1] >>> 0}`;
}

/** Comparisons: by the high halves, and by the low ones where those are equal. */
for (const name of ["lt", "gt", "le", "ge"]) {
  const operator = OPERATORS[name];
  for (const sign of ["s", "u"]) {
    WIDE[`i64.${name}_${sign}`] = (t) => {
      const [a, b] = t.popAtoms(2);
      const mask = a.mask | b.mask;
      if (sign === "s" && b.text === "0" && b.high === "0" && (name === "lt" || name === "ge")) {
        t.pushCondition(`(${a.high}${operator}0)`, 0, mask);
        return;
      }
      const strict = operator[0];
      let highs = `${comparable(a.high, sign)}${strict}${comparable(b.high, sign)}||${a.high}===${b.high}&&`;
      if (sign === "u" && b.high === "0") highs = strict === "<" ? `${a.high}===0&&` : `${a.high}!==0||`;
      t.pushCondition(`(${highs}${comparable(a.text, "u")}${operator}${comparable(b.text, "u")})`, 0, mask);
    };
  }
}

/**
 * Writes the statements that set a result's temporaries and pushes it. `flags` are the effects of
 * evaluating it now, before what waits below.
 */
function setTemporary(t, statements, flags = 0) {
  if (flags & EFFECTS) t.settleEffects();
  const [low, upper] = t.next(I64);
  t.statement(statements(low, upper));
  t.pushTemporary(I64);
}

WIDE["i64.add"] = (t) => {
  const [a, b] = t.popAtoms(2);
  setTemporary(t, (low, upper) => {
    // The sum is below either summand where it overflows; take one that is not overwritten.
    const summand = b.text === low ? a.text : b.text;
    const highs = b.high === "0" ? a.high : `${a.high}+${b.high}`;
    return `${low}=${a.text}+${b.text}|0;${upper}=${highs}+(${low}>>>0<${comparable(summand, "u")}${t.numeral})|0;`;
  });
};

WIDE["i64.sub"] = (t) => {
  const [a, b] = t.popAtoms(2);
  const highs = b.high === "0" ? a.high : `${a.high}-${b.high}`;
  setTemporary(t, (low, upper) =>
    `${upper}=${highs}-(${a.text}>>>0<${comparable(b.text, "u")}${t.numeral})|0;${low}=${a.text}-${b.text}|0;`);
};

WIDE["i64.mul"] = (t) => {
  const [a, b] = t.popAtoms(2);
  setTemporary(t, (low, upper) => {
    // See `mulHigh` in int64.js.
    let terms = `(((${a.text}>>>0)*(${b.text}>>>0)-($>>>0))/4294967296+.5|0)`;
    if (a.high !== "0") terms += `+Math.imul(${a.high},${b.text})`;
    if (b.high !== "0") terms += `+Math.imul(${a.text},${b.high})`;
    return `$=Math.imul(${a.text},${b.text});${upper}=${terms}|0;${low}=$;`;
  });
};

/** Instructions that a function of the library does, on halves, with the result's high half in `high`. */
function byFunction(name, type, traps) {
  return (t) => {
    // Of a count only the low half matters.
    const second = type === I32 ? t.popLow() : t.pop();
    const first = t.pop();
    const given = [...first.words, ...second.words.slice(0, type === I32 ? 1 : 2)];
    const flags = (traps ? TRAPS : 0) | first.flags | second.flags;
    setTemporary(t, (low, upper) => `${low}=${name}(${given.join()})|0;${upper}=high|0;`, flags);
  };
}

WIDE["i64.div_s"] = byFunction("divS64", I64, true);
WIDE["i64.div_u"] = byFunction("divU64", I64, true);
WIDE["i64.rem_s"] = byFunction("remS64", I64, true);
WIDE["i64.rem_u"] = byFunction("remU64", I64, true);

/** A shift by a count that is not known, in line. JavaScript takes counts modulo 32. */
function shiftBy(statements) {
  return (t) => {
    const [a, count] = t.popAtoms(2);
    setTemporary(t, (low, upper) => statements(low, upper, a.text, a.high, count.text));
  };
}
const SHIFTS = {
  "i64.shl": shiftBy((low, upper, a, b, count) =>
    `if(${count}&32){${upper}=${a}<<${count};${low}=0;}else{${upper}=${b}<<${count}|${a}>>>1>>>~${count};${low}=${a}<<${count};}`),
  "i64.shr_u": shiftBy((low, upper, a, b, count) =>
    `if(${count}&32){${low}=${b}>>>${count}|0;${upper}=0;}else{${low}=${a}>>>${count}|${b}<<1<<~${count};${upper}=${b}>>>${count}|0;}`),
  "i64.shr_s": shiftBy((low, upper, a, b, count) =>
    `if(${count}&32){${low}=${b}>>${count};${upper}=${b}>>31;}else{${low}=${a}>>>${count}|${b}<<1<<~${count};${upper}=${b}>>${count};}`),
  "i64.rotl": byFunction("rotl64", I32, false),
  "i64.rotr": byFunction("rotr64", I32, false),
};

/** Shifts and rotations: expressions where the count is constant. */
function shift(name, constant) {
  const byCount = SHIFTS[name];
  WIDE[name] = (t) => {
    const count = t.stack[t.stack.length - 1];
    if (!/^(\d+|\(-\d+\))$/.test(count.text)) {
      byCount(t);
      return;
    }
    t.pop();
    const by = Number(count.text.replace(/[()]/g, "")) & 63;
    if (by === 0) return;
    const a = t.popAtom();
    const [low, upper] = constant(a.text, a.high, by);
    pushHalves(t, low, upper, a);
  };
}

/** The upper 32 bits of two words after a shift to the left by less than 32. */
const joined = (upper, lower, by) => (by === 0 ? upper : `(${upper}<<${by}|${lower}>>>${32 - by})`);
const shifted = (word, operator, by) => (by === 0 ? word : `(${word}${operator}${by}${operator === ">>>" ? "|0" : ""})`);

shift("i64.shl", (low, upper, by) =>
  by < 32 ? [shifted(low, "<<", by), joined(upper, low, by)] : ["0", shifted(low, "<<", by - 32)]);
shift("i64.shr_u", (low, upper, by) =>
  by < 32 ? [joined(upper, low, 32 - by), shifted(upper, ">>>", by)] : [shifted(upper, ">>>", by - 32), "0"]);
shift("i64.shr_s", (low, upper, by) =>
  by < 32 ? [joined(upper, low, 32 - by), shifted(upper, ">>", by)] : [shifted(upper, ">>", by - 32), `(${upper}>>31)`]);
const rotated = (low, upper, by) =>
  by < 32 ? [joined(low, upper, by), joined(upper, low, by)] : [joined(upper, low, by - 32), joined(low, upper, by - 32)];
shift("i64.rotl", rotated);
shift("i64.rotr", (low, upper, by) => rotated(low, upper, 64 - by));

WIDE["i64.clz"] = (t) => {
  const a = t.popAtom();
  pushHalves(t, `(${a.high}!==0?Math.clz32(${a.high}):32+Math.clz32(${a.text}))`, "0", a);
};
WIDE["i64.ctz"] = (t) => {
  const a = t.popAtom();
  pushHalves(t, `(${a.text}!==0?ctz(${a.text}):32+ctz(${a.high}))`, "0", a);
};
WIDE["i64.popcnt"] = (t) => {
  const a = t.pop();
  pushHalves(t, `(popcnt(${a.text})+popcnt(${a.high}))`, "0", a);
};

WIDE["i32.wrap_i64"] = (t) => {
  const a = t.popLow();
  const operand = t.pushText(I32, a.text, null, a.flags, a.mask);
  operand.atom = a.atom;
};
WIDE["i64.extend_i32_s"] = (t) => {
  const a = t.popAtom();
  if (a.constant !== undefined || a.natural) pushHalves(t, a.text, a.constant < 0 ? "(-1)" : "0", a);
  else pushHalves(t, a.text, `(${a.text}>>31)`, a);
  t.stack[t.stack.length - 1].atom = a.natural;
};
WIDE["i64.extend_i32_u"] = (t) => {
  const a = t.pop();
  pushHalves(t, a.text, "0", a).atom = a.atom;
};
for (const [name, by] of [["i64.extend8_s", 24], ["i64.extend16_s", 16]]) {
  WIDE[name] = (t) => {
    const a = t.popAtom();
    pushHalves(t, `(${a.text}<<${by}>>${by})`, `(${a.text}<<${by}>>31)`, a);
  };
}
WIDE["i64.extend32_s"] = (t) => {
  const a = t.popAtom();
  pushHalves(t, a.text, `(${a.text}>>31)`, a);
};

/** Conversions of floats to i64. */
for (const sign of ["s", "u"]) {
  for (const type of ["f32", "f64"]) {
    const convert = (name, traps) => (t) => {
      const a = t.pop();
      const flags = a.flags | (traps ? TRAPS : 0);
      setTemporary(t, (low, upper) => `${low}=${name}(${a.text})|0;${upper}=high|0;`, flags);
    };
    WIDE[`i64.trunc_${type}_${sign}`] = convert(`trunc${sign.toUpperCase()}64`, true);
    WIDE[`i64.trunc_sat_${type}_${sign}`] = convert(`truncSat${sign.toUpperCase()}64`, false);
  }
}

WIDE["f64.convert_i64_s"] = (t) => {
  const a = t.pop();
  t.pushText(F64, `(${a.high}*4294967296+(${a.text}>>>0))`, null, a.flags, a.mask);
};
WIDE["f64.convert_i64_u"] = (t) => {
  const a = t.pop();
  t.pushText(F64, `((${a.high}>>>0)*4294967296+(${a.text}>>>0))`, null, a.flags, a.mask);
};
WIDE["f32.convert_i64_s"] = (t) => {
  const a = t.pop();
  t.pushText(F32, `convertS64(${a.text},${a.high})`, null, a.flags, a.mask);
};
WIDE["f32.convert_i64_u"] = (t) => {
  const a = t.pop();
  t.pushText(F32, `convertU64(${a.text},${a.high})`, null, a.flags, a.mask);
};

/** Reinterpretations: the bits where they are at hand. */
WIDE["i32.reinterpret_f32"] = (t) => {
  const a = t.pop();
  t.pushText(I32, a.bits === null ? `bitsOfFloat(${a.text})` : a.bits[0], null, a.flags, a.mask);
};
WIDE["f32.reinterpret_i32"] = (t) => {
  const a = t.pop();
  t.pushText(F32, `floatOfBits(${a.text})`, null, a.flags, a.mask).bits = [a.text];
};
WIDE["i64.reinterpret_f64"] = (t) => {
  const a = t.pop();
  if (a.bits === null) {
    setTemporary(t, (low, upper) => `${low}=bitsOfDouble(${a.text})|0;${upper}=high|0;`, a.flags);
    return;
  }
  pushHalves(t, a.bits[0], a.bits[1], a).whole = a.whole;
};
WIDE["f64.reinterpret_i64"] = (t) => {
  const a = t.pop();
  const operand = t.pushText(F64, `doubleOfBits(${a.text},${a.high})`, null, a.flags, a.mask);
  operand.bits = a.words;
  operand.whole = a.whole;
};
