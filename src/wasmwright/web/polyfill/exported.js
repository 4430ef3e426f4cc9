// Functions across the border: the API's function for a function of WebAssembly, and what code calls
// for a function of the host. What makes them is kept by shape of function type; see shapes.js.
import { exportedFuncs, isUncrossable } from "./convert.js";
import { F32, F64, I32, I64 } from "./types.js";

/** A function type with all references alike: what a border function depends on. */
export function shapeOf(type) {
  const letter = (each) =>
    each === I32 ? "i" : each === I64 ? "l" : each === F32 ? "f" : each === F64 ? "d" : isUncrossable(each) ? "x" : "r";
  return `${type.params.map(letter).join("")}:${type.results.map(letter).join("")}`;
}

/** What makes functions, by shape. A module translated ahead of time brings its own. */
export const exportedShapes = Object.create(null);
export const hostShapes = Object.create(null);

/** What gives a maker that is not there yet, by kind and shape: set where source can be evaluated. */
let makeShape = (kind, shape) => {
  throw new TypeError(`WebAssembly: functions of the shape ${shape} were not translated ahead of time`);
};
export function setShapeMaker(maker) {
  makeShape = maker;
}

// By type, what makes the functions.
const exportedMakers = new Map();
const hostMakers = new Map();

function maker(kind, makers, shapes, type) {
  let make = makers.get(type);
  if (make === undefined) {
    const shape = shapeOf(type);
    if (shapes[shape] === undefined) shapes[shape] = makeShape(kind, shape);
    make = shapes[shape](type);
    makers.set(type, make);
  }
  return make;
}

/** The JavaScript function of a function: always the same. */
export function exportedFunction(func) {
  if (func.exported === null) {
    const value = maker("exported", exportedMakers, exportedShapes, func.type)(func);
    Object.defineProperty(value, "name", { value: func.name, configurable: true });
    exportedFuncs.set(value, func);
    func.exported = value;
  }
  return func.exported;
}

/** What code calls for a function of the host. */
export function hostCode(type, host) {
  return maker("host", hostMakers, hostShapes, type)(host);
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
