// What a module that was translated ahead of time needs when it runs; see ahead.js. There is no `eval`.
import { bitsOfFloat, copysign, ctz, divS, divU, doubleOfBits, floatOfBits, nearest, popcnt, remS, remU, rotl, truncS, truncSatS, truncSatU, truncU } from "./arithmetic.js";
import { DROPPED_DATA, DROPPED_ELEMENTS, memoryCopy, memoryFill, memoryInit, noByte, tableCopy, tableFill, tableGet, tableSet } from "./bulk.js";
import { callee, codeOf, nonNull, referred, referredFunc, tailCall, tailCaller, target } from "./calls.js";
import { fromReference, toReference } from "./convert.js";
import { decode } from "./decode.js";
import { fault, hostError, trap } from "./errors.js";
import { caught, raise, rethrow } from "./exceptions.js";
import { exportedFunction, exportedShapes, hostShapes, listOf } from "./exported.js";
import { OUT, VECTOR } from "./lanes.js";
import { bitsOfDouble, convertS64, convertU64, divS64, divU64, fromBigInt, high, remS64, remU64, rotl64, rotr64, toBigInt, truncS64, truncSatS64, truncSatU64, truncU64 } from "./int64.js";
import { readImports } from "./instance.js";
import { instantiateModule } from "./instantiate.js";

/**
 * What instantiates a module: from its bytes without the code (base64), its scope, and the makers of
 * border functions by shape.
 */
function aheadModule(base64, scope, exported, host) {
  Object.assign(exportedShapes, exported);
  Object.assign(hostShapes, host);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  const module = decode(bytes, false);
  module.linker = { enter: scope, link: (instance, index) => instance.scope(index) };
  return (imports) => instantiateModule(module, readImports(module, imports));
}
