"use strict";
// The server is the memory. What it has not yet acknowledged stays in this browser's storage, one entry a decision,
// and is sent again until it is acknowledged; a token lets the server know a decision that it already has. What the
// server will never take is set aside in the same storage and shown, and later decisions are sent all the same.

const byId = (id) => document.getElementById(id);
const { session } = document.body.dataset; // this annotator's work on this set
const KEPT = `nearmiss:${session}:`;
const SET_ASIDE = `nearmiss-set-aside:${session}:`;
// Answers that do not speak of the decision: nobody answers, the server was started anew or serves somebody else, the
// connection broke, the database cannot be written. After these it is sent again; after every other one it never is.
const LATER = [0, 403, 408, 409, 503, 507];
const AGAIN = 1500; // milliseconds between two attempts to send
let item = null; // what is shown
let loading = 0; // number of the newest request for an item: an older answer is not shown
let sending = null; // the attempt that is under way
let timer = null; // of the next attempt
let latest = 0; // time of the newest decision, which no later one may have

// ---- talking to the server

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body };
  let response;
  try {
    response = await fetch(`/${session}/${path}`, options);
  } catch {
    throw Object.assign(new Error("The server cannot be reached. Start it again on the same port."), { status: 0 });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const problem = answer?.problem || "the server has failed";
  throw Object.assign(new Error(`${problem[0].toUpperCase()}${problem.slice(1)}.`), { status: response.status });
}

function stored(prefix) {
  return Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort();
}

const kept = () => stored(KEPT);

/** Store a decision; false where this browser cannot. */
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

/** A stored decision; without an item where the entry is not one of this page. */
function entry(key) {
  try {
    return Object(JSON.parse(localStorage.getItem(key)));
  } catch {
    return {};
  }
}

/** Send all that is kept, oldest first; the last answer, or null where something is still kept or was set aside. */
function send() {
  clearTimeout(timer);
  sending ??= sendAll().finally(() => (sending = null));
  return sending;
}

async function sendAll() {
  let answer = null;
  for (let keys = kept(); keys.length; keys = kept()) {
    try {
      answer = await ask("decisions", localStorage.getItem(keys[0]));
    } catch (error) {
      if (LATER.includes(error.status)) {
        warn(error.message);
        timer = setTimeout(resend, AGAIN);
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

/** Keep a decision that the server will never take where it is seen and not sent. */
function setAside(key, problem) {
  const decision = entry(key);
  localStorage.removeItem(key);
  try {
    localStorage.setItem(SET_ASIDE + key.slice(KEPT.length), JSON.stringify({ ...decision, problem }));
    showAside();
  } catch {
    complain(problem); // the storage is full: it is shown once
  }
}

/** Remove what was set aside of an item, which was decided anew; of all items where none is named. */
function forget(which) {
  for (const key of stored(SET_ASIDE)) {
    if (which === undefined || entry(key).item === which) localStorage.removeItem(key);
  }
  showAside();
}

function showAside() {
  const entries = stored(SET_ASIDE).map(entry);
  byId("aside").hidden = !entries.length;
  byId("aside-list").replaceChildren(...entries.map(({ place, problem, caption }) => {
    const line = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = Number.isInteger(place) ? `Item ${place + 1}` : "An item";
    button.addEventListener("click", () => Number.isInteger(place) && show(place));
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

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

// ---- showing an item

async function show(place) {
  const mine = ++loading;
  let found;
  try {
    found = await ask(`items/${place}`);
  } catch (error) {
    complain(error.message);
    return;
  }
  if (mine !== loading) return;
  item = found;
  history.replaceState(null, "", `${location.pathname}#${place + 1}`);
  complain("");
  draw();
  say(`Item ${place + 1}. ${plain(item.original)}. Changed: ${plain(item.changed)}.`);
}

function draw() {
  const pictures = Object.keys(item.pictures);
  document.body.classList.toggle("bare", !pictures.length);
  document.body.classList.toggle("lone", pictures.length === 1);
  byId("place").textContent = `Item ${item.place + 1}`;
  byId("concept").textContent = item.concept;
  byId("edited").hidden = !item.edited;
  for (const side of ["original", "changed"]) {
    const figure = byId(side);
    words(figure.querySelector(".words"), item[side]);
    figure.querySelector(".frame").hidden = !item.pictures[side];
    picture(figure.querySelector(".picture"), item.pictures[side]);
    picture(figure.querySelector(".outline"), item.pictures.outline);
  }
  if (byId("swap")) { pressed("swap", false); pressed("mask", byId("mask").ariaPressed === "true"); }
  const verdict = byId("verdict");
  verdict.className = `soft ${item.decision ?? ""}`;
  verdict.textContent = ownVerdict(item);
}

function picture(image, address) {
  // an image without an address would show as a broken one
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

const plain = (pieces) => pieces.map(([text]) => text).join("");

function ownVerdict({ decision, edited, reason }) {
  if (!decision) return "";
  if (decision === "accept") return edited ? "You accepted it with a corrected caption." : "You accepted it.";
  const listed = [...document.querySelectorAll("#reasons button")].find((button) => button.value === reason);
  const why = listed?.lastChild.textContent.trim() || reason || "for no reason";
  return `You refused it: ${why[0].toLowerCase()}${why.slice(1)}.`;
}

function say(text) {
  byId("said").textContent = text;
}

function pressed(id, on) {
  byId(id).ariaPressed = String(on);
  if (id === "mask") for (const each of document.querySelectorAll(".outline")) each.hidden = !on;
  if (id === "swap") {
    byId("changed").classList.toggle("swapped", on);
    picture(byId("changed").querySelector(".picture"), item.pictures[on ? "original" : "changed"]);
    if (on) say("The original is shown in the place of the changed picture.");
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
  await show(answer.next ?? item?.place ?? 0);
  preload(answer.next);
}

/** Fetch the pictures after the item that is shown, so that the next one stands at once. */
function preload(place) {
  if (place === null || place + 1 >= byId("bar").max || !item?.pictures.changed) return;
  for (const which of ["original", "changed"]) {
    new Image().src = item.pictures[which].replace(/\/\d+\/(\w+)$/, `/${place + 1}/$1`);
  }
}

// ---- what the keys do

async function decide(decision) {
  if (!item) return;
  if (!keep({ item: item.item, place: item.place, ...decision })) {
    complain("This browser's storage is full or switched off, so the decision is not made. Make room and decide again.");
    return;
  }
  const answer = await send();
  if (answer) {
    say(decision.decision === "accept" ? "Accepted." : "Refused.");
    await proceed(answer);
  }
}

async function jump() {
  try {
    const answer = await ask(`progress?after=${item ? item.place + 1 : 0}`);
    await proceed(answer);
  } catch (error) {
    complain(error.message);
  }
}

function edit() {
  byId("other").textContent = plain(item.original);
  byId("caption").maxLength = item.longest;
  byId("caption").value = plain(item.changed);
  byId("unfit").hidden = true;
  byId("editor").showModal();
  byId("caption").focus();
  byId("caption").setSelectionRange(byId("caption").value.length, byId("caption").value.length);
}

const actions = {
  accept: () => decide({ decision: "accept", caption: plain(item.changed) }),
  refuse: () => byId("reasons").showModal(),
  edit,
  back: () => show(Math.max(0, item.place - 1)),
  forward: () => show(Math.min(byId("bar").max - 1, item.place + 1)),
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
  // a caption is one line, so Enter ends it; while an input method composes, Enter belongs to it
  if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); byId("save").click(); }
});
byId("restore").addEventListener("click", () => { byId("caption").value = item.as_found; byId("caption").focus(); });
byId("forget").addEventListener("click", () => forget());
byId("save").addEventListener("click", (event) => {
  const text = byId("caption").value.trim();
  const problem = !text ? "Write a caption." : text === plain(item.original) ? "Both captions would say the same." : "";
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

// ---- the start: first what an earlier page could not send, then the item in the address or the next undecided one

async function start() {
  // the token has done its work: it stays out of the address, the history and what is copied from there
  history.replaceState(null, "", location.pathname + location.hash);
  showAside();
  await send();
  const wanted = Number(location.hash.slice(1));
  try {
    const standing = await ask("progress");
    measure(standing);
    await show(wanted >= 1 && wanted <= standing.total ? wanted - 1 : standing.next ?? 0);
    preload(standing.next);
  } catch (error) {
    complain(error.message);
  }
}
start();
