// View Source of one module: the page of /x.wasm?source.
import { ask, at, count, h, size } from "./dom.js";
import { EditPane } from "./edit.js";
import { functionLabel, Listing } from "./listing.js";
import { RunPane } from "./run.js";
import { largest, sizes } from "./sizes.js";
import { watch } from "./watch.js";

const path = decodeURIComponent(location.pathname);
const tabs = ["source", "run", "edit"];
const PLACE = /^(?:wasm-function\[|:?0x)/; // what is a place, and no name
let listing = null;
let outline = null;
const runPane = new RunPane(at("pane-run"));
const editPane = new EditPane(at("pane-edit"), { path, assembled: (made) => show(made, true) });

/** Selects one of the tabs. */
function select(name, focus = false) {
  for (const each of tabs) {
    const chosen = each === name;
    at(`tab-${each}`).setAttribute("aria-selected", String(chosen));
    at(`tab-${each}`).tabIndex = chosen ? 0 : -1;
    at(`pane-${each}`).hidden = !chosen;
  }
  if (focus) at(`tab-${name}`).focus();
  if (name === "edit" && outline !== null) editPane.open(outline);
}

tabs.forEach((name, index) => {
  at(`tab-${name}`).addEventListener("click", () => select(name));
  at(`tab-${name}`).addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) select(tabs[(index + step + tabs.length) % tabs.length], true);
  });
});

/** Shows a module: the file's, or one that was edited. */
function show(found, edited) {
  outline = found;
  document.querySelector("#title").textContent = found.title.split("/").pop();
  const named = found.name ? ` · module $${found.name}` : "";
  at("facts").textContent = [size(found.size), count(found.functions.length, "function"), count(found.imports.length, "import"), count(found.exports.length, "export")].join(" · ") + named;
  (found.beside || []).forEach((url, index) => at("facts").append(index ? ", " : " · beside it ", h("a", { href: sourceLink(url) }, url.split("/").pop())));
  at("sizes").replaceChildren(sizes(found));
  at("view").hidden = false;
  at("problem").hidden = true;
  list();
  runPane.show(found);
  at("state").replaceChildren(...(edited ? [h("span.chip.warn", {}, "edited"), " "] : []), h("span.chip", {}, "checking …"));
  check(found, edited);
  if (edited) select("source");
}

/** Where a file beside the module is looked at. */
const sourceLink = (url) => url.split("/").map(encodeURIComponent).join("/") + (/\.(?:wat|wasm)$/.test(url) ? "?source" : "");

function list() {
  listing = new Listing(at("listing"), outline, at("fold").checked);
  side();
}

/** Whether the module is valid; where it is not, the place is marked. */
async function check(found, edited) {
  const { problem } = found.problem === undefined ? await (await ask(`module/${found.id}/problem`)).json() : found;
  if (found !== outline) return;
  const chips = edited ? [h("span.chip.warn", {}, "edited"), " "] : [];
  chips.push(h(`span.chip.${problem ? "bad" : "good"}`, {}, problem ? "not valid" : "valid"));
  at("state").replaceChildren(...chips);
  if (!problem) return;
  const place = problem.offset === null || problem.offset === undefined ? null : `${problem.func === null ? "" : `wasm-function[${problem.func}]:`}0x${problem.offset.toString(16)}`;
  const text = [problem.message, place].filter(Boolean).join("\n");
  const go = place && h("button", { type: "button" }, "Show it in the source");
  if (go) go.addEventListener("click", () => listing.show(place, "wrong"));
  at("problem").hidden = false;
  at("problem").replaceChildren(h("div.problem", { role: "alert" }, h("b", {}, "Not valid: "), text, go ? "\n" : null, go));
  if (place) await listing.show(place, "wrong");
}

/** What a tool left in the module, as text: producers by field, features with their prefix. */
function noteText(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map((each) => (Array.isArray(each) ? each.join("") : each)).join(", ");
  const tool = (each) => (Array.isArray(each) ? each.filter(Boolean).join(" ") : each);
  return Object.entries(value).map(([field, tools]) => `${field}: ${tools.map(tool).join(", ")}`).join("; ");
}

/** Imports, exports and what is large, beside the listing. */
function side() {
  const parts = [];
  const group = (title, entries) => {
    if (!entries.length) return;
    const shown = entries.slice(0, 300);
    const rest = entries.length > shown.length ? [h("li", {}, `… and ${entries.length - shown.length} more`)] : [];
    parts.push(h("section", {}, h("h2", {}, `${title} `, h("span.quiet", {}, String(entries.length))), h("ul", {}, ...shown, ...rest)));
  };
  group("Exports", outline.exports.map((entry) => {
    const linked = entry.kind === "func" && entry.index >= listing.imported;
    const name = linked ? h("a", { href: `#wasm-function[${entry.index}]` }, entry.name) : h("span", {}, entry.name);
    return h("li", {}, name, h("small", {}, `${entry.kind} ${entry.type ?? ""}`));
  }));
  group("Imports", outline.imports.map((entry) => h("li", {}, h("span.quiet", {}, `${entry.module}.`), entry.name, h("small", {}, `${entry.kind} ${entry.type}`))));
  parts.push(largest(outline, functionLabel));
  const notes = Object.entries(outline.notes).map(([key, value]) => h("li", {}, key.replace("_", " "), h("small", {}, noteText(value))));
  group("Notes of the tools", notes);
  at("side").replaceChildren(...parts.filter(Boolean));
}

/** Goes where the address says. */
async function follow() {
  const fragment = location.hash.slice(1);
  if (tabs.includes(fragment)) return select(fragment);
  if (fragment === "" || listing === null) return undefined;
  select("source");
  return listing.show(fragment);
}

async function load() {
  try {
    const response = await ask(`module?path=${encodeURIComponent(path)}`);
    show(await response.json(), false);
    await follow();
  } catch (error) {
    if (!error.problem) throw error;
    failed(error.problem);
  }
}

/** The file is no module: what is wrong, and the text at the place where it is. */
async function failed({ message, line, column, offset }) {
  document.querySelector("#title").textContent = path.split("/").pop();
  at("state").replaceChildren(h("span.chip.bad", {}, "malformed"));
  at("view").hidden = true;
  at("problem").hidden = false;
  const place = line ? `line ${line}, column ${column}` : typeof offset === "number" ? `at 0x${offset.toString(16)}` : "";
  at("problem").replaceChildren(h("div.problem", { role: "alert" }, h("b", {}, "Malformed: "), message, place ? ` (${place})` : ""));
  if (!line) return;
  const text = await (await fetch(path)).text();
  editPane.openText(text, { message, line, column });
  select("edit");
}

at("fold").addEventListener("change", () => {
  list();
  follow();
});
at("close-all").addEventListener("click", () => listing && listing.foldAll());
let waiting = 0;
at("find").addEventListener("input", (event) => {
  clearTimeout(waiting);
  const text = event.target.value;
  waiting = setTimeout(() => {
    if (listing === null) return;
    listing.filter(PLACE.test(text.trim()) ? "" : text);
    if (at("view").getBoundingClientRect().top < 0) at("view").scrollIntoView();
  }, 120);
});
at("find").addEventListener("keydown", (event) => {
  const text = event.target.value.trim();
  if (event.key === "Enter" && PLACE.test(text)) location.hash = text;
  else if (event.key === "Enter" && listing) {
    const first = [...listing.rows.values()].find((row) => !row.parentElement.hidden);
    if (first) location.hash = first.id;
  }
});
addEventListener("hashchange", follow);
watch((paths) => {
  if (paths.includes(path) && !editPane.changed()) load();
});
load();
