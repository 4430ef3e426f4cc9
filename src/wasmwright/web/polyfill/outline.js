// Long functions in parts. Engines do not optimise functions beyond a length (V8: 61,440 bytes of its
// bytecode), and the loops of interpreters are longer. Statements of one block that follow each other
// become a function beside the rest, a part: `P3`. What it shares with the rest are variables of the
// function around both. A branch out of a part is a number that it returns.

/** Parts have at least so many characters; from so many on, statements become one in any case. */
const LEAST = 200;
const ENOUGH = 8000;
/** No part is longer, or has more ways out. A block from whose inside more lead out stays as it is. */
const MOST = 30000;
const WAYS_OUT = 16;
/** From how many characters on the ways out of a block are counted. */
const COUNTED = 1000;

const LEAVING = /(?:break|continue) L(\d*);|return([^;]*);/g;
const VARIABLE = /(?<![.\w$])(?:([ilhvwpqsdr])(\d+)|P(\d+)|(\$\d*))(?![\w$])/g;
const LOCAL = /(?<![.\w$])[xyzu]\d+(?![\w$])/g;

/** A part: its source, and the temporaries that it shares. */
class Part {
  constructor(source, shared) {
    this.source = source;
    this.shared = shared;
  }
}

/** Says that what follows in a block may become a part; all operands are in temporaries. */
export function beginPart(t, block) {
  block.from = t.out.length;
  block.fromHeight = t.height;
  block.counted = COUNTED;
}

/** Makes a part of the statements of a block since `beginPart`, where they are to be one. */
export function endPart(t, block) {
  if (!t.divides) return;
  let size = 0;
  for (let index = block.from; index < t.out.length; index++) size += t.out[index].length;
  // What can be part of something longer waits.
  const isDue = block.whole ? size >= LEAST : size >= ENOUGH;
  if (!isDue && size < block.counted) return;
  const text = t.out.slice(block.from).join("");
  const exits = exitsOf(text, block.label);
  block.counted = 2 * size;
  if (size > MOST || exits.size > WAYS_OUT) block.whole = true;
  else if (isDue) makePart(t, block, text, exits);
}

/** Puts a call of a part in the place of statements. */
function makePart(t, block, text, exits) {
  t.out.length = block.from;
  t.parts.push(new Part(...partSource(t, block, text, exits)));
  const at = t.parts.length - 1;
  t.statement(callOf(t, `(P${at}||part(${at}))()`, exits));
}

/** At the end of a block: what stays whole in it stays out of the parts of the block around it. */
export function leaveBlock(t, block, isMerged) {
  const around = t.blocks[t.blocks.length - 1];
  if (!block.whole) {
    around.counted = Math.max(around.counted, block.counted);
    return;
  }
  around.whole = true;
  if (isMerged) {
    around.from = block.from;
    around.fromHeight = block.fromHeight;
  } else {
    beginPart(t, around);
  }
}

/** The ways out of statements in the block of a label: statement to number. Those of returns are one. */
function exitsOf(text, label) {
  const exits = new Map();
  for (const [statement, number, value] of text.matchAll(LEAVING)) {
    if (number > label) continue;
    const way = value ? "return Q;" : statement;
    if (!exits.has(way)) exits.set(way, exits.size + 1);
  }
  return exits;
}

/** A part's source and the temporaries that it shares with the rest. */
function partSource(t, block, text, exits) {
  // Temporaries that are lower than these are set before or read behind the part.
  let height = Math.max(block.fromHeight, t.dead ? 0 : t.height);
  const source = text.replace(LEAVING, (statement, number, value) => {
    if (number > block.label) return statement;
    if (number) {
      const target = t.blocks[number];
      height = Math.max(height, target.height + target.taken.length);
    }
    return value ? `return Q=${value},${exits.get("return Q;")};` : `return ${exits.get(statement)};`;
  });
  const shared = new Set();
  const own = new Set();
  for (const [name, letter, at, part] of text.matchAll(VARIABLE)) {
    if (part) for (const each of t.parts[part].shared) shared.add(each);
    else if (letter && at < height) shared.add(name);
    else own.add(name);
  }
  const variables = [...own].filter((name) => !shared.has(name));
  return [`()=>{${variables.length > 0 ? `var ${variables};` : ""}${source}}`, shared];
}

/** The statement that calls a part and goes where it leaves to. */
function callOf(t, call, exits) {
  const ways = [...exits.keys()];
  if (ways.length === 0) return `${call};`;
  if (ways.length === 1) return t.dead ? `${call};${ways[0]}` : `if(${call})${ways[0]}`;
  const cases = ways.map((way, index) => (t.dead && index === ways.length - 1 ? `default:${way}` : `case ${index + 1}:${way}`));
  return `switch(${call}){${cases.join("")}}`;
}

/** The variables that parts share with the rest. */
export function sharedNames(parts) {
  const names = new Set();
  for (const { source, shared } of parts) {
    for (const name of shared) names.add(name);
    for (const [name] of source.matchAll(LOCAL)) names.add(name);
  }
  return names;
}

/**
 * The source of a function in parts. The functions and what they share are made once, and again where
 * the function is called while it runs.
 */
export function dividedSource(parts, shared, name, params, text) {
  const names = parts.map((_, index) => `P${index}`);
  const cases = parts.map(({ source }, index) => `case ${index}:return P${index}=${source};`);
  return `(()=>{const K=[];const make=()=>{var ${["Q", ...names, ...shared]};` +
    `const part=(n)=>{switch(n){${cases.join("")}}};return function${text};};` +
    `return function ${name}(${params}){const b=K.pop()||make();const r=b(${params});K.push(b);return r;};})()`;
}
