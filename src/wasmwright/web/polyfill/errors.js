// The error classes of the JavaScript API (section "Error objects") and what throws them.

/** An error class as ECMAScript makes its own: callable without `new`, no own toStringTag. */
function errorClass(name) {
  const constructor = {
    [name]: function (message, options) {
      const given = options === undefined ? [message] : [message, options];
      return Reflect.construct(Error, given, new.target || constructor);
    },
  }[name];
  Object.defineProperty(constructor, "length", { value: 1, configurable: true });
  Object.setPrototypeOf(constructor, Error);
  const hidden = (value) => ({ value, writable: true, enumerable: false, configurable: true });
  const prototype = Object.create(Error.prototype, {
    constructor: hidden(constructor),
    name: hidden(name),
    message: hidden(""),
  });
  Object.defineProperty(constructor, "prototype", {
    value: prototype,
    writable: false,
    enumerable: false,
    configurable: false,
  });
  return constructor;
}

/** A module is malformed, invalid, or uses what this library does not execute. */
export const CompileError = errorClass("CompileError");
/** A module cannot be instantiated with these imports. */
export const LinkError = errorClass("LinkError");
/** A trap. */
export const RuntimeError = errorClass("RuntimeError");

/** A compile error at an offset of the module's bytes. */
export function compileError(message, offset) {
  return new CompileError(`${message} @+0x${offset.toString(16)}`);
}

/** The compile error for a proposal that this library knows but does not execute. */
export function unsupported(feature, what, offset) {
  return compileError(`unsupported feature: ${feature} (${what})`, offset);
}

const traps = new WeakSet();
const hostErrors = new WeakSet();

/** A trap, to be thrown. */
export function trap(message) {
  const error = new RuntimeError(message);
  traps.add(error);
  return error;
}

/** Notes that an error came out of a host function, so that `fault` leaves it as it is. */
export function hostError(error) {
  if (error instanceof RangeError) hostErrors.add(error);
  return error;
}

/** Whether the engine has run out of stack. */
function isExhaustion(error) {
  return /stack|recursion/i.test(error.message) && (error instanceof RangeError || error.name === "InternalError");
}

/** Whether an error ends all WebAssembly code up to the host: it cannot be caught as an exception. */
export function isTrap(error) {
  if (!(error instanceof Error)) return false;
  return traps.has(error) || isExhaustion(error) || (error instanceof RangeError && !hostErrors.has(error));
}

/**
 * What leaves WebAssembly where code has thrown `error`: the RangeError of a view outside its buffer
 * is the trap of an access outside the memory; the engine's own error of an exhausted stack, traps,
 * exceptions and the host's errors go on as they are.
 */
export function fault(error) {
  if (!(error instanceof RangeError) || hostErrors.has(error) || isExhaustion(error)) return error;
  return trap("out of bounds memory access");
}
