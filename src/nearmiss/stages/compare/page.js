"use strict";
// Makes tables sortable and filterable, shows the gallery, and turns counterfactual pairs into sliders. Without this
// script the tables and pairs are static. Texts are only ever set as text, never as HTML.

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// ---- tables

const MANY = 12; // rows from which a table has a filter

/** The text of a cell, without its interval. */
const shown = (cell) => ((cell?.querySelector(".range") ? cell.firstChild : cell)?.textContent ?? "").trim();

/** The number that a text begins with, or null. */
function number(text) {
  const found = text.replaceAll(",", "").match(/^[+-]?\d+(\.\d+)?/);
  return found && Number(found[0]);
}

/** Order of two rows by a column; cells without a number come last. */
function order(column, direction) {
  const key = (row) => shown(row.cells[column]);
  return (one, other) => {
    const [a, b] = [key(one), key(other)];
    const [x, y] = [number(a), number(b)];
    if (x === null && y === null) return direction * a.localeCompare(b);
    if (x === null || y === null) return x === null ? 1 : -1;
    return direction * (x - y);
  };
}

/** Sort the rows; those for reference stay first or last. */
function sort(body, column, direction) {
  const rows = [...body.rows];
  const isReference = (row) => row.classList.contains("reference");
  const first = rows.findIndex((row) => !isReference(row));
  const last = rows.findLastIndex((row) => !isReference(row)) + 1;
  const sorted = rows.slice(first, last).sort(order(column, direction));
  body.append(...rows.slice(0, first), ...sorted, ...rows.slice(last));
}

function enhance(table) {
  const heads = [...table.tHead.rows].at(-1);
  const body = table.tBodies[0];
  const tools = make("div", { className: "tools" });
  for (const [column, head] of [...heads.cells].entries()) {
    if (!head.textContent.trim()) continue;
    const button = make("button", { className: "sort", type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = head.ariaSort === "descending" ? 1 : -1;
      for (const each of heads.cells) each.removeAttribute("aria-sort");
      head.ariaSort = direction > 0 ? "ascending" : "descending";
      sort(body, column, direction);
    });
  }
  if (body.rows.length >= MANY) {
    const input = make("input", { type: "search", placeholder: "filter rows", ariaLabel: "filter rows" });
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of body.rows) {
        row.hidden = !row.classList.contains("reference") && !row.textContent.toLowerCase().includes(wanted);
      }
    });
    tools.append(input);
  }
  if (table.tHead.rows.length === 1 && heads.cells.length > 5) tools.append(chooser(table, heads));
  if (tools.childNodes.length) table.closest(".scroll").before(tools);
}

/** Check boxes that hide columns. */
function chooser(table, heads) {
  const boxes = [...heads.cells].slice(1).map((head, place) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      for (const row of table.rows) if (row.cells[place + 1]) row.cells[place + 1].hidden = !box.checked;
    });
    return make("label", {}, box, " ", head.textContent);
  });
  return make("details", {}, make("summary", {}, "columns"), make("div", { className: "tools" }, ...boxes));
}

// ---- gallery

const PAGE = 24; // items of a page
const OUTCOMES = {
  "": "any outcome",
  "first wrong, second right": (one, two) => one === false && two === true,
  "first right, second wrong": (one, two) => one === true && two === false,
  "both wrong": (one, two) => one === false && two === false,
  "both right": (one, two) => one === true && two === true,
};

/** A text in parts, every second one marked. */
const words = (parts) => parts.map((text, place) => (place % 2 ? make("mark", {}, text) : text));

function select(label, options, value, changed) {
  const field = make("select", { ariaLabel: label });
  for (const [name, text] of options) field.append(make("option", { value: name }, text));
  field.value = value;
  field.addEventListener("change", changed);
  return field;
}

function gallery(root, data) {
  const { arms, images, items } = data;
  const right = (item, arm) => item.m[arm] && item.m[arm].every((margin) => margin > 0);
  const unique = (key, all) => [["", all], ...[...new Set(items.map((item) => item[key]))].sort().map((v) => [v, v])];
  const named = arms.map((arm, place) => [String(place), arm]);
  const initial = (name, other) => String(arms.includes(root.dataset[name]) ? arms.indexOf(root.dataset[name]) : other);
  const again = () => show(0);
  const fields = {
    benchmark: select("benchmark", unique("b", "all benchmarks"), "", again),
    concept: select("concept", unique("c", "all concepts"), "", again),
    condition: select("condition", unique("k", "all conditions"), "", again),
    outcome: select("outcome", Object.keys(OUTCOMES).map((name) => [name, name || OUTCOMES[""]]), "", again),
    one: select("first arm", named, initial("control", 0), again),
    two: select("second arm", named, initial("arm", arms.length - 1), again),
    search: make("input", { type: "search", placeholder: "words of a caption", ariaLabel: "words of a caption" }),
  };
  fields.search.addEventListener("input", again);
  const count = make("span", { role: "status" });
  const cards = make("div", { className: "cards" });
  const turn = (step, text) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => show(start + step * PAGE));
    return button;
  };
  const [back, next] = [turn(-1, "previous"), turn(1, "next")];
  const dialog = make("dialog", { ariaLabel: "item" });
  let found = [];
  let start = 0;
  let opened = 0; // index of the opened item in `found`

  const texts = items.map((item) => `${item.t.join("")} ${item.f.join("")}`.toLowerCase());
  function matching() {
    const { benchmark, concept, condition, outcome, one, two, search } = fields;
    const keep = outcome.value && OUTCOMES[outcome.value];
    const wanted = search.value.toLowerCase();
    return items.filter((item, place) =>
      (!benchmark.value || item.b === benchmark.value) &&
      (!concept.value || item.c === concept.value) &&
      (!condition.value || item.k === condition.value) &&
      (!wanted || texts[place].includes(wanted)) &&
      (!keep || keep(right(item, one.value), right(item, two.value))));
  }

  const pictures = (item) => item.i.map((place, side) => make("img", { src: images[place], alt: `image ${"AB"[side]}` }));
  const captions = (item) => [
    make("p", {}, "✓ ", ...words(item.t)),
    make("p", { className: "false" }, "✗ ", ...words(item.f)),
  ];
  const sign = (item, arm) => (item.m[arm] ? (right(item, arm) ? "✓" : "✗") : "–");

  function card(item, place) {
    const { one, two } = fields;
    const both = [one, two].map((field) => `${arms[field.value]} ${sign(item, field.value)}`).join(", ");
    const title = [item.c, item.k].filter(Boolean).join(", ").replaceAll("_", " ");
    const made = make("article", { className: "card", tabIndex: 0 }, make("b", {}, title),
      make("div", { className: "images" }, ...pictures(item)), ...captions(item), make("p", {}, both));
    made.addEventListener("click", () => open(place));
    return made;
  }

  function show(first) {
    found = matching();
    start = Math.min(Math.max(first, 0), Math.max(0, Math.floor((found.length - 1) / PAGE) * PAGE));
    const page = found.slice(start, start + PAGE);
    count.textContent = `${found.length} of ${items.length} items${page.length ? `, ${start + 1} to ${start + page.length}` : ""}`;
    cards.replaceChildren(...page.map((item, place) => card(item, start + place)));
    [back.disabled, next.disabled] = [start === 0, start + PAGE >= found.length];
  }

  function open(place) {
    opened = place;
    const item = found[place];
    const rows = arms.flatMap((arm, index) => item.m[index] ? [make("tr", {}, make("th", { scope: "row" }, arm),
      ...item.m[index].map((margin) => make("td", {}, `${margin > 0 ? "✓" : margin < 0 ? "✗" : "="} ${(margin * data.unit).toFixed(4)}`)),
      make("td", {}, sign(item, index)))] : []);
    const heads = ["arm", ...item.d, "right"].map((text) => make("th", { scope: "col" }, text));
    const close = make("button", { type: "button" }, "close");
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(make("h3", {}, [item.b, item.c, item.k].filter(Boolean).join(", ")),
      make("div", { className: "images" }, ...pictures(item)), ...captions(item),
      make("p", { className: "caption" }, "Similarity of the true pair minus that of the false one; A, B: image; 1, 2: caption."),
      make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)), close);
    if (!dialog.open) dialog.showModal();
  }

  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
  cards.addEventListener("keydown", (event) => {
    const place = [...cards.children].indexOf(document.activeElement);
    if (place < 0) return;
    const columns = getComputedStyle(cards).gridTemplateColumns.split(" ").length;
    const step = { ...STEPS, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (event.key === "Enter") open(start + place);
    else if (step) {
      const past = place + step >= cards.children.length || place + step < 0;
      if (past && !(step > 0 ? next : back).disabled) show(start + Math.sign(step) * PAGE);
      (past ? cards.children[step > 0 ? 0 : cards.children.length - 1] : cards.children[place + step])?.focus();
    } else return;
    event.preventDefault();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step && found[opened + step]) open(opened + step);
  });
  dialog.addEventListener("close", () => {
    if (opened < start || opened >= start + PAGE) show(Math.floor(opened / PAGE) * PAGE);
    cards.children[opened - start]?.focus();
  });
  root.append(make("div", { className: "tools" }, ...Object.values(fields)),
    make("div", { className: "tools" }, back, next, count), cards, dialog);
  show(0);
}

// ---- counterfactual pairs

/** Show the two images of a pair on top of each other, with a slider between them. */
function slide(pair) {
  const range = make("input", { type: "range", min: 0, max: 100, value: 50, ariaLabel: "before and after" });
  range.addEventListener("input", () => pair.style.setProperty("--cut", `${range.value}%`));
  pair.classList.add("slider");
  pair.querySelector(".pair").after(range);
}

document.querySelectorAll("table.data").forEach(enhance);
document.querySelectorAll(".counterfactual").forEach(slide);
const root = document.querySelector(".gallery");
if (root) gallery(root, JSON.parse(document.getElementById("gallery-data").textContent));
