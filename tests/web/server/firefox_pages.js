// Uses the server's pages as a reader does, from a page of the folder, and posts what they show to the
// address in this page's query: for browsers that nobody drives.
"use strict";
const until = async (find, what) => {
  const end = Date.now() + 60000;
  while (Date.now() < end) {
    try {
      const found = find();
      if (found) return found;
    } catch (error) {
      // Not there yet.
    }
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error(`there is no ${what}`);
};

/** A window with a page of this origin, once it has this element. */
async function visit(url, selector) {
  const page = window.open(url);
  await until(() => page.document.querySelector(selector), `${selector} in ${url}`);
  return {
    close: () => page.close(),
    text: (query) => page.document.querySelector(query).innerText,
    wait: (query) => until(() => page.document.querySelector(query), `${query} in ${url}`),
    title: () => page.document.title,
    all: (query) => [...page.document.querySelectorAll(query)],
    control: (label) => until(() => labelled(page.document, label), `${label} in ${url}`),
    press: async (name) => {
      const find = () => [...page.document.querySelectorAll("button:not([role])")].find((each) => each.textContent.trim() === name);
      (await until(find, name)).click();
    },
  };
}

function labelled(document, name) {
  const controls = [...document.querySelectorAll("input, textarea, select")];
  return controls.find((each) =>
    each.getAttribute("aria-label") === name || [...(each.labels || [])].some((label) => label.innerText.trim().startsWith(name)));
}

function set(control, value) {
  control.value = value;
  for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
}

const tasks = {
  async source() {
    const page = await visit("/add.wasm?source", "#state .good");
    const offset = parseInt(page.text("#section-10 .unit > .off"), 16) + 3;
    page.close();
    const marked = await visit(`/add.wasm?source#wasm-function[0]:0x${offset.toString(16)}`, ".ln.at");
    const line = marked.text(".ln.at");
    marked.close();
    return line;
  },
  async errors() {
    const page = await visit("/bad.wat?source", "#pane-edit .problem");
    const text = page.all("#pane-edit .problem")[0].textContent;
    page.close();
    return text;
  },
  async features() {
    const page = await visit("/_wasmwright/features", "html[data-done]");
    const policies = page.all("#policies tbody tr").map((row) => [...row.cells].slice(1).map((cell) => cell.innerText.trim()));
    const count = page.all("#table tbody tr:not(.release)").length;
    page.close();
    return { policies, count };
  },
};
for (const how of ["native", "polyfill", "ahead"]) {
  tasks[`run ${how}`] = async () => {
    const page = await visit("/hello.wat?source#run", "button");
    set(await page.control("Standard input"), "hi there");
    set(await page.control("How"), how);
    await page.press("Run");
    await page.wait(".output .err");
    const text = page.text(".output");
    page.close();
    return text;
  };
}
for (const query of ["", "?polyfill=force", "?polyfill=force&csp"]) {
  tasks[`page ${query}`] = async () => {
    const page = await visit(`/page.html${query}`, "script");
    // (A document that is only being read has no title yet.)
    await until(() => !["", "x"].includes(page.title()), "result");
    const title = page.title();
    page.close();
    return title;
  };
}

(async () => {
  const found = {};
  const address = new URLSearchParams(location.search).get("report");
  const post = () => fetch(address, { method: "POST", mode: "no-cors", body: JSON.stringify(found) });
  for (const name of Object.keys(tasks)) {
    try {
      found[name] = await tasks[name]();
    } catch (error) {
      found[name] = String(error);
    }
    await post();
  }
  found.done = true;
  await post();
})();
