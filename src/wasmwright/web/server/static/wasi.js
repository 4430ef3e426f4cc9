// WASI preview 1 for a program in a worker: arguments, standard streams, clocks, random numbers.
// There are no files: what asks for them is told so.
"use strict";

const WASI = { SUCCESS: 0, BADF: 8, INVAL: 28, NOSYS: 52, SPIPE: 70 };

/** What a program throws to end itself. */
class WasiExit {
  constructor(code) {
    this.code = code;
  }
}

/** The imports of `wasi_snapshot_preview1`; `write(fd, bytes)` takes output, `memory()` gives it. */
function wasiImports({ args, stdin, write, memory }) {
  const encode = (text) => new TextEncoder().encode(text);
  const view = () => new DataView(memory().buffer);
  const bytes = (at, length) => new Uint8Array(memory().buffer, at, length);
  const strings = (list) => list.map((text) => encode(`${text}\0`));
  const given = strings(args);
  const environment = [];
  let input = encode(stdin);

  const sizes = (list) => (count, length) => {
    view().setUint32(count, list.length, true);
    view().setUint32(length, list.reduce((sum, each) => sum + each.length, 0), true);
    return WASI.SUCCESS;
  };
  const get = (list) => (pointers, buffer) => {
    list.forEach((each, index) => {
      view().setUint32(pointers + 4 * index, buffer, true);
      bytes(buffer, each.length).set(each);
      buffer += each.length;
    });
    return WASI.SUCCESS;
  };
  const vectors = (at, count) => {
    const found = [];
    for (let index = 0; index < count; index++) {
      found.push(bytes(view().getUint32(at + 8 * index, true), view().getUint32(at + 8 * index + 4, true)));
    }
    return found;
  };
  const now = (clock) => BigInt(Math.round((clock === 0 ? performance.timeOrigin + performance.now() : performance.now()) * 1e6));

  const functions = {
    args_sizes_get: sizes(given),
    args_get: get(given),
    environ_sizes_get: sizes(environment),
    environ_get: get(environment),
    clock_res_get(clock, result) {
      view().setBigUint64(result, 1000n, true);
      return WASI.SUCCESS;
    },
    clock_time_get(clock, precision, result) {
      view().setBigUint64(result, now(clock), true);
      return WASI.SUCCESS;
    },
    random_get(buffer, length) {
      for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes(buffer + at, Math.min(65536, length - at)));
      return WASI.SUCCESS;
    },
    fd_write(fd, list, count, result) {
      if (fd !== 1 && fd !== 2) return WASI.BADF;
      let written = 0;
      for (const part of vectors(list, count)) {
        write(fd, part.slice());
        written += part.length;
      }
      view().setUint32(result, written, true);
      return WASI.SUCCESS;
    },
    fd_read(fd, list, count, result) {
      if (fd !== 0) return WASI.BADF;
      let read = 0;
      for (const part of vectors(list, count)) {
        const taken = input.subarray(0, part.length);
        part.set(taken);
        input = input.subarray(taken.length);
        read += taken.length;
      }
      view().setUint32(result, read, true);
      return WASI.SUCCESS;
    },
    fd_fdstat_get(fd, result) {
      if (fd > 2) return WASI.BADF;
      bytes(result, 24).fill(0);
      view().setUint8(result, 2); // a character device
      view().setBigUint64(result + 8, fd === 0 ? 2n : 64n, true); // fd_read, fd_write
      return WASI.SUCCESS;
    },
    fd_filestat_get(fd, result) {
      if (fd > 2) return WASI.BADF;
      bytes(result, 64).fill(0);
      view().setUint8(result + 16, 2);
      return WASI.SUCCESS;
    },
    fd_seek: (fd) => (fd > 2 ? WASI.BADF : WASI.SPIPE),
    fd_close: (fd) => (fd > 2 ? WASI.BADF : WASI.SUCCESS),
    fd_prestat_get: () => WASI.BADF,
    fd_prestat_dir_name: () => WASI.BADF,
    sched_yield: () => WASI.SUCCESS,
    proc_exit(code) {
      throw new WasiExit(code);
    },
  };
  // Everything else is there, and says that it is not.
  return new Proxy(functions, {
    get: (known, name) => (Object.prototype.hasOwnProperty.call(known, name) ? known[name] : () => (String(name).startsWith("path_") ? WASI.BADF : WASI.NOSYS)),
    has: () => true,
  });
}
