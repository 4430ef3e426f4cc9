// A cursor over a module's bytes: the values of the binary format (section "Values").
import { compileError, unsupported } from "./errors.js";
import { SIMD } from "./opcodes-simd.js";
import { EXNREF, EXTERNREF, FUNCREF, GC_HEAP_TYPES, I32, INDEXED, NOEXN, NOEXTERN, NOFUNC, NONNULL, SELF, V128 } from "./types.js";

/** The text of UTF-8; null where it is malformed. Not every engine has a TextDecoder. */
function decodeUtf8(bytes, start, end) {
  let text = "";
  for (let at = start; at < end; ) {
    const first = bytes[at++];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || at + more > end) return null;
    let code = first & (0x3f >> more);
    for (const last = at + more; at < last; at++) {
      if ((bytes[at] & 0xc0) !== 0x80) return null;
      code = (code << 6) | (bytes[at] & 0x3f);
    }
    if (code < [0, 0x80, 0x800, 0x10000][more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** Reads forward from `pos`, not past `end`. `types` are the function types that indices mean. */
export class Reader {
  constructor(bytes, pos, end, types) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
    this.types = types;
    this.high = 0;
    /** Whether this is a function type, which may refer to itself. */
    this.inType = false;
  }

  byte() {
    if (this.pos >= this.end) throw compileError("unexpected end", this.pos);
    return this.bytes[this.pos++];
  }

  /** Moves over `count` bytes; where they begin. */
  skip(count) {
    const start = this.pos;
    if (count > this.end - start) throw compileError("unexpected end of section or function: length out of bounds", start);
    this.pos = start + count;
    return start;
  }

  u32() {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last >= 0x80) throw compileError("integer representation too long", this.pos - 1);
    if (last > 0x0f) throw compileError("integer too large", this.pos - 1);
    return (value | (last << 28)) >>> 0;
  }

  /** An unsigned number of 64 bits, as the nearest JavaScript number. */
  u64() {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last >= 0x80) throw compileError("integer representation too long", this.pos - 1);
    if (last > 1) throw compileError("integer too large", this.pos - 1);
    return value + last * 2 ** 63;
  }

  s32() {
    const first = this.byte();
    if (first < 0x80) return (first << 25) >> 25;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    this.lastByte(this.byte(), 4);
    return value | (this.bytes[this.pos - 1] << 28);
  }

  /** Checks the byte that ends a signed number: below it all but `bits` bits repeat the sign. */
  lastByte(byte, bits) {
    if (byte >= 0x80) throw compileError("integer representation too long", this.pos - 1);
    const rest = byte >> (bits - 1);
    if (rest !== 0 && rest !== 0x7f >> (bits - 1)) throw compileError("integer too large", this.pos - 1);
  }

  /** A signed number of 33 bits. */
  s33() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
    const last = this.byte();
    this.lastByte(last, 5);
    return value + (last & 0x10 ? (last & 0x1f) - 0x20 : last & 0x0f) * 2 ** 28;
  }

  /** A signed number of 64 bits: the low half, with the high half in `high`. */
  s64() {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.byte();
      const part = byte & 0x7f;
      if (shift < 32) low |= part << shift;
      if (shift > 25) high |= shift < 32 ? part >> (32 - shift) : part << (shift - 32);
      if (byte < 0x80) {
        if (byte & 0x40) {
          const bits = shift + 7;
          if (bits < 32) low |= -1 << bits;
          high |= bits < 32 ? -1 : bits < 64 ? -1 << (bits - 32) : 0;
        }
        this.high = high;
        return low;
      }
    }
    const last = this.byte();
    this.lastByte(last, 1);
    this.high = high | (last << 31);
    return low;
  }

  /** A float's bits. */
  f32() {
    const at = this.skip(4);
    const { bytes } = this;
    return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  }

  /** A double's bits: the low half, with the high half in `high`. */
  f64() {
    const low = this.f32();
    this.high = this.f32();
    return low;
  }

  /** A name: UTF-8, strictly. */
  name() {
    const size = this.u32();
    const start = this.skip(size);
    const text = decodeUtf8(this.bytes, start, start + size);
    if (text === null) throw compileError("malformed UTF-8 encoding", start);
    return text;
  }

  /** How many entries follow, which take at least a byte each. */
  count(what, most) {
    const start = this.pos;
    const count = this.u32();
    if (count > most) throw compileError(`too many ${what}: ${count} exceed the limit of ${most}`, start);
    if (count > this.end - this.pos) throw compileError("unexpected end of section or function: length out of bounds", start);
    return count;
  }

  valueType() {
    const start = this.pos;
    const code = this.byte();
    if (code === V128 && !SIMD) throw unsupported("simd", "v128", start);
    if (code <= I32 && code >= V128) return code;
    this.pos = start;
    return this.referenceType();
  }

  referenceType() {
    const start = this.pos;
    const code = this.byte();
    if (code === 0x64) return this.heapType(false);
    if (code === 0x63) return this.heapType(true);
    this.pos = start;
    if (code < 0x40 || code >= 0x80) throw compileError("malformed reference type", start);
    return this.heapType(true);
  }

  /** The reference type of the heap type that follows. */
  heapType(nullable) {
    const start = this.pos;
    const code = this.s33();
    if (code >= 0) {
      return this.indexedType(code, start) + (nullable ? 1 : 0);
    }
    const heap = code & 0x7f;
    if (heap === FUNCREF || heap === EXTERNREF || heap === EXNREF || heap === NOFUNC || heap === NOEXTERN || heap === NOEXN) {
      return nullable ? heap : heap | NONNULL;
    }
    if (code >= -0x40 && GC_HEAP_TYPES[heap]) throw unsupported("gc", GC_HEAP_TYPES[heap], start);
    throw compileError("malformed reference type", start);
  }

  indexedType(index, start) {
    if (index === this.types.length && this.inType) return SELF;
    if (index >= this.types.length) throw compileError(`unknown type ${index}`, start);
    return INDEXED + 2 * this.types[index].id;
  }
}
