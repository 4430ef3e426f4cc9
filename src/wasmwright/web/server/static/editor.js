// A text area with line numbers, colours, and a mark where an error is.
import { h } from "./dom.js";
import { paint } from "./highlight.js";

const MOST_PAINTED = 120000; // characters; longer texts stay plain, so that typing stays fast
const LINE = 20; // pixels, as in the style sheet

export class Editor {
  /** `language` is "wat" or "c": only the former has colours. `submit` is called by Ctrl+Enter. */
  constructor({ label, language = "wat", submit = () => {} }) {
    this.language = language;
    this.numbers = h("div.lines", { "aria-hidden": "true" });
    this.painted = h("pre", { "aria-hidden": "true" });
    this.area = h("textarea", { spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off", "aria-label": label });
    this.element = h("div.edit", {}, this.numbers, h("div.code", {}, this.painted, this.area));
    this.place = null;
    this.area.addEventListener("input", () => {
      this.place = null;
      this.draw();
    });
    this.area.addEventListener("scroll", () => this.follow());
    this.area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        submit();
      }
    });
  }

  get value() {
    return this.area.value;
  }

  set value(text) {
    this.area.value = text;
    this.place = null;
    this.draw();
    this.area.scrollTop = 0;
  }

  draw() {
    const { value } = this.area;
    const lines = value.split("\n");
    const numbers = lines.map((_, index) => (this.place && index + 1 === this.place.line ? h("b", {}, String(index + 1)) : String(index + 1)));
    this.numbers.replaceChildren(...numbers.flatMap((each) => [each, "\n"]));
    const painted = value.length <= MOST_PAINTED;
    this.element.classList.toggle("painted", painted);
    this.painted.replaceChildren();
    if (painted) this.paintText(value);
    this.painted.append("\n");
    this.follow();
  }

  paintText(value) {
    const put = (text, parent = this.painted) => (this.language === "wat" ? paint(parent, text) : parent.append(text));
    if (this.place === null) return put(value);
    const start = this.offset(this.place);
    const rest = value.slice(start);
    const length = Math.max(/^(?:"(?:[^"\\\n]|\\.)*"?|[^\s()";]+|[()])/.exec(rest)?.[0].length ?? 1, 1);
    put(value.slice(0, start));
    const mark = h("span.wrong");
    put(rest.slice(0, length), mark);
    this.painted.append(mark);
    return put(rest.slice(length));
  }

  /** The place in the text of a line and column. Columns count code points. */
  offset({ line, column }) {
    const lines = this.area.value.split("\n");
    const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    return before + [...(lines[line - 1] || "")].slice(0, column - 1).join("").length;
  }

  /** Marks a place, and scrolls there; with `focus` the cursor goes there too. */
  mark(place, focus = true) {
    this.place = place;
    this.draw();
    if (place === null) return;
    const offset = this.offset(place);
    if (focus) {
      this.area.focus({ preventScroll: true });
      this.area.setSelectionRange(offset, offset);
    }
    this.area.scrollTop = Math.max((place.line - 1) * LINE - this.area.clientHeight / 2, 0);
    this.area.scrollLeft = Math.max(place.column * 8 - this.area.clientWidth * 0.8, 0);
    this.follow();
  }

  follow() {
    this.painted.scrollTop = this.numbers.scrollTop = this.area.scrollTop;
    this.painted.scrollLeft = this.area.scrollLeft;
  }
}

/** What is wrong, with buttons that lead to the places. */
export function problemBox(problem, editor) {
  const notes = problem.notes && problem.notes.length ? problem.notes : problem.line ? [problem] : [];
  const box = h("div.problem", { role: "alert" });
  if (!notes.length) box.append(problem.message, typeof problem.offset === "number" ? ` (at 0x${problem.offset.toString(16)})` : "");
  for (const note of notes) {
    const button = h("button", { type: "button" }, `${note.line}:${note.column}: ${note.message}`);
    button.addEventListener("click", () => editor.mark(note));
    box.append(h("div", {}, button));
  }
  return box;
}
