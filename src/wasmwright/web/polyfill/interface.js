// How Web IDL says that interfaces look: attributes and operations are enumerable, prototypes tagged.

/** Makes a class look as Web IDL has it; gives it back. */
export function defineInterface(constructor, name) {
  const { prototype } = constructor;
  Object.defineProperty(constructor, "name", { value: name, configurable: true });
  for (const owner of [constructor, prototype]) {
    for (const key of Object.getOwnPropertyNames(owner)) {
      const property = Object.getOwnPropertyDescriptor(owner, key);
      const isMember = typeof property.value === "function" || property.get !== undefined;
      if (isMember && key !== "constructor") Object.defineProperty(owner, key, { enumerable: true });
    }
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `WebAssembly.${name}`, configurable: true });
  return constructor;
}

/** The store that `object` stands for; TypeError where it is no such object. */
export function slotOf(stores, object, name) {
  const isObject = (typeof object === "object" && object !== null) || typeof object === "function";
  const store = isObject ? stores.get(object) : undefined;
  if (store === undefined) throw new TypeError(`receiver is not a WebAssembly.${name}`);
  return store;
}

/** A number as an unsigned integer of at most `most`, by Web IDL's [EnforceRange]. */
export function enforceRange(value, what, most = 4294967295) {
  const number = Number(value);
  if (typeof value === "bigint") throw new TypeError(`${what} must be a number`);
  const integer = Math.trunc(number);
  if (!(integer >= 0 && integer <= most)) throw new TypeError(`${what} must be convertible to a valid number`);
  return integer + 0;
}

/** A dictionary argument: undefined and null are empty ones where that is allowed. */
export function dictionary(value, what) {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") {
    throw new TypeError(`${what} must be an object`);
  }
  return value;
}

/** How many arguments there must be at least. */
export function requireArguments(given, count, what) {
  if (given < count) throw new TypeError(`${what}: at least ${count} argument${count > 1 ? "s" : ""} required, but only ${given} present`);
}

/** A copy of the bytes of a BufferSource. */
export function bytesOf(source, what) {
  let bytes;
  if (ArrayBuffer.isView(source)) bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  else if (isBuffer(source)) bytes = new Uint8Array(source);
  else throw new TypeError(`${what}: Argument 0 must be a buffer source`);
  return bytes.slice();
}

const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;

/** Whether a value is an ArrayBuffer, of whichever realm. */
function isBuffer(value) {
  try {
    byteLength.call(value);
    return true;
  } catch (error) {
    return false;
  }
}
