// Values between JavaScript and WebAssembly: ToWebAssemblyValue and ToJSValue of the JavaScript API.
import { Func } from "./calls.js";
import { fromBigInt, high, toBigInt } from "./int64.js";
import {
  EXTERNREF,
  F32,
  F64,
  I32,
  I64,
  INDEXED,
  isExternReference,
  isFunctionReference,
  isNullable,
  matches,
  NONNULL,
  typeName,
} from "./types.js";

/** The functions that JavaScript functions of the API stand for. */
export const exportedFuncs = new WeakMap();

/** The Func of a function that WebAssembly has exported; undefined for others. */
export function funcOf(value) {
  return typeof value === "function" ? exportedFuncs.get(value) : undefined;
}

function notConvertibleTo(type) {
  return new TypeError(`WebAssembly: the value cannot be converted to ${typeName(type)}`);
}

/** The reference that a value is. */
export function toReference(value, type) {
  if (value === null) {
    if (isNullable(type)) return null;
  } else if (isExternReference(type)) {
    if (matches(EXTERNREF | NONNULL, type)) return value;
  } else if (isFunctionReference(type)) {
    const func = funcOf(value);
    if (func !== undefined && matches(INDEXED + 2 * func.type.id, type)) return func;
  }
  throw notConvertibleTo(type);
}

/** What a reference is in JavaScript; functions are made by `exported`, see exported.js. */
export function fromReference(value, type, exported) {
  if (value === null || isExternReference(type)) return value;
  if (value instanceof Func) return exported(value);
  throw new TypeError(`WebAssembly: a value of type ${typeName(type)} cannot be seen by JavaScript`);
}

/** Whether JavaScript can neither give nor get values of this type. */
export function isUncrossable(type) {
  return !(type === I32 || type === I64 || type === F32 || type === F64 || isExternReference(type) || isFunctionReference(type));
}

/** The value of a type as code holds it: the value, or the low half with the high half in `high`. */
export function toValue(value, type) {
  switch (type) {
    case I32:
      return value | 0;
    case I64:
      return fromBigInt(value);
    case F32:
      return Math.fround(value);
    case F64:
      return +value;
    default:
      return toReference(value, type);
  }
}

/** The JavaScript value of what code holds. */
export function fromValue(value, upper, type, exported) {
  switch (type) {
    case I32:
    case F32:
    case F64:
      return value;
    case I64:
      return toBigInt(value, upper);
    default:
      return fromReference(value, type, exported);
  }
}

/** The default value of a type: zero or null; undefined where there is none, as for JavaScript's own. */
export function defaultValue(type) {
  if (type === EXTERNREF) return undefined;
  return type === I64 ? 0n : type === I32 || type === F32 || type === F64 ? 0 : null;
}

/** Sets a global. */
export function setGlobal(global, value) {
  const low = toValue(value, global.type);
  global.value = low;
  global.high = global.type === I64 ? high : 0;
}
