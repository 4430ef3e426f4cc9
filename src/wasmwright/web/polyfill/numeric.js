// What the numeric instructions of i32, f32 and f64 become, by mnemonic.
//
// A template is an expression with `$0`, `$1` for its operands; `#0` is an operand as an unsigned
// number, `?` at its beginning says that it is a condition, `!` that it may trap, `+` that its value
// is never negative, `~` that its value is rounded to an f32. What needs more than one template is a function of the translator.
import { I32, F32, F64 } from "./types.js";
import { together, TRAPS } from "./operands.js";

/** The operators of comparisons, by the end of their names. */
export const OPERATORS = { eq: "===", ne: "!==", lt: "<", gt: ">", le: "<=", ge: ">=" };

const TEMPLATES = {
  "i32.eqz": "?!$t",
  "i32.clz": "+Math.clz32($0)",
  "i32.ctz": "+ctz($0)",
  "i32.popcnt": "+popcnt($0)",
  "i32.add": "($0+$1|0)",
  "i32.sub": "($0-$1|0)",
  "i32.mul": "Math.imul($0,$1)",
  "i32.div_s": "!divS($0,$1)",
  "i32.div_u": "!divU($0,$1)",
  "i32.rem_s": "!remS($0,$1)",
  "i32.rem_u": "!remU($0,$1)",
  "i32.and": "($0&$1)",
  "i32.or": "($0|$1)",
  "i32.xor": "($0^$1)",
  "i32.shl": "($0<<$1)",
  "i32.shr_s": "($0>>$1)",
  "i32.shr_u": "($0>>>$1|0)",
  "i32.rotl": "rotl($0,$1)",
  "i32.rotr": "rotl($0,-$1)",
  "i32.extend8_s": "($0<<24>>24)",
  "i32.extend16_s": "($0<<16>>16)",

  "f32.convert_i32_s": "~$0",
  "f32.convert_i32_u": "~#0",
  "f32.demote_f64": "~$0",
  "f64.convert_i32_s": "$0",
  "f64.convert_i32_u": "#0",
  "f64.promote_f32": "$0",
};

/** What is the same for f32 and f64, and what is rounded to an f32. */
const FLOATS = {
  abs: "Math.abs($0)",
  neg: "(-$0)",
  ceil: "Math.ceil($0)",
  floor: "Math.floor($0)",
  trunc: "Math.trunc($0)",
  nearest: "nearest($0)",
  min: "Math.min($0,$1)",
  max: "Math.max($0,$1)",
  copysign: "copysign($0,$1)",
};
const ROUNDED = { add: "$0+$1", sub: "$0-$1", mul: "$0*$1", div: "$0/$1", sqrt: "Math.sqrt($0)" };
for (const name of Object.keys(OPERATORS)) {
  const template = `?$0${OPERATORS[name]}$1`;
  for (const each of ["i32", "f32", "f64"]) TEMPLATES[`${each}.${name}`] = template;
  TEMPLATES[`i32.${name}_s`] = template;
  TEMPLATES[`i32.${name}_u`] = template.replace(/\$/g, "#");
}
for (const type of ["f32", "f64"]) {
  for (const name of Object.keys(FLOATS)) TEMPLATES[`${type}.${name}`] = FLOATS[name];
  for (const name of Object.keys(ROUNDED)) TEMPLATES[`${type}.${name}`] = type === "f32" ? `~${ROUNDED[name]}` : `(${ROUNDED[name]})`;
  for (const sign of ["s", "u"]) {
    TEMPLATES[`i32.trunc_${type}_${sign}`] = `!trunc${sign.toUpperCase()}($0)`;
    TEMPLATES[`i32.trunc_sat_${type}_${sign}`] = `truncSat${sign.toUpperCase()}($0)`;
  }
}

const TYPES = { i32: I32, f32: F32, f64: F64 };

/** A template's literal parts, with `{ index, how }` for operands in between. */
function parseTemplate(template) {
  return template.split(/([$#]\d|\$t)/).filter((part) => part !== "").map((part) => {
    if (part === "$t") return { index: 0, how: "truth" };
    if (/^[$#]\d$/.test(part)) return { index: +part[1], how: part[0] === "#" ? "unsigned" : "value" };
    return part;
  });
}

/** An i32's expression as an unsigned number. */
export function unsigned(operand) {
  if (operand.constant !== undefined) return `${operand.constant >>> 0}`;
  return operand.natural ? operand.text : `(${operand.text}>>>0)`;
}

/** A handler that pops operands, fills a template and pushes the result. */
function fromTemplate(name, template) {
  const kind = /^[?!+~]/.test(template) && template[0];
  // `?!$t`: the second mark belongs to the expression.
  const parts = parseTemplate(kind ? template.slice(1) : template);
  const arity = Math.max(...parts.filter((part) => typeof part === "object").map((part) => part.index)) + 1;
  const type = TYPES[name.slice(0, 3)];
  const ownFlags = kind === "!" ? TRAPS : 0;
  return (t) => {
    const operands = t.popSome(arity);
    let text = "";
    for (const part of parts) {
      if (typeof part === "string") text += part;
      else if (part.how === "value") text += operands[part.index].text;
      else if (part.how === "unsigned") text += unsigned(operands[part.index]);
      else text += operands[part.index].truth;
    }
    const { flags, mask } = together(operands);
    if (kind === "?") {
      t.pushCondition(`(${text})`, flags, mask);
      return;
    }
    const operand = t.pushText(type, kind === "~" ? `Math.fround(${text})` : text, null, flags | ownFlags, mask);
    operand.natural = kind === "+";
    if (kind === "~") operand.brief = text;
    // A sum that is no i32 stands for a negative one, which is an address as much out of bounds. Where
    // code is compiled, there is nothing to gain.
    else if (name === "i32.add" && t.interpreted && (operands[0].natural || operands[1].natural)) operand.brief = text.slice(1, -3);
  };
}

export const NUMERIC = Object.create(null);
for (const name of Object.keys(TEMPLATES)) NUMERIC[name] = fromTemplate(name, TEMPLATES[name]);

/** Wraps the handler of a binary i32 instruction: a case for a constant right operand. */
function withConstant(name, special) {
  const general = NUMERIC[name];
  NUMERIC[name] = (t) => {
    const right = t.stack[t.stack.length - 1];
    if (right.constant === undefined || !special(t, right.constant)) general(t);
  };
}

/** Pops the constant and the left operand and pushes a result made of the left one. */
function rewrite(t, text, natural) {
  t.pop();
  const left = t.pop();
  t.pushText(I32, text(left.text, left), null, left.flags, left.mask).natural = natural;
  return true;
}

withConstant("i32.shr_s", (t, count) => {
  const { natural } = t.stack[t.stack.length - 2];
  return rewrite(t, (left) => `(${left}>>${count & 31})`, natural);
});
withConstant("i32.shr_u", (t, count) => {
  const by = count & 31;
  return rewrite(t, (left) => (by === 0 ? left : `(${left}>>>${by})`), by > 0);
});
withConstant("i32.and", (t, bits) => rewrite(t, (left) => `(${left}&${bits})`, bits >= 0));
for (const [name, operator] of [["div", "/"], ["rem", "%"]]) {
  // Where nothing can trap.
  withConstant(`i32.${name}_s`, (t, by) => by !== 0 && by !== -1 && rewrite(t, (left) => `(${left}${operator}${by}|0)`, false));
  withConstant(`i32.${name}_u`, (t, by) =>
    by !== 0 && rewrite(t, (_, left) => `(${unsigned(left)}${operator}${by >>> 0}|0)`, by > 1));
}
// Below a power of two, or not, is a number whose bits from there on are zero, or not: fewer steps.
for (const [name, more, not] of [["i32.lt_u", 0, "!"], ["i32.gt_u", 1, ""]]) {
  withConstant(name, (t, bound) => {
    const by = Math.log2(bound + more);
    if (by % 1 !== 0 || !t.interpreted) return false;
    t.pop();
    const left = t.pop();
    t.pushCondition(`(${not}(${left.text}>>>${by}))`, left.flags, left.mask);
    return true;
  });
}
for (const [name, sign] of [["i32.rotl", 1], ["i32.rotr", -1]]) {
  withConstant(name, (t, count) => {
    const by = (sign * count) & 31;
    if (by === 0) return false;
    t.pop();
    const left = t.popAtom();
    t.pushText(I32, `(${left.text}<<${by}|${left.text}>>>${32 - by})`, null, left.flags, left.mask);
    return true;
  });
}
