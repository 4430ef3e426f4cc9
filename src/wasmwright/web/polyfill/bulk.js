// What the instructions on memories and tables as wholes do. Translated code calls these by name.
import { trap } from "./errors.js";

export const DROPPED_DATA = new Uint8Array(0);
export const DROPPED_ELEMENTS = Object.freeze([]);

function memoryTrap() {
  return trap("out of bounds memory access");
}

/** In the place of a byte that is outside of the memory. */
export function noByte() {
  throw trap("out of bounds memory access");
}

function tableTrap() {
  return trap("out of bounds table access");
}

export function memoryFill(bytes, to, byte, size) {
  const start = to >>> 0;
  const end = start + (size >>> 0);
  if (end > bytes.length) throw memoryTrap();
  bytes.fill(byte, start, end);
}

export function memoryCopy(target, source, to, from, size) {
  const count = size >>> 0;
  const start = from >>> 0;
  const place = to >>> 0;
  if (start + count > source.length || place + count > target.length) throw memoryTrap();
  if (target === source) target.copyWithin(place, start, start + count);
  else target.set(source.subarray(start, start + count), place);
}

/** Copies from a data segment. */
export function memoryInit(target, source, to, from, size) {
  memoryCopy(target, source, to, from, size);
}

export function tableGet(elements, index) {
  const element = elements[index];
  if (element === undefined && index >>> 0 >= elements.length) throw tableTrap();
  return element;
}

export function tableSet(elements, index, value) {
  if (index >>> 0 >= elements.length) throw tableTrap();
  elements[index] = value;
}

export function tableFill(elements, at, value, count) {
  const start = at >>> 0;
  const end = start + (count >>> 0);
  if (end > elements.length) throw tableTrap();
  elements.fill(value, start, end);
}

/** Copies from a table or an element segment. */
export function tableCopy(target, source, to, from, count) {
  const size = count >>> 0;
  const start = from >>> 0;
  const place = to >>> 0;
  if (start + size > source.length || place + size > target.length) throw tableTrap();
  if (target === source) target.copyWithin(place, start, start + size);
  else for (let index = 0; index < size; index++) target[place + index] = source[start + index];
}
