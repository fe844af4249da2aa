// A table of trials that sorts and filters. Each table is a script of its own, as pages from disk may load nothing else.
"use strict";

const STEP = 200; // rows that are shown at once
const loaded = {}; // tables by name; their scripts put them here
const part = Object.fromEntries(["trials", "table", "clear", "count", "common", "more"].map((id) => [id, document.getElementById(id)]));
const [head, body] = ["thead", "tbody"].map((name) => document.querySelector(`.trials ${name}`));
const state = { table: "", sort: "", descending: false, filters: {}, rows: STEP };

const make = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const small = (value) => typeof value === "number" && value !== 0 && Math.abs(value) < 0.001;
const written = (value) => (value === null ? "–" : small(value) ? number(value) : String(value).replace(/^-/, "−"));

// --- what is chosen, and its address -----------------------------------------------------------------------------------

function readAddress() {
  const said = address();
  const names = [...part.table.options].map((option) => option.value);
  state.table = names.includes(said.get("table")) ? said.get("table") : names.find((name) => name.endsWith("_trials")) ?? names[0];
  state.sort = (said.get("sort") ?? "").replace(/^-/, "");
  state.descending = (said.get("sort") ?? "").startsWith("-");
  state.filters = Object.fromEntries([...said].filter(([key]) => !["table", "sort"].includes(key)));
  state.rows = STEP;
}

function writeAddress() {
  const sort = (state.descending ? "-" : "") + state.sort;
  keepInAddress({ table: state.table, sort, ...state.filters }, new URLSearchParams()); // nothing of another table stays
}

// --- filters -----------------------------------------------------------------------------------------------------------

function test(text) {
  const range = text.match(/^\s*(-?[\d.e-]+)\s*\.\.\s*(-?[\d.e-]+)\s*$/i);
  if (range) return (value) => typeof value === "number" && value >= Number(range[1]) && value <= Number(range[2]);
  const bound = text.match(/^\s*(<=|>=|<|>|=)?\s*(-?\d[\d.]*(?:e-?\d+)?)\s*$/i);
  if (!bound) return (value) => value !== null && String(value).toLowerCase().includes(text.trim().toLowerCase());
  const limit = Number(bound[2]);
  const compare = {
    "<": (value) => value < limit,
    ">": (value) => value > limit,
    "<=": (value) => value <= limit,
    ">=": (value) => value >= limit,
  }[bound[1]] ?? ((value) => value === limit);
  return (value) => (typeof value === "number" ? compare(value) : !bound[1] && value !== null && String(value).includes(bound[2]));
}

function chosen(table) {
  const tests = Object.entries(state.filters).filter(([column, text]) => text && column in table.columns);
  const checks = tests.map(([column, text]) => [table.columns[column], test(text)]);
  const rows = Array.from({ length: table.count }, (_, row) => row).filter((row) => checks.every(([values, passes]) => passes(values[row])));
  const values = table.columns[state.sort];
  if (!values) return rows;
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  return rows.sort((a, b) => {
    if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null) || a - b; // last, whichever way
    return (state.descending ? -1 : 1) * order(values[a], values[b]) || a - b;
  });
}

// --- the page ----------------------------------------------------------------------------------------------------------

function heading(column) {
  const button = make("button", { type: "button", textContent: column });
  button.addEventListener("click", () => {
    state.descending = state.sort === column && !state.descending;
    state.sort = column;
    showRows();
  });
  const cell = make("th", { scope: "col" }, button);
  cell.dataset.column = column;
  return cell;
}

function filter(column) {
  const field = make("input", { type: "text", value: state.filters[column] ?? "", size: 6, spellcheck: false });
  field.setAttribute("aria-label", `Filter ${column}`);
  field.addEventListener("input", () => {
    state.filters[column] = field.value;
    state.rows = STEP;
    showRows();
  });
  return make("td", {}, field);
}

function showRows() {
  const table = loaded[state.table];
  const rows = chosen(table);
  for (const cell of head.querySelectorAll("th")) {
    if (cell.dataset.column === state.sort) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
  const columns = Object.values(table.columns);
  body.replaceChildren(
    ...rows.slice(0, state.rows).map((row) =>
      make("tr", {}, ...columns.map((values) => make("td", { textContent: written(values[row]), className: typeof values[row] === "number" ? "number" : "" }))),
    ),
  );
  const shown = Math.min(rows.length, state.rows);
  part.count.textContent = `${rows.length.toLocaleString("en")} of ${table.count.toLocaleString("en")} trials${shown < rows.length ? `, the first ${shown} shown` : ""}.`;
  part.more.hidden = shown === rows.length;
  writeAddress();
}

function showTable() {
  const table = loaded[state.table];
  part.table.value = state.table;
  const common = Object.entries(table.common).map(([name, value]) => `${name} ${written(value)}`);
  part.common.textContent = common.length ? `The same for all: ${common.join(", ")}.` : "";
  const names = Object.keys(table.columns);
  head.replaceChildren(make("tr", {}, ...names.map(heading)), make("tr", { className: "filters" }, ...names.map(filter)));
  showRows();
}

function load() {
  if (loaded[state.table]) return showTable();
  const script = make("script", { src: `trials/${state.table}.js` });
  script.addEventListener("load", showTable);
  document.head.append(script);
}

function start() {
  readAddress();
  load();
}

part.table.addEventListener("change", () => {
  Object.assign(state, { table: part.table.value, sort: "", descending: false, filters: {}, rows: STEP });
  load();
});
part.clear.addEventListener("click", () => {
  state.filters = {};
  showTable();
});
part.more.addEventListener("click", () => {
  state.rows += STEP;
  showRows();
});
addEventListener("hashchange", start);
part.trials.hidden = false;
start();
