// What the control instructions become, by mnemonic: labelled blocks and loops, `if`, `switch`, `try`.
//
// A block's results are in the temporaries of the heights at which they are pushed. A label that
// nothing branches to leaves no trace.
import { readCatches, SLOT_OF } from "./instructions.js";
import { ACTS, EFFECTS, localNames, READS, together, TRAPS } from "./operands.js";
import { beginPart, endPart, leaveBlock } from "./outline.js";
import { readBlockType } from "./rules.js";
import { EXNREF, I32, I64, V128, wordsOf } from "./types.js";

export const STRUCTURE = Object.create(null);

/** An open block of the function that is translated. */
export class Block {
  constructor(slot, type, height, label, start) {
    this.slot = slot;
    this.params = type.params;
    this.results = type.results;
    /** How many operands wait below its own. */
    this.height = height;
    this.label = label;
    /** The statement that begins it, to which a label is added where it has a use. */
    this.start = start;
    this.used = false;
    /** Whether its end is reached other than by a branch. */
    this.reached = false;
    /** The handlers of a try_table. */
    this.clauses = null;
    /** The parameters of an `if`, for its other branch. */
    this.saved = null;
    /** From which statement on, and from which height, it may be divided; whether it can't be (outline.js). */
    this.from = 0;
    this.fromHeight = 0;
    this.counted = 0;
    this.whole = false;
  }

  /** The types that a branch to it takes. */
  get taken() {
    return this.slot === SLOT_OF.loop ? this.params : this.results;
  }
}

function open(t, type, statement) {
  const block = new Block(t.slot, type, t.height - type.params.length, t.blocks.length, t.out.length);
  t.statement(statement);
  t.blocks.push(block);
  beginPart(t, block);
  return block;
}

STRUCTURE.nop = () => {};
STRUCTURE.unreachable = (t) => {
  t.settleEffects();
  t.statement("throw trap(\"unreachable\");");
  t.dead = true;
};

STRUCTURE.block = (t, reader) => {
  t.settleAll();
  open(t, readBlockType(reader), "");
};

STRUCTURE.loop = (t, reader) => {
  const type = readBlockType(reader);
  t.settleAll();
  // Parameters are variables, set again by branches.
  for (let index = t.height - type.params.length; index < t.height; index++) t.settle(index);
  open(t, type, "");
};

STRUCTURE.if = (t, reader) => {
  const type = readBlockType(reader);
  const condition = t.popConditionAfter();
  open(t, type, `if(${condition}){`).saved = t.stack.slice(t.height - type.params.length);
};

STRUCTURE.else = (t) => {
  const block = t.blocks[t.blocks.length - 1];
  otherwise(t, block);
  block.slot = SLOT_OF.else;
};

/** Ends the first branch of an `if` and begins the second. */
function otherwise(t, block) {
  t.finishBranch(block);
  endPart(t, block);
  t.statement("}else{");
  t.stack.length = block.height;
  t.stack.push(...block.saved);
  t.dead = false;
  beginPart(t, block);
}

STRUCTURE.try_table = (t, reader) => {
  const type = readBlockType(reader);
  const clauses = readCatches(reader);
  t.settleAll();
  const block = open(t, type, "try{");
  block.clauses = clauses;
};

STRUCTURE.end = (t) => {
  const block = t.blocks[t.blocks.length - 1];
  const label = `L${block.label}:`;
  if (t.blocks.length === 1) {
    if (!t.dead) t.returnResults();
    t.blocks.pop();
    return;
  }
  const isLoop = block.slot === SLOT_OF.loop;
  const isPlain = block.slot === SLOT_OF.block;
  if (isPlain && !block.used) {
    // Nothing branches here: what the block leaves stays as it is.
    t.blocks.pop();
    leaveBlock(t, block, true);
    return;
  }
  if (isLoop) {
    if (block.used) {
      t.out[block.start] = `${label}for(;;){`;
      if (!t.dead) t.settleResults(block);
      endPart(t, block);
      if (!t.dead) leaveLoop(t, `)continue L${block.label};`);
      t.statement("}");
    }
    t.blocks.pop();
    leaveBlock(t, block, !block.used);
    return;
  }
  if (block.slot === SLOT_OF.if) {
    // Without an else the parameters are the results.
    if (block.results.length > 0) otherwise(t, block);
    block.reached = true;
  }
  t.finishBranch(block);
  endPart(t, block);
  t.blocks.pop();
  t.stack.length = block.height;
  if (block.clauses !== null) handlers(t, block);
  else if (isPlain) t.out[block.start] = `${label}{`;
  else if (block.used) t.out[block.start] = label + t.out[block.start];
  if (block.clauses === null) t.statement("}");
  else if (block.used) t.out[block.start] = label + t.out[block.start];
  t.dead = !(block.reached || block.used);
  if (!t.dead) for (const type of block.results) t.pushTemporary(type);
  leaveBlock(t, block, false);
};

/** Leaves a loop at its end; for an interpreter with the branch before, if that goes around in it. */
function leaveLoop(t, around) {
  const last = t.out[t.out.length - 1];
  if (t.interpreted && last.startsWith("if(") && last.endsWith(around)) t.out[t.out.length - 1] = `if(!${last.slice(2, 1 - around.length)})break;`;
  else t.statement("break;");
}

/** The handlers of a try_table, whose branches leave blocks outside of it. */
function handlers(t, block) {
  const error = `e${block.label}`;
  t.statement(`}catch(${error}){${error}=caught(${error});`);
  for (const { kind, tag, label } of block.clauses) {
    if (kind < 2) t.statement(`if(${error}.tag===E.tags[${tag}]){`);
    else t.statement("{");
    let at = 0;
    for (const type of kind < 2 ? t.module.tags[tag].params : []) {
      const words = Array.from({ length: wordsOf(type) }, (_, word) => `${error}.values[${at + word}]`);
      if (type === V128) t.pushWords(words, 0, 0);
      else t.pushText(type, words[0], words[1] || null, 0, 0);
      at += words.length;
    }
    if (kind & 1) t.pushText(EXNREF, error, null, 0, 0);
    t.branch(label);
    t.stack.length = block.height;
    t.statement("}");
  }
  t.statement(`throw rethrow(${error});}`);
}

STRUCTURE.br = (t, reader) => {
  const depth = reader.u32();
  t.settleEffects();
  t.branch(depth);
  t.dead = true;
};

STRUCTURE.br_if = (t, reader) => {
  const depth = reader.u32();
  conditionalBranch(t, depth, t.popAfter().truth);
};

function conditionalBranch(t, depth, condition) {
  if (t.blocks[t.blocks.length - 1 - depth].taken.length === 0) {
    t.statement(`if(${condition})${t.jump(depth)}`);
    return;
  }
  t.statement(`if(${condition}){`);
  t.branch(depth);
  t.statement("}");
}

STRUCTURE.br_table = (t, reader) => {
  const depths = [];
  for (let count = reader.u32(); count > 0; count--) depths.push(reader.u32());
  const last = reader.u32();
  const operand = t.popAfter();
  if (depths.length === 0) {
    if (operand.flags & (TRAPS | ACTS)) t.statement(`${operand.text};`);
    t.branch(last);
    t.dead = true;
    return;
  }
  const cases = new Map();
  depths.forEach((depth, index) => {
    if (depth === last) return;
    if (!cases.has(depth)) cases.set(depth, []);
    cases.get(depth).push(`case ${index}:`);
  });
  t.statement(`switch(${operand.text}){`);
  for (const [depth, texts] of cases) {
    t.statement(texts.join(""));
    t.branch(depth);
  }
  t.statement("default:");
  t.branch(last);
  t.statement("}");
  t.dead = true;
};

STRUCTURE.return = (t) => {
  t.settleEffects();
  t.returnResults();
  t.dead = true;
};

STRUCTURE.br_on_null = (t, reader) => {
  const depth = reader.u32();
  if (!t.stack[t.height - 1].atom) t.settle(t.height - 1);
  const operand = t.popAfter();
  conditionalBranch(t, depth, `${operand.text}===null`);
  t.stack.push(operand);
};

STRUCTURE.br_on_non_null = (t, reader) => {
  const depth = reader.u32();
  t.settleAll();
  const reference = t.stack[t.height - 1];
  t.statement(`if(${reference.text}!==null){`);
  t.branch(depth);
  t.statement("}");
  t.pop();
};

// Calls

/** The expressions of a call's arguments, taken from the stack. */
function takeArguments(t, type) {
  return t.popSome(type.params.length).flatMap((operand) => operand.words).join();
}

/** The results of a call that is an expression. */
function pushCall(t, type, call, mask) {
  const { results } = type;
  if (results.length === 0) {
    t.statement(`${call};`);
  } else if (results.length === 1 && wordsOf(results[0]) === 1) {
    const typed = results[0] === I32 && !t.interpreted ? `(${call}|0)` : call;
    t.pushText(results[0], typed, null, ACTS | READS | TRAPS, mask);
  } else if (results.length === 1 && results[0] === I64) {
    const [low, high] = t.next(I64);
    t.statement(`${low}=${call}|0;${high}=high|0;`);
    t.pushTemporary(I64);
  } else {
    t.statement(`$=${call};`);
    let at = 0;
    for (const result of results) {
      for (const name of t.next(result)) t.statement(`${name}=$[${at++}];`);
      t.pushTemporary(result);
    }
  }
}

STRUCTURE.call = (t, reader) => {
  const index = reader.u32();
  const type = t.module.funcs[index];
  const { mask } = together(t.stack.slice(t.height - type.params.length));
  const given = takeArguments(t, type);
  t.settleEffects();
  pushCall(t, type, `${t.callee(index)}(${given})`, mask);
};

/** An indirect call: the function is found after the arguments are evaluated, before it is called. */
function indirect(t, type, expression) {
  const { mask } = together(t.stack.slice(t.height - type.params.length - 1));
  const target = t.stack[t.height - 1];
  // Arguments that act are evaluated before the table is read.
  for (let index = t.height - 1 - type.params.length; index < t.height - 1; index++) {
    if (t.stack[index].flags & EFFECTS) t.settle(index);
  }
  t.pop();
  const given = takeArguments(t, type);
  t.settleEffects();
  pushCall(t, type, `${expression(target.text)}(${given})`, mask);
}

STRUCTURE.call_indirect = (t, reader) => {
  const type = reader.types[reader.u32()];
  const table = reader.u32();
  indirect(t, type, (target) => `callee(T${table},${target},${t.typeId(type)})`);
};
STRUCTURE.call_ref = (t, reader) => {
  const type = reader.types[reader.u32()];
  indirect(t, type, (target) => `referred(${target})`);
};

/** A tail call: what to call next is left to the function that called this one. */
function leaveCall(t, type, count, target) {
  t.settleEffects();
  for (let index = t.height - count; index < t.height; index++) t.settle(index);
  const next = target();
  const given = takeArguments(t, type);
  t.tails = true;
  t.statement(`return tailCall(${next},[${given}]);`);
  t.dead = true;
}

STRUCTURE.return_call = (t, reader) => {
  const index = reader.u32();
  const type = t.module.funcs[index];
  if (index === t.index) {
    callSelf(t, type);
    return;
  }
  leaveCall(t, type, type.params.length, () => `E.func(${index})`);
};

/** A function that calls itself last begins again. */
function callSelf(t, type) {
  const first = t.height - type.params.length;
  for (let index = first; index < t.height; index++) t.settle(index);
  t.popSome(type.params.length).forEach((operand, index) => {
    t.assignWords(localNames(type.params[index], index), operand.words);
  });
  t.restarts = true;
  t.statement("continue L;");
  t.dead = true;
}

STRUCTURE.return_call_indirect = (t, reader) => {
  const type = reader.types[reader.u32()];
  const table = reader.u32();
  leaveCall(t, type, type.params.length + 1, () => `target(T${table},${t.pop().text},${t.typeId(type)})`);
};
STRUCTURE.return_call_ref = (t, reader) => {
  const type = reader.types[reader.u32()];
  leaveCall(t, type, type.params.length + 1, () => `referredFunc(${t.pop().text})`);
};

// Exceptions

STRUCTURE.throw = (t, reader) => {
  const tag = reader.u32();
  t.settleEffects();
  const given = takeArguments(t, t.module.tags[tag]);
  t.statement(`throw raise(E.tags[${tag}],[${given}]);`);
  t.dead = true;
};
STRUCTURE.throw_ref = (t) => {
  const operand = t.pop();
  t.settleEffects();
  t.statement(`throw rethrow(${operand.text});`);
  t.dead = true;
};
