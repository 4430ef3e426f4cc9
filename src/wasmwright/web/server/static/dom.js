// What all pages use: elements, numbers, requests.

/** An element: `h("a.off", { href: "#x" }, "text", child)`. */
export function h(selector, attributes = {}, ...children) {
  const [name, ...classes] = selector.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  set(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
}

/** The element of an id. */
export const at = (id) => document.getElementById(id);

/** A number of bytes for people. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < 2) (value /= 1000), unit++;
  return `${value < 100 ? value.toPrecision(3).replace(/\.?0+$/, "") : Math.round(value)} ${units[unit]}`;
}

/** "1 function", "2 functions". */
export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : noun.endsWith("y") ? "" : "s"}`;

/** What the server says went wrong: `problem` has message, and line and column or offset. */
export class ServerError extends Error {
  constructor(problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** The response of a request to the server; ServerError where it did not work. */
export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body, headers: { "Content-Type": "application/octet-stream" } };
  const response = await fetch(`/_wasmwright/${path}`, options);
  if (response.ok) return response;
  const text = await response.text();
  let problem = { message: text.trim() || `${response.status} ${response.statusText}` };
  if ((response.headers.get("Content-Type") || "").startsWith("application/json")) problem = JSON.parse(text).error;
  throw new ServerError(problem);
}

/** Marks the link of the bar that leads here. */
export function markBar() {
  for (const link of document.querySelectorAll(".bar nav a")) {
    if (new URL(link.href).pathname === location.pathname) link.setAttribute("aria-current", "page");
  }
}
