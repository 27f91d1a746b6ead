// form[data-list-parts]: by its [data-check] buttons, its [data-check-again] selects and a file that is chosen the
// list is checked without leaving the page, and the upload is seen; then these parts of it are new. What a button
// says as [data-working] is seen while the page waits. Without scripts the buttons lead to the same page.
const form = document.querySelector("form[data-list-parts]");
const progress = form.querySelector("[data-progress]");
const status = form.querySelector("[data-check-status]");
const PARTS = form.dataset.listParts.split(" ");
let asked;

function say(words) {
  status.textContent = words;
}

function ended(words = "") {
  progress.hidden = true;
  say(words);
}

function works() {
  progress.hidden = false;
  progress.removeAttribute("value");
}

function check(focus) {
  asked?.abort();
  const from = document.activeElement;
  const typed = form.querySelector("#recipients")?.value;
  const request = (asked = new XMLHttpRequest());
  const data = new FormData(form);
  data.delete("attachments"); // they stay in their field
  request.open("POST", form.querySelector("[data-check]").formAction.split("#")[0]);
  request.responseType = "document";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    progress.hidden = false;
    progress.value = total ? (100 * loaded) / total : 0;
    say(loaded < total ? `${Math.floor((100 * loaded) / total)} % uploaded` : "Reading the list …");
    if (loaded >= total) works();
  });
  request.addEventListener("load", () => show(request, focus, from, typed));
  request.addEventListener("error", () => ended("The list did not arrive. Try again."));
  request.send(data);
}

function show({ status: code, response }, focus, from, typed) {
  const parts = PARTS.map((id) => response?.getElementById(id));
  if (code === 413) return ended("That is too large to be sent.");
  if (parts.includes(null) || parts.includes(undefined)) return ended("This did not work. Load the page anew.");
  const open = [...form.querySelectorAll("#list-part details")].map((one) => [one.dataset.kind, one.open]);
  const hasMoved = document.activeElement !== from; // to type elsewhere, and stays there
  let focused;
  for (const part of parts) {
    const before = document.getElementById(part.id);
    focused = carry(before, document.adoptNode(part)) ?? focused;
    before.replaceWith(part);
  }
  for (const [kind, is] of open) {
    const one = form.querySelector(`#list-part details[data-kind="${kind}"]`);
    if (one) one.open = is;
  }
  mended(response.getElementById("recipients"), typed);
  ended(form.querySelector("#list-part .list-figures")?.innerText.replaceAll("\n", ", ") ?? "");
  form.dispatchEvent(new Event("change"));
  (focus && !hasMoved ? document.getElementById(focus) : focused)?.focus();
}

// What was mended and ticked while the answer was on its way stays; what had the focus is returned.
function carry(before, part) {
  const { id } = before.contains(document.activeElement) ? document.activeElement : {};
  let focused = id ? part.querySelector(`#${CSS.escape(id)}`) : undefined;
  for (const control of before.querySelectorAll("input:not([type=hidden], [type=file])")) {
    const twin = counterpart(control, part);
    if (!twin) continue;
    if (control.value !== control.defaultValue) twin.value = control.value;
    if (control.checked !== control.defaultChecked) twin.checked = control.checked;
    if (control === document.activeElement) focused = twin;
  }
  return focused;
}

function counterpart(control, part) {
  const key = ({ name, value, previousElementSibling: entry }) =>
    JSON.stringify([name, name === "mend_address" ? entry.value : value]);
  return [...part.querySelectorAll("input")].find((one) => one.name === control.name && key(one) === key(control));
}

// What was mended in the list that is typed; what was typed while the answer was on its way stays instead.
function mended(its, typed) {
  const area = form.querySelector("#recipients");
  if (!its || area.value !== typed || its.value === area.value.replaceAll("\r\n", "\n")) return;
  area.value = its.value;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

// Before confirm.js and once.js, which are for what is really sent.
addEventListener(
  "submit",
  (event) => {
    if (event.target !== form) return;
    if (event.submitter?.dataset.working) {
      works();
      say(event.submitter.dataset.working);
    }
    if (!event.submitter?.hasAttribute("data-check")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    check("review");
  },
  true,
);

form.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-check-again]")) check(target.id);
  if (target.matches?.("[data-list-file]") && target.files.length) check("");
});
