"use strict";
// Decisions are stored on the server. A decision that is not yet acknowledged is kept in this browser's storage, one
// entry per decision, and is sent again until it is acknowledged; its token identifies duplicates. A decision that the
// server refuses permanently is set aside in the same storage and displayed; later decisions are still sent.

const byId = (id) => document.getElementById(id);
const { session } = document.body.dataset; // identifies the annotator and the set
const KEPT = `nearmiss:${session}:`;
const SET_ASIDE = `nearmiss-set-aside:${session}:`;
// Status codes that do not depend on the decision: no response, the server was restarted or has another session, the
// connection failed, the database cannot be written. The decision is sent again after these, and after no others.
const RETRIED = [0, 403, 408, 409, 503, 507];
const RETRY_MS = 1500; // milliseconds between two attempts to send
let item = null; // the displayed item
let loading = 0; // number of the newest request for an item: older responses are ignored
let sending = null; // the current attempt
let timer = null; // of the next attempt
let latest = 0; // time of the newest decision; later ones get a larger value

// ---- requests to the server

async function request(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body };
  let response;
  try {
    response = await fetch(`/${session}/${path}`, options);
  } catch {
    throw Object.assign(new Error("The server cannot be reached. Start it again on the same port."), { status: 0 });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const problem = answer?.problem || "internal server error";
  throw Object.assign(new Error(`${problem[0].toUpperCase()}${problem.slice(1)}.`), { status: response.status });
}

function stored(prefix) {
  return Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort();
}

const kept = () => stored(KEPT);

/** Store a decision; returns false if the storage fails. */
function keep(decision) {
  // sorted by time, so that decisions arrive in the order in which they were made
  const newest = Number(kept().at(-1)?.slice(KEPT.length).split("-")[0] ?? 0);
  latest = Math.max(latest + 1, newest + 1, Date.now());
  const token = `${latest.toString().padStart(15, "0")}-${crypto.randomUUID()}`;
  try {
    localStorage.setItem(KEPT + token, JSON.stringify({ ...decision, token }));
  } catch {
    return false;
  }
  return true;
}

/** A stored decision; without an item if the entry is malformed. */
function entry(key) {
  try {
    return Object(JSON.parse(localStorage.getItem(key)));
  } catch {
    return {};
  }
}

/** Send all kept decisions, oldest first. Returns the last response, or null if a decision is still kept or set aside. */
function send() {
  clearTimeout(timer);
  sending ??= sendAll().finally(() => (sending = null));
  return sending;
}

async function sendAll() {
  let answer = null;
  for (let keys = kept(); keys.length; keys = kept()) {
    try {
      answer = await request("decisions", localStorage.getItem(keys[0]));
    } catch (error) {
      if (RETRIED.includes(error.status)) {
        warn(error.message);
        timer = setTimeout(resend, RETRY_MS);
        return null;
      }
      setAside(keys[0], error.message);
      answer = null;
      continue;
    }
    forget(entry(keys[0]).item ?? "");
    localStorage.removeItem(keys[0]);
  }
  warn();
  return answer;
}

/** Store a decision that the server refuses permanently, for display only. */
function setAside(key, problem) {
  const decision = entry(key);
  localStorage.removeItem(key);
  try {
    localStorage.setItem(SET_ASIDE + key.slice(KEPT.length), JSON.stringify({ ...decision, problem }));
    showAside();
  } catch {
    showError(problem); // the storage is full: display it once
  }
}

/** Remove the set-aside decisions of an item that was decided again; of all items if none is given. */
function forget(which) {
  for (const key of stored(SET_ASIDE)) {
    if (which === undefined || entry(key).item === which) localStorage.removeItem(key);
  }
  showAside();
}

function showAside() {
  const entries = stored(SET_ASIDE).map(entry);
  byId("aside").hidden = !entries.length;
  byId("aside-list").replaceChildren(...entries.map(({ index, problem, caption }) => {
    const line = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = Number.isInteger(index) ? `Item ${index + 1}` : "An item";
    button.addEventListener("click", () => Number.isInteger(index) && show(index));
    const written = caption ? ` Caption: ${caption.replace(/[\ud800-\udfff]/gu, "\ufffd")}` : "";
    line.append(button, ` ${problem ?? ""}${written}`);
    return line;
  }));
}

async function resend() {
  const answer = await send();
  if (answer) await proceed(answer);
  else if (!kept().length) await jump(); // another window has sent it
}

function warn(why = "") {
  const count = kept().length;
  byId("unsent").hidden = !count;
  const what = count === 1 ? "1 decision is" : `${count} decisions are`;
  byId("unsent").textContent = `${why} ${what} kept in this browser and will be sent again.`;
}

function showError(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

// ---- display of an item

async function show(index) {
  const own = ++loading;
  let found;
  try {
    found = await request(`items/${index}`);
  } catch (error) {
    showError(error.message);
    return;
  }
  if (own !== loading) return;
  item = found;
  history.replaceState(null, "", `${location.pathname}#${index + 1}`);
  showError("");
  draw();
  announce(`Item ${index + 1}. ${textOf(item.original)}. Changed: ${textOf(item.changed)}.`);
}

function draw() {
  const images = Object.keys(item.images);
  document.body.classList.toggle("no-images", !images.length);
  document.body.classList.toggle("single", images.length === 1);
  byId("number").textContent = `Item ${item.index + 1}`;
  byId("concept").textContent = item.concept;
  byId("edited").hidden = !item.edited;
  for (const side of ["original", "changed"]) {
    const figure = byId(side);
    words(figure.querySelector(".words"), item[side]);
    figure.querySelector(".frame").hidden = !item.images[side];
    setImage(figure.querySelector(".image"), item.images[side]);
    setImage(figure.querySelector(".outline"), item.images.outline);
  }
  if (byId("swap")) { pressed("swap", false); pressed("mask", byId("mask").ariaPressed === "true"); }
  const verdict = byId("verdict");
  verdict.className = `soft ${item.decision ?? ""}`;
  verdict.textContent = ownVerdict(item);
}

function setImage(image, address) {
  // an image without an address would be displayed as broken
  if (address) image.src = address; else image.removeAttribute("src");
}

function words(where, pieces) {
  where.replaceChildren(...pieces.map(([text, differs]) => {
    if (!differs) return document.createTextNode(text);
    const mark = document.createElement("mark");
    mark.textContent = text;
    return mark;
  }));
  if (pieces.length) return;
  const none = document.createElement("span");
  none.className = "none";
  none.textContent = "no caption";
  where.append(none);
}

const textOf = (pieces) => pieces.map(([text]) => text).join("");

function ownVerdict({ decision, edited, reason }) {
  if (!decision) return "";
  if (decision === "accept") return edited ? "You accepted it with a corrected caption." : "You accepted it.";
  const listed = [...document.querySelectorAll("#reasons button")].find((button) => button.value === reason);
  const why = listed?.lastChild.textContent.trim() || reason || "for no reason";
  return `You refused it: ${why[0].toLowerCase()}${why.slice(1)}.`;
}

function announce(text) {
  byId("status").textContent = text;
}

function pressed(id, on) {
  byId(id).ariaPressed = String(on);
  if (id === "mask") for (const each of document.querySelectorAll(".outline")) each.hidden = !on;
  if (id === "swap") {
    byId("changed").classList.toggle("swapped", on);
    setImage(byId("changed").querySelector(".image"), item.images[on ? "original" : "changed"]);
    if (on) announce("The original is displayed in the position of the changed image.");
  }
}

function measure({ decided, total, next }) {
  byId("bar").max = total;
  byId("bar").value = decided;
  byId("count").textContent = `${decided} of ${total} decided`;
  byId("done").hidden = next !== null;
}

async function proceed(answer) {
  measure(answer);
  await show(answer.next ?? item?.index ?? 0);
  preload(answer.next);
}

/** Fetch the images of the following item in advance. */
function preload(index) {
  if (index === null || index + 1 >= byId("bar").max || !item?.images.changed) return;
  for (const which of ["original", "changed"]) {
    new Image().src = item.images[which].replace(/\/\d+\/(\w+)$/, `/${index + 1}/$1`);
  }
}

// ---- actions and keys

async function decide(decision) {
  if (!item) return;
  if (!keep({ item: item.item, index: item.index, ...decision })) {
    showError("This browser's storage is full or disabled, so the decision is not saved. Free space and decide again.");
    return;
  }
  const answer = await send();
  if (answer) {
    announce(decision.decision === "accept" ? "Accepted." : "Refused.");
    await proceed(answer);
  }
}

async function jump() {
  try {
    const answer = await request(`progress?after=${item ? item.index + 1 : 0}`);
    await proceed(answer);
  } catch (error) {
    showError(error.message);
  }
}

function edit() {
  byId("other").textContent = textOf(item.original);
  byId("caption").maxLength = item.longest;
  byId("caption").value = textOf(item.changed);
  byId("unfit").hidden = true;
  byId("editor").showModal();
  byId("caption").focus();
  byId("caption").setSelectionRange(byId("caption").value.length, byId("caption").value.length);
}

const actions = {
  accept: () => decide({ decision: "accept", caption: textOf(item.changed) }),
  refuse: () => byId("reasons").showModal(),
  edit,
  back: () => show(Math.max(0, item.index - 1)),
  forward: () => show(Math.min(byId("bar").max - 1, item.index + 1)),
  next: jump,
  mask: () => pressed("mask", byId("mask").ariaPressed !== "true"),
  swap: () => pressed("swap", byId("swap").ariaPressed !== "true"),
};
const keys = {
  a: "accept", r: "refuse", e: "edit", m: "mask", s: "swap",
  b: "back", arrowleft: "back", f: "forward", arrowright: "forward", n: "next",
};

for (const [id, act] of Object.entries(actions)) byId(id)?.addEventListener("click", () => item && act());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (byId("reasons").open) {
    const chosen = byId("reasons").querySelector(`[aria-keyshortcuts="${event.key}"]`);
    if (chosen) { event.preventDefault(); chosen.click(); }
    return;
  }
  if (byId("editor").open || !item) return;
  const button = byId(keys[event.key.toLowerCase()]);
  if (button) { event.preventDefault(); button.click(); }
});

byId("reasons").addEventListener("close", () => {
  const reason = byId("reasons").returnValue;
  byId("reasons").returnValue = "";
  if (reason) decide({ decision: "refuse", reason });
});

byId("caption").addEventListener("keydown", (event) => {
  // a caption is one line, so Enter submits it, except during input method composition
  if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); byId("save").click(); }
});
byId("restore").addEventListener("click", () => { byId("caption").value = item.as_found; byId("caption").focus(); });
byId("forget").addEventListener("click", () => forget());
byId("save").addEventListener("click", (event) => {
  const text = byId("caption").value.trim();
  const problem = !text ? "Write a caption." : text === textOf(item.original) ? "Both captions would be equal." : "";
  byId("unfit").textContent = problem;
  byId("unfit").hidden = !problem;
  if (problem) event.preventDefault();
});
byId("editor").addEventListener("close", () => {
  const saved = byId("editor").returnValue === "save";
  byId("editor").returnValue = "";
  if (saved) decide({ decision: "accept", caption: byId("caption").value });
});
window.addEventListener("beforeunload", (event) => { if (kept().length) event.preventDefault(); });

// ---- start: send kept decisions, then display the item of the address or the next undecided one

async function start() {
  // remove the token from the address and the history
  history.replaceState(null, "", location.pathname + location.hash);
  showAside();
  await send();
  const wanted = Number(location.hash.slice(1));
  try {
    const progress = await request("progress");
    measure(progress);
    await show(wanted >= 1 && wanted <= progress.total ? wanted - 1 : progress.next ?? 0);
    preload(progress.next);
  } catch (error) {
    showError(error.message);
  }
}
start();
