// What instances share: memories, tables, globals, tags (section "Runtime Structure" of the core
// specification). The objects of the JavaScript API stand for these.
import { MAX_ALLOCATED_PAGES, MAX_TABLE_SIZE, PAGE_SIZE } from "./limits.js";

/** Makes a buffer unusable, as far as the engine lets us. */
function detach(buffer) {
  if (typeof buffer.transfer === "function") buffer.transfer();
  else if (typeof structuredClone === "function") structuredClone(buffer, { transfer: [buffer] });
}

/** A buffer for so many pages, with room for half as many more if it can be had; null if not. */
function roomyBuffer(pages, most) {
  for (const capacity of [Math.min(most, pages + (pages >>> 1) + 16), pages]) {
    try {
      return new ArrayBuffer(capacity * PAGE_SIZE);
    } catch (error) {
      // Without the room, then.
    }
  }
  return null;
}

/**
 * A memory. Programs grow theirs by a page at a time, so that the buffer has room to spare after the
 * first time: what is used of it is the length of `bytes` and `view`.
 */
export class MemoryStore {
  /** `min` and `max` in pages; throws RangeError where there is no room. */
  constructor(min, max) {
    if (min > MAX_ALLOCATED_PAGES) throw new RangeError("could not allocate memory");
    this.max = max;
    /** The API's object, and whether anyone has seen the buffer. */
    this.object = null;
    this.exposed = false;
    this.watchers = [];
    this.use(new ArrayBuffer(min * PAGE_SIZE), min * PAGE_SIZE);
  }

  use(buffer, size) {
    this.bytes = new Uint8Array(buffer, 0, size);
    this.view = new DataView(buffer, 0, size);
    for (const watcher of this.watchers) watcher(this);
  }

  /** The buffer as JavaScript sees it: of exactly the memory's size. */
  get buffer() {
    const { buffer, length } = this.bytes;
    if (buffer.byteLength !== length) {
      const exact = buffer.slice(0, length);
      this.use(exact, length);
    }
    this.exposed = true;
    return this.bytes.buffer;
  }

  /** Calls a function now and whenever there is a new buffer. */
  watch(watcher) {
    this.watchers.push(watcher);
    watcher(this);
  }

  get pages() {
    return this.bytes.length / PAGE_SIZE;
  }

  /** How many pages there were; -1 where there can be no more. */
  grow(delta) {
    const before = this.pages;
    const pages = before + delta;
    const most = this.max === undefined ? MAX_ALLOCATED_PAGES : Math.min(this.max, MAX_ALLOCATED_PAGES);
    if (pages > most) return -1;
    if (delta === 0 && !this.exposed) return before;
    let { buffer } = this.bytes;
    if (this.exposed || pages * PAGE_SIZE > buffer.byteLength) {
      buffer = roomyBuffer(pages, most);
      if (buffer === null) return -1;
      new Uint8Array(buffer).set(this.bytes);
      // What JavaScript has seen is of no use from now on.
      if (this.exposed) detach(this.bytes.buffer);
      this.exposed = false;
    }
    this.use(buffer, pages * PAGE_SIZE);
    return before;
  }
}

export class TableStore {
  constructor(type, min, max, value) {
    if (min > MAX_TABLE_SIZE) throw new RangeError("could not allocate table");
    this.type = type;
    this.max = max;
    this.object = null;
    /** Always the same array: translated code holds it. */
    this.elements = [];
    this.extend(min, value);
  }

  extend(count, value) {
    // Pushed one by one, so that the array has no holes.
    for (let left = count; left > 0; left--) this.elements.push(value);
  }

  /** How many elements there were; -1 where there can be no more. */
  grow(delta, value) {
    const before = this.elements.length;
    const size = before + delta;
    if (size > MAX_TABLE_SIZE || size > this.max) return -1;
    this.extend(delta, value);
    return before;
  }
}

/** A value as code holds it; `high` is the high half of an i64, or with the last two words of a v128. */
export class GlobalStore {
  constructor(type, mutable, value, high, third = 0, fourth = 0) {
    this.type = type;
    this.mutable = mutable;
    this.object = null;
    this.value = value;
    this.high = high;
    this.third = third;
    this.fourth = fourth;
  }
}

export class TagStore {
  constructor(type) {
    this.type = type;
    this.object = null;
  }
}
