// Accesses to memory, as expressions and statements of generated code.
//
// Memory 0 is `M0` there, a view of its bytes, and `B0`, the bytes. A view's own check of bounds is the
// check of the access. Where the engine only interprets, each step of the code costs, and a typed array
// (`Int32s`) is read faster than a method is called; then there are arrays and bound methods of memory 0.
import { unsigned } from "./numeric.js";

/** The types of elements that are read and written, and their sizes in bytes. */
export const ELEMENTS = { Int8: 1, Uint8: 1, Int16: 2, Uint16: 2, Int32: 4, Float32: 4, Float64: 8, BigInt64: 8 };

/** The address of an access as an index of a view: exact, so that the view checks it. */
export function effectiveAddress(operand, offset) {
  if (operand.constant !== undefined) return `${(operand.constant >>> 0) + offset}`;
  // A negative number is an address of 2 GiB or more, which is as much out of bounds.
  if (offset === 0) return operand.brief || operand.text;
  return `${unsigned(operand)}+${offset}`;
}

/** The same where an access at a higher or equal address has been checked before. */
export function checkedAddress(operand, offset) {
  if (operand.constant !== undefined) return effectiveAddress(operand, offset);
  return offset === 0 ? operand.text : `${operand.text}+${offset}`;
}

/** A read of an element. */
export function read(t, { memory, align }, type, address) {
  if (t.compact && memory === 0) return `get${type}(${address})`;
  // A byte that is not there is undefined. Engines without a compiler are faster so than by a call.
  if (type === "Uint8") return `(B${memory}[${address}]??noByte())`;
  if (type === "Int8") return `((B${memory}[${address}]??noByte())<<24>>24)`;
  if (!t.interpreted || memory > 0) return `M${memory}.get${type}(${address},true)`;
  const size = ELEMENTS[type];
  if (1 << align < size) return `get${type}(${address},true)`;
  // What is not aligned is no index, and as undefined as what is outside.
  if (/^\w+$/.test(address)) return `(${type}s[${address}/${size}]??get${type}(${address},true))`;
  t.temporaries.add("A");
  return `(${type}s[(A=${address})/${size}]??get${type}(A,true))`;
}

/** The statement that writes an element. */
export function write(t, { memory }, type, address, value) {
  const ownCall = memory === 0 && (t.compact || t.interpreted);
  const endian = type === "Int8" || (ownCall && t.compact) ? "" : ",true";
  return `${ownCall ? "" : `M${memory}.`}set${type}(${address},${value}${endian});`;
}
