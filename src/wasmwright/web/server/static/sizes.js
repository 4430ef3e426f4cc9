// The sizes of a module's sections as a picture and as a list; its largest functions.
import { h, size, svg } from "./dom.js";

/** A share in per cent. */
function percent(share) {
  const number = 100 * share;
  return number > 0 && number < 0.05 ? "< 0.1 %" : `${number < 10 ? number.toFixed(1) : Math.round(number)} %`;
}

const LEAST = 0.004; // share of the picture that a section has at least

/** What a section is called. */
export const sectionName = (section) => (section.id === 0 ? `custom “${section.custom}”` : section.name);

/** Sections of one id, together; those of no size are left out. */
function together(outline) {
  const found = new Map();
  for (const section of outline.sections) {
    const key = section.id;
    const entry = found.get(key) || { id: key, name: key === 0 ? "custom" : section.name, size: 0, count: 0 };
    entry.size += section.size;
    entry.count++;
    found.set(key, entry);
  }
  return [...found.values()].filter((entry) => entry.size > 0);
}

/** The picture and its legend, which leads to the sections. */
export function sizes(outline) {
  const parts = together(outline);
  const total = parts.reduce((sum, part) => sum + part.size, 0) || 1;
  const shares = parts.map((part) => Math.max(part.size / total, LEAST));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  const words = parts.map((part) => `${part.name} ${percent(part.size / total)}`).join(", ");
  const picture = svg("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img", "aria-label": `Sizes of sections: ${words}` });
  let x = 0;
  parts.forEach((part, index) => {
    const width = (1000 * shares[index]) / whole;
    const rect = svg("rect", { x, y: 0, width: Math.max(width - 1.2, 0.8), height: 20, class: `f${part.id}` });
    rect.append(svg("title"));
    rect.firstChild.textContent = `${part.name}: ${size(part.size)}, ${percent(part.size / total)}`;
    rect.addEventListener("click", () => (location.hash = `section-${part.id}`));
    picture.append(rect);
    x += width;
  });
  const legend = h("ul.legend", {});
  for (const part of [...parts].sort((a, b) => b.size - a.size)) {
    legend.append(h("li", {}, h("a", { href: `#section-${part.id}` }, dot(part.id), part.name, " ", h("b", {}, size(part.size)), ` ${percent(part.size / total)}`)));
  }
  return h("div.sizes", {}, picture, legend);
}

/** A section's colour. */
export const dot = (id) => svg("svg", { viewBox: "0 0 1 1", "aria-hidden": "true" }, svg("rect", { width: 1, height: 1, class: `f${id}` }));

/** The largest functions, each with a bar. */
export function largest(outline, label, most = 8) {
  const sized = outline.functions.map((each) => [each, each[3] - each[2]]).sort((a, b) => b[1] - a[1]).slice(0, most);
  if (sized.length < 2) return null;
  const top = sized[0][1] || 1;
  const list = h("ul", {});
  for (const [each, bytes] of sized) {
    const bar = svg("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: (100 * bytes) / top, height: 4, class: "f10" }));
    list.append(h("li.big", {}, h("a", { href: `#wasm-function[${each[0]}]` }, label(each)), h("span.quiet", {}, size(bytes)), bar));
  }
  return h("section", {}, h("h2", {}, "Largest functions"), list);
}
