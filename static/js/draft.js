// [data-draft] in the compose form: what is typed and chosen is kept as a draft by itself, a few seconds
// after the last change and when the page is left. Files are sent once. What could not be kept (signed out,
// server away) stays in this tab, and is there when the page is back. Whoever has no script has a button.
const form = document.querySelector("form[data-compose]");
const box = form.querySelector("[data-draft]");
const status = box.querySelector("[data-draft-status]");
const versions = box.querySelector("[data-draft-versions]");
const trouble = box.querySelector("[data-draft-alert]");

const PAUSE = 2_000;
const LONGEST_WAIT = 10_000; // while somebody types without a pause
const LONGEST_RETRY = 30_000;
const STASH = "mailroom.draft "; // and the place
const NOT_STASHED = new Set(["csrf_token"]);

let writer = [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(16)).join("-");
let changes = 0;
let kept = 0; // so many of the changes
let waitsSince = 0;
let timer;
let asked; // the request that is under way
let failures = 0;
let isLeaving = false;
const tooLarge = new WeakSet(); // files that the server did not take

const field = (name) => form.elements.namedItem(name);

function say(words) {
  status.textContent = words;
}

function complain(words, ...links) {
  trouble.hidden = !words;
  trouble.replaceChildren(words);
  for (const [text, href] of links) {
    const link = document.createElement("a");
    link.href = href;
    link.textContent = text;
    trouble.append(" ", link);
  }
}

// What changed

function changed() {
  changes += 1;
  waitsSince ||= Date.now();
  plan(Math.min(PAUSE, Math.max(0, waitsSince + LONGEST_WAIT - Date.now())));
}

function plan(wait) {
  clearTimeout(timer);
  timer = setTimeout(keep, wait);
}

for (const name of ["input", "change"]) form.addEventListener(name, changed);

// Who would get it, as other scripts know: recipients.js counts what is typed, list.js has a file checked.
let typed = 0;
form.addEventListener("recipients", ({ detail }) => {
  typed = detail.good;
});

function recipients() {
  const hasFile = form.querySelector("[name=kept_recipients_file]:checked") !== null;
  const found = Number(form.querySelector("[data-found]")?.dataset.found ?? 0);
  return hasFile ? found || "" : typed;
}

// Keeping it

function data(withFiles) {
  field("draft_writer").value = writer;
  field("draft_writes").value = changes;
  field("draft_recipients").value = recipients();
  const data = new FormData(form);
  for (const input of form.querySelectorAll("input[type=file]")) {
    data.delete(input.name);
    if (!withFiles || input.matches("[data-list-file]")) continue; // list.js sends that one
    for (const file of input.files) if (!tooLarge.has(file)) data.append(input.name, file);
  }
  return data;
}

function chosen() {
  const found = new Map();
  for (const input of form.querySelectorAll("input[type=file]:not([data-list-file])")) {
    if (input.files.length) found.set(input, [...input.files]);
  }
  return found;
}

async function keep() {
  clearTimeout(timer);
  if (isLeaving || asked || kept === changes) return;
  waitsSince = 0;
  const upTo = changes;
  const files = chosen();
  const controller = (asked = new AbortController());
  say("Keeping …");
  try {
    await answered(await send(data(true), controller.signal), upTo, files);
  } catch {
    if (!controller.signal.aborted) later("It is not kept: the server does not answer. It is tried again.");
  } finally {
    if (asked === controller) asked = undefined;
  }
  if (kept !== changes && !isLeaving && !failures) plan(PAUSE);
}

function send(body, signal, keepalive = false) {
  const headers = { "X-Requested-With": "fetch" };
  return fetch(box.dataset.url, { method: "POST", body, signal, keepalive, headers });
}

async function answered(response, upTo, files) {
  const answer = await response.json().catch(() => ({}));
  if (answer.csrf_token) return renew(answer.csrf_token);
  if (response.status === 401) return signedOut();
  if (response.status === 413) return refuse(files);
  if (answer.draft) return done(answer, upTo, files);
  if (response.status >= 500) return later("It is not kept: the server is in trouble. It is tried again.");
  kept = upTo; // the next change is tried again
  say("");
  complain(answer.message ?? "It is not kept.");
}

function done(answer, upTo, files) {
  kept = upTo;
  failures = 0;
  field("draft").value = answer.draft;
  field("draft_revision").value = answer.revision;
  field("idempotency_key").value = answer.draft;
  history.replaceState(history.state, "", answer.path);
  versions.href = `${answer.path}/versions`;
  versions.hidden = false;
  takeAway(files, answer.kept_files);
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(new Date());
  say(`Kept ${time}`);
  if (answer.other) complain(answer.message, ["Look at the other one", answer.other]);
  else if (!trouble.querySelector("a")) complain("");
}

// Files that are kept stand as such in the form, and are not sent again.
function takeAway(files, html) {
  for (const [input, sent] of files) {
    const labels = html[input.name];
    if (!labels) continue;
    input.before(...new DOMParser().parseFromString(labels, "text/html").body.children);
    const rest = new DataTransfer(); // chosen meanwhile
    for (const file of input.files) if (!sent.includes(file) || tooLarge.has(file)) rest.items.add(file);
    input.files = rest.files;
  }
}

function later(words) {
  failures += 1;
  say("");
  complain(words);
  plan(Math.min(PAUSE * 2 ** (failures - 1), LONGEST_RETRY));
}

function renew(token) {
  for (const input of document.querySelectorAll("input[name=csrf_token]")) input.value = token;
  failures += 1;
  if (failures > 3) return later("It is not kept: load the page anew.");
  plan(0);
}

function signedOut() {
  failures += 1;
  say("");
  const next = encodeURIComponent(location.pathname + location.search);
  const href = `${box.dataset.signIn}?next=${next}`;
  complain("You are signed out: this is not kept yet.", ["Sign in: it will be here", href]);
  plan(LONGEST_RETRY);
}

function refuse(files) {
  for (const sent of files.values()) for (const file of sent) tooLarge.add(file);
  say("");
  complain("The files are too large to be kept; all else is.");
  plan(0);
}

// Leaving: the last words go with a request that outlives the page, and stay in this tab until it is back.

const place = () => STASH + location.pathname + location.search;

function stash() {
  const fields = [...data(false)].filter(([name]) => !NOT_STASHED.has(name));
  const { user } = box.dataset;
  try {
    sessionStorage.setItem(place(), JSON.stringify({ user, writer, changes, fields }));
  } catch {
    // no room, or not allowed: the request may still arrive
  }
}

addEventListener("pagehide", () => {
  if (isLeaving || kept === changes) return;
  stash();
  asked?.abort();
  send(data(false), undefined, true).catch(() => {});
});

addEventListener("pageshow", ({ persisted }) => {
  isLeaving = false;
  if (persisted) sessionStorage.removeItem(place());
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) keep();
});

// The button does at once what is done by itself. Before once.js, which is for what leaves the page.
addEventListener(
  "submit",
  (event) => {
    if (event.target !== form || !event.submitter?.hasAttribute("data-draft-keep")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    failures = 0;
    changes += 1;
    keep();
  },
  true,
);

// Once the form itself is on its way, it brings all of it.
addEventListener("submit", (event) => {
  if (event.target !== form || event.defaultPrevented || event.submitter?.hasAttribute("formtarget")) return;
  data(true);
  isLeaving = true;
  clearTimeout(timer);
});

// What this tab could not get rid of

// A field for times drops what it cannot say, as one with its offset: it stood in a field for text.
function put(element, value) {
  element.value = value;
  if (!value || element.value) return;
  element.type = "text";
  element.value = value;
}

function restore() {
  let found;
  try {
    found = JSON.parse(sessionStorage.getItem(place()) ?? "null");
    sessionStorage.removeItem(place());
  } catch {
    return;
  }
  if (found?.user !== box.dataset.user) return;
  const values = new Map();
  for (const [name, value] of found.fields) values.set(name, [...(values.get(name) ?? []), value]);
  for (const element of form.elements) {
    if (!element.name || element.type === "file" || element.name === "csrf_token") continue;
    const given = values.get(element.name) ?? [];
    const isTicked = element.type === "checkbox" || element.type === "radio";
    if (isTicked) element.checked = given.includes(element.value);
    else if (given.length) put(element, given.shift());
  }
  ({ writer, changes } = found);
  for (const details of form.querySelectorAll("details")) {
    const fields = [...details.querySelectorAll("textarea, input:not([type=radio])")];
    details.open ||= fields.some(({ defaultValue, value }) => value !== defaultValue);
  }
  changed();
}

restore();
