// What instances share: memories, tables, globals, tags (section "Runtime Structure" of the core
// specification). The objects of the JavaScript API stand for these.
import { MAX_ALLOCATED_PAGES, MAX_TABLE_SIZE, PAGE_SIZE } from "./limits.js";

/** Makes a buffer unusable, as far as the engine lets us. */
function detach(buffer) {
  if (typeof buffer.transfer === "function") buffer.transfer();
  else if (typeof structuredClone === "function") structuredClone(buffer, { transfer: [buffer] });
}

export class MemoryStore {
  /** `min` and `max` in pages; throws RangeError where there is no room. */
  constructor(min, max) {
    if (min > MAX_ALLOCATED_PAGES) throw new RangeError("could not allocate memory");
    this.max = max;
    /** The API's object, and whether anyone has seen the buffer. */
    this.object = null;
    this.exposed = false;
    this.watchers = [];
    this.use(new ArrayBuffer(min * PAGE_SIZE));
  }

  use(buffer) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    for (const watcher of this.watchers) watcher(this);
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
    if (pages > (this.max === undefined ? MAX_ALLOCATED_PAGES : Math.min(this.max, MAX_ALLOCATED_PAGES))) return -1;
    if (delta === 0 && !this.exposed) return before;
    const old = this.buffer;
    let buffer;
    try {
      buffer = new ArrayBuffer(pages * PAGE_SIZE);
    } catch (error) {
      return -1;
    }
    new Uint8Array(buffer).set(this.bytes);
    if (this.exposed) detach(old);
    this.exposed = false;
    this.use(buffer);
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

/** A value as code holds it; `high` is the high half of an i64. */
export class GlobalStore {
  constructor(type, mutable, value, high) {
    this.type = type;
    this.mutable = mutable;
    this.object = null;
    this.value = value;
    this.high = high;
  }
}

export class TagStore {
  constructor(type) {
    this.type = type;
    this.object = null;
  }
}
