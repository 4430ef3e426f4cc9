// A module's text: sections with their items, functions whose bodies come when they are unfolded.
import { ask, h, size } from "./dom.js";
import { paint } from "./highlight.js";
import { dot, sectionName } from "./sizes.js";

const ORDER = [0, 1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
const TITLES = { 0: "Module", 1: "Types", 2: "Imports", 4: "Tables", 5: "Memories", 13: "Tags", 6: "Globals", 7: "Exports", 8: "Start", 9: "Elements", 10: "Code", 11: "Data", 12: "Data count" };
const LINE = /^(?:\(;@([\da-f]+) *;\)| {11})( *)(.*)$/;
const CHUNK = 500; // rows that a browser lays out, or leaves alone, together
const AT_ONCE = 3000; // lines of a body that are shown before the browser may breathe

/** A line of the printer: its offset in the binary or null, how deep it is, its text. */
export function parseLine(line) {
  const match = LINE.exec(line);
  if (match === null) return { offset: null, depth: 0, text: line };
  return { offset: match[1] === undefined ? null : match[1], depth: match[2].length, text: match[3] };
}

/** A function's name for people: its id in the text, or its number. */
export function functionLabel([index, head]) {
  const match = /^\(func (\$(?:"(?:[^"\\]|\\.)*"|[^\s()]+))/.exec(head);
  return match ? match[1] : `func ${index}`;
}

export class Listing {
  /** Shows `outline` in `container`; `fold` has operands in the parentheses of what takes them. */
  constructor(container, outline, fold) {
    this.outline = outline;
    this.fold = fold;
    this.container = container;
    this.rows = new Map(); // index -> the <details> of a function
    this.ids = new Map(); // $id -> index of a function
    this.link = this.link.bind(this);
    for (const entry of outline.functions) {
      const label = functionLabel(entry);
      if (label.startsWith("$")) this.ids.set(label, entry[0]);
    }
    for (const item of (outline.items[2] || { shown: [] }).shown) {
      const match = /\(func (\$(?:"(?:[^"\\]|\\.)*"|[^\s()]+))?\s?\(;(\d+);\)/.exec(item.text);
      if (match && match[1]) this.ids.set(match[1], Number(match[2]));
    }
    this.imported = outline.functions.length ? outline.functions[0][0] : 0;
    container.replaceChildren(...ORDER.flatMap((id) => this.section(id)));
  }

  section(id) {
    const parts = [];
    if (id === 10 && this.outline.functions.length) parts.push(...this.functions());
    const items = this.outline.items[id];
    if (items) parts.push(...this.items(id, items));
    if (!parts.length) return [];
    const bytes = this.outline.sections.filter((each) => each.id === id && id !== 0).reduce((sum, each) => sum + each.size, 0);
    const title = h("h2", {}, dot(id), TITLES[id] || sectionName({ id, name: String(id) }), bytes ? h("span.quiet", {}, size(bytes)) : null);
    return [h("section.sect", { id: `section-${id}` }, title, ...parts)];
  }

  items(id, { count, shown }) {
    const rows = shown.map((item, number) => {
      const row = h("div.item", {});
      this.lines(row, item.text.split("\n").map(parseLine), null);
      if (item.long) {
        const more = h("button.more", { type: "button" }, "Show more of it");
        more.addEventListener("click", async () => {
          more.disabled = true;
          const text = await (await ask(`module/${this.outline.id}/item/${id}/${number}`)).text();
          row.replaceChildren();
          this.lines(row, text.split("\n").map(parseLine), null);
        });
        row.append(more);
      }
      return row;
    });
    const chunks = chunked(rows);
    if (count > shown.length) chunks.push(h("p.loading", {}, `… and ${count - shown.length} more`));
    return chunks;
  }

  functions() {
    return chunked(this.outline.functions.map((entry) => this.functionRow(entry)));
  }

  functionRow(entry) {
    const [index, head, start, end, exported] = entry;
    const text = h("code.tx", {});
    paint(text, head);
    const anchor = `wasm-function[${index}]`;
    const meta = h("span.meta", {}, ...exported.slice(0, 2).map((name) => h("span.chip.accent", { title: "exported under this name" }, name)), size(end - start));
    const line = h("div.ln", {}, h("span.off"), h("span.caret", { "aria-hidden": "true" }), text, meta);
    const row = h("details.fn", { id: anchor }, h("summary", {}, line));
    row.addEventListener("toggle", () => row.open && this.fill(row, entry));
    this.rows.set(index, row);
    return unit(offsetLink(start.toString(16), anchor), row);
  }

  /** Fetches a body, once; resolves when it is shown. */
  fill(row, entry) {
    if (row.filled === undefined) row.filled = this.load(row, entry);
    return row.filled;
  }

  async load(row, [index]) {
    const body = h("div.body", {}, h("div.loading", {}, "…"));
    row.append(body);
    try {
      const path = `module/${this.outline.id}/function/${index - this.imported}${this.fold ? "?fold" : ""}`;
      const lines = (await (await ask(path)).text()).split("\n").slice(1).map(parseLine);
      body.replaceChildren();
      if (lines.length <= AT_ONCE) this.lines(body, lines, index);
      else await this.long(body, lines, index);
      if (this.outline.places) await this.places(body, index);
    } catch (error) {
      body.replaceChildren(h("p.problem", {}, error.message));
      row.filled = undefined;
      row.addEventListener("toggle", () => row.open || body.remove(), { once: true });
    }
  }

  /** Puts before instructions which line of the source they are from. */
  async places(body, index) {
    const places = await (await ask(`module/${this.outline.id}/places/${index - this.imported}`)).json();
    const lines = new Map();
    for (const line of body.querySelectorAll(".ln[data-offset]")) lines.set(parseInt(line.dataset.offset, 16), line);
    let last = "";
    for (const { offset, file, line, url, text, name } of places) {
      const at = lines.get(offset);
      if (at === undefined) continue;
      const place = `${file.split("/").pop()}:${line}`;
      const known = name && name !== last ? ` ${name}` : "";
      last = name;
      const row = h("div.src", {}, h("span.off"), h("span.where", { title: `${file}:${line}` }, url ? h("a", { href: url }, place) : place, known), h("code", {}, (text || "").trim()));
      (at.parentElement.tagName === "SUMMARY" ? at.closest(".unit") : at).before(row);
    }
  }

  /** A long body: without folds, in pieces, so that the page stays responsive. */
  async long(body, lines, index) {
    for (let start = 0; start < lines.length; start += CHUNK) {
      const chunk = h("div.chunk", {});
      for (const line of lines.slice(start, start + CHUNK)) {
        const element = this.line(line, index);
        element.querySelector(".caret").classList.add("none");
        chunk.append(element);
      }
      body.append(chunk);
      if (start % AT_ONCE === 0) await new Promise((done) => setTimeout(done));
    }
  }

  /** Appends lines; those that others are deeper than fold them. */
  lines(parent, lines, index) {
    const open = [{ parent, depth: -1 }];
    lines.forEach((line, number) => {
      const next = lines[number + 1];
      while (open.length > 1 && line.depth <= open[open.length - 1].depth) {
        const top = open[open.length - 1];
        // What closes a block goes with it.
        if (line.depth === top.depth && /^(?:end\b|\))/.test(line.text)) break;
        open.pop();
      }
      const element = this.line(line, index);
      const closes = open.length > 1 && line.depth === open[open.length - 1].depth;
      if (!closes && next !== undefined && next.depth > line.depth) {
        const block = h("details.blk", { open: true }, h("summary", {}, element));
        open[open.length - 1].parent.append(unit(element.querySelector(".off"), block));
        open.push({ parent: block, depth: line.depth });
      } else {
        element.querySelector(".caret").classList.add("none");
        open[open.length - 1].parent.append(element);
        if (closes) open.pop();
      }
    });
  }

  line({ offset, depth, text }, index) {
    const code = h("code.tx", {}, " ".repeat(Math.max(depth - 2, 0)));
    paint(code, text, this.link);
    const link = offset === null ? h("span.off") : offsetLink(offset, index === null ? null : `wasm-function[${index}]:0x${offset}`);
    const line = h("div.ln", {}, link, h("span.caret", { "aria-hidden": "true" }), code);
    if (offset !== null) line.dataset.offset = offset;
    return line;
  }

  /** Where a token leads: the function that is called or referred to. */
  link(previous, token) {
    if (!/^(?:call|return_call|ref\.func|func)$/.test(previous)) return null;
    const index = token.startsWith("$") ? this.ids.get(token) : /^\d+$/.test(token) ? Number(token) : undefined;
    return this.rows.has(index) || index >= this.imported ? `#wasm-function[${index}]` : null;
  }

  /** The function that has this offset, as its entry; undefined where none has. */
  at(offset) {
    const all = this.outline.functions;
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle][3] <= offset) low = middle + 1;
      else high = middle;
    }
    return low < all.length && all[low][2] <= offset ? all[low] : undefined;
  }

  /** Unfolds and shows what a fragment names; whether there is such a thing. `kind` marks the line. */
  async show(fragment, kind = "at") {
    const match = /^(?:wasm-function\[(\d+)\])?(?::?0x([\da-f]+))?$/i.exec(decodeURIComponent(fragment));
    if (match === null || fragment === "") {
      const element = document.getElementById(fragment);
      if (element !== null && this.container.contains(element)) element.scrollIntoView();
      return element !== null;
    }
    const offset = match[2] === undefined ? null : parseInt(match[2], 16);
    const index = match[1] !== undefined ? Number(match[1]) : (this.at(offset) || [-1])[0];
    const entry = this.outline.functions[index - this.imported];
    if (entry === undefined) return false;
    const row = this.rows.get(index);
    row.parentElement.hidden = false;
    row.open = true;
    await this.fill(row, entry);
    let line = row.querySelector("summary .ln");
    if (offset !== null && offset !== entry[2]) {
      for (const each of row.querySelectorAll(".ln[data-offset]")) {
        if (parseInt(each.dataset.offset, 16) <= offset) line = each;
      }
    }
    for (let each = line.closest("details"); each !== null && each !== row; each = each.parentElement.closest("details")) each.open = true;
    for (const marked of this.container.querySelectorAll(`.ln.${kind}`)) marked.classList.remove(kind);
    line.classList.add(kind);
    line.scrollIntoView({ block: offset === null ? "start" : "center" });
    return true;
  }

  /** Leaves only the functions whose first line has a text; gives how many. */
  filter(text) {
    const wanted = text.trim().toLowerCase();
    let found = 0;
    for (const entry of this.outline.functions) {
      const fits = wanted === "" || entry[1].toLowerCase().includes(wanted) || entry[4].some((name) => name.toLowerCase().includes(wanted));
      this.rows.get(entry[0]).parentElement.hidden = !fits;
      if (fits) found++;
    }
    for (const section of this.container.querySelectorAll(".sect")) section.hidden = wanted !== "" && section.id !== "section-10";
    return found;
  }

  /** Folds everything, or unfolds the blocks of the functions that are open. */
  foldAll() {
    for (const row of this.rows.values()) row.open = false;
  }
}

/** An offset that leads to itself. Not a stop of the tab key: there are too many. */
function offsetLink(offset, anchor) {
  if (anchor === null) return h("span.off", {}, offset);
  return h("a.off", { href: `#${anchor}`, tabindex: "-1" }, offset);
}

/** What unfolds, with its offset beside it: a summary must have no links inside. */
function unit(offset, details) {
  const place = details.querySelector(".off");
  if (place === offset) place.replaceWith(h("span.off"));
  return h("div.unit", {}, offset, details);
}

/** Elements in chunks that a browser need not lay out while they are out of sight. */
function chunked(elements) {
  if (elements.length <= CHUNK) return elements;
  const chunks = [];
  for (let start = 0; start < elements.length; start += CHUNK) chunks.push(h("div.chunk", {}, ...elements.slice(start, start + CHUNK)));
  return chunks;
}
