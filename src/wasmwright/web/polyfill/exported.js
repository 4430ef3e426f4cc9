// Functions across the border. For each shape of function type there is one JavaScript function that
// makes the API's functions of it, and one that makes what code calls for a function of the host.
// They are source, evaluated on first use, or made part of a module that is translated ahead of time.
import { exportedFuncs, isUncrossable } from "./convert.js";
import { evaluate } from "./evaluate.js";
import { F32, F64, I32, I64 } from "./types.js";

/** A function type with all references alike: what a border function depends on. */
export function shapeOf(type) {
  const letter = (each) =>
    each === I32 ? "i" : each === I64 ? "l" : each === F32 ? "f" : each === F64 ? "d" : isUncrossable(each) ? "x" : "r";
  return `${type.params.map(letter).join("")}:${type.results.map(letter).join("")}`;
}

/** The expression of a JavaScript value as code's, for a letter of a shape. */
function inward(letter, text, type) {
  return { i: `${text}|0`, l: `fromBigInt(${text})`, f: `Math.fround(${text})`, d: `+${text}`, r: `toReference(${text},${type})` }[letter];
}

/** The expression of code's value as JavaScript's. */
function outward(letter, text, upper, type) {
  return { l: `toBigInt(${text},${upper})`, r: `fromReference(${text},${type},exportedFunction)` }[letter] || text;
}

const REFUSAL = "throw new TypeError(\"WebAssembly: a type of this function cannot cross to JavaScript\");";

/** The source of what makes the API's functions: `(type) => (func) => (a0, a1 …) => …`. */
export function exportedSource(shape) {
  const [params, results] = shape.split(":");
  const names = [...params].map((_, index) => `a${index}`);
  if (shape.includes("x")) return `(type)=>(func)=>(${names})=>{${REFUSAL}}`;
  let conversions = "";
  const given = [];
  [...params].forEach((letter, index) => {
    conversions += `const b${index}=${inward(letter, `a${index}`, `type.params[${index}]`)};`;
    given.push(`b${index}`);
    if (letter === "l") {
      conversions += `const c${index}=high;`;
      given.push(`c${index}`);
    }
  });
  const call = `(func.code===undefined?codeOf(func):func.code)(${given})`;
  let body;
  if (results.length === 0) {
    body = `${call};`;
  } else if (results.length === 1) {
    body = results === "l" ? `const r=${call};return toBigInt(r,high);` : `return ${outward(results, call, "", "type.results[0]")};`;
  } else {
    let at = 0;
    const values = [...results].map((letter, index) => {
      const text = outward(letter, `r[${at}]`, `r[${at + 1}]`, `type.results[${index}]`);
      at += letter === "l" ? 2 : 1;
      return text;
    });
    body = `const r=${call};return [${values}];`;
  }
  return `(type)=>(func)=>(${names})=>{${conversions}try{${body}}catch(e){throw fault(e);}}`;
}

/** The source of what makes code's functions: `(type) => (host) => (x0, x1, y1 …) => …`. */
export function hostSource(shape) {
  const [params, results] = shape.split(":");
  const names = [];
  const given = [];
  [...params].forEach((letter, index) => {
    names.push(`x${index}`);
    if (letter === "l") names.push(`y${index}`);
    given.push(outward(letter, `x${index}`, `y${index}`, `type.params[${index}]`));
  });
  const call = `host(${given})`;
  let body;
  if (shape.includes("x")) {
    body = REFUSAL;
  } else if (results.length === 0) {
    body = `${call};`;
  } else if (results.length === 1) {
    body = `return ${inward(results, call, "type.results[0]")};`;
  } else {
    const values = [...results].map((letter, index) => {
      const text = inward(letter, `r[${index}]`, `type.results[${index}]`);
      return letter === "l" ? `${text},high` : text;
    });
    body = `const r=listOf(${call},${results.length});return [${values}];`;
  }
  return `(type)=>(host)=>(${names})=>{try{${body}}catch(e){throw hostError(e);}}`;
}

/** What the sources have become, by shape. A module translated ahead of time brings its own. */
export const exportedShapes = Object.create(null);
export const hostShapes = Object.create(null);

// By type, what makes the functions.
const exportedMakers = new Map();
const hostMakers = new Map();

function maker(makers, shapes, source, type) {
  let make = makers.get(type);
  if (make === undefined) {
    const shape = shapeOf(type);
    if (shapes[shape] === undefined) shapes[shape] = evaluate(source(shape));
    make = shapes[shape](type);
    makers.set(type, make);
  }
  return make;
}

/** The JavaScript function of a function: always the same. */
export function exportedFunction(func) {
  if (func.exported === null) {
    const value = maker(exportedMakers, exportedShapes, exportedSource, func.type)(func);
    Object.defineProperty(value, "name", { value: func.name, configurable: true });
    exportedFuncs.set(value, func);
    func.exported = value;
  }
  return func.exported;
}

/** What code calls for a function of the host. */
export function hostCode(type, host) {
  return maker(hostMakers, hostShapes, hostSource, type)(host);
}

/** The values of an iterable, which there must be so many of. */
export function listOf(iterable, count) {
  if (iterable === null || (typeof iterable !== "object" && typeof iterable !== "function")) {
    throw new TypeError("WebAssembly: a function with several results must return an iterable");
  }
  const values = [...iterable];
  if (values.length !== count) throw new TypeError(`WebAssembly: the function must return ${count} values, not ${values.length}`);
  return values;
}
