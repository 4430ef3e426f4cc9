// Value types and function types (core specification, section "Types").
//
// A value type is a number. Number, vector and nullable abstract reference types are their code in
// the binary format; NONNULL is added for references that are never null. A reference to a defined
// type is INDEXED + 2 × the type's id, + 1 where it may be null. BOT is the type of anything, in
// unreachable code. A function type is an object of which there is one for each type, in all modules.

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const NOEXN = 0x74;
export const NOFUNC = 0x73;
export const NOEXTERN = 0x72;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;
export const EXNREF = 0x69;
export const BOT = 0;
export const NONNULL = 0x100;
/** Some reference that is not null, in unreachable code. */
const BOTREF = NONNULL | 0xff;
export const INDEXED = 0x1000;

const TYPE_NAMES = {
  [BOT]: "bot",
  [I32]: "i32",
  [I64]: "i64",
  [F32]: "f32",
  [F64]: "f64",
  [V128]: "v128",
  [NOEXN]: "nullexnref",
  [NOFUNC]: "nullfuncref",
  [NOEXTERN]: "nullexternref",
  [FUNCREF]: "funcref",
  [EXTERNREF]: "externref",
  [EXNREF]: "exnref",
  [NOEXN | NONNULL]: "(ref noexn)",
  [NOFUNC | NONNULL]: "(ref nofunc)",
  [NOEXTERN | NONNULL]: "(ref noextern)",
  [FUNCREF | NONNULL]: "(ref func)",
  [EXTERNREF | NONNULL]: "(ref extern)",
  [EXNREF | NONNULL]: "(ref exn)",
  [BOTREF]: "(ref bot)",
};

/** The codes of abstract heap types that belong to the proposal for garbage collection. */
export const GC_HEAP_TYPES = { 0x71: "none", 0x6e: "any", 0x6d: "eq", 0x6c: "i31", 0x6b: "struct", 0x6a: "array" };

/** How many words (numbers, references) code holds a value of a type in. */
export function wordsOf(type) {
  return type === I64 ? 2 : type === V128 ? 4 : 1;
}

/** A value type as the text format writes it. */
export function typeName(type) {
  if (type < INDEXED) return TYPE_NAMES[type];
  return `(ref ${type & 1 ? "null " : ""}func#${(type - INDEXED) >> 1})`;
}

/** A list of value types, for messages. */
export function typeNames(types) {
  return `[${types.map(typeName).join(" ")}]`;
}

export function isReference(type) {
  return type > I32 || (type < V128 && type !== BOT);
}

export function isNullable(type) {
  return type >= INDEXED ? (type & 1) === 1 : (type & NONNULL) === 0;
}

export function asNonNull(type) {
  if (type >= INDEXED) return type & ~1;
  return type === BOT ? BOTREF : type | NONNULL;
}

export function asNullable(type) {
  return type >= INDEXED ? type | 1 : type & ~NONNULL;
}

/** Whether a local of this type has a value from the start. */
export function isDefaultable(type) {
  return !isReference(type) || isNullable(type);
}

/** Whether a reference's heap type is below the functions; the host's references. */
export function isFunctionReference(type) {
  const heap = asNullable(type);
  return heap >= INDEXED || heap === FUNCREF || heap === NOFUNC;
}
export function isExternReference(type) {
  const heap = asNullable(type);
  return heap === EXTERNREF || heap === NOEXTERN;
}

/** Whether a value of type `a` may stand where one of type `b` is wanted. */
export function matches(a, b) {
  if (a === b || a === BOT) return true;
  if (!isReference(a) || !isReference(b)) return false;
  if (isNullable(a) && !isNullable(b)) return false;
  if (a === BOTREF) return true;
  const from = asNullable(a);
  const to = asNullable(b);
  if (from === to) return true;
  if (to === FUNCREF) return isFunctionReference(from);
  if (to === EXTERNREF) return from === NOEXTERN;
  if (to === EXNREF) return from === NOEXN;
  return to >= INDEXED && from === NOFUNC;
}

/** Whether each type of a list matches its counterpart. */
export function allMatch(found, wanted) {
  return found.length === wanted.length && found.every((type, index) => matches(type, wanted[index]));
}

// All function types there are, by id and by content.
const functionTypes = [];
const functionTypeIds = new Map();

/** How a function type says its own id before it has one. */
export const SELF = -2;

/**
 * The function type with these parameters and results: the same object for the same type.
 * References to the type itself are `SELF`, or `SELF + 1` where they may be null.
 */
export function functionType(params, results) {
  const key = `${params}:${results}`;
  let id = functionTypeIds.get(key);
  if (id === undefined) {
    id = functionTypes.length;
    const own = (type) => (type < 0 ? INDEXED + 2 * id + (type - SELF) : type);
    functionTypes.push({ id, params: params.map(own), results: results.map(own) });
    functionTypeIds.set(key, id);
  }
  return functionTypes[id];
}

/** A function type, for messages. */
export function showFunctionType(type) {
  return `${typeNames(type.params)} -> ${typeNames(type.results)}`;
}
