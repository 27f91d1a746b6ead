// [data-check] buttons of the compose form, [data-check-again] selects, and a file that is chosen: the list is
// checked without leaving the page, and the upload is seen. Without scripts the buttons lead to the same page.
const form = document.querySelector("form[data-compose]");
const progress = form.querySelector("[data-progress]");
const status = form.querySelector("[data-check-status]");
const PARTS = ["file-part", "list-part"];
let asked;

function say(words) {
  status.textContent = words;
}

function ended(words = "") {
  progress.hidden = true;
  say(words);
}

function check(focus) {
  asked?.abort();
  const request = (asked = new XMLHttpRequest());
  const data = new FormData(form);
  data.delete("attachments"); // they stay in their field
  request.open("POST", form.querySelector("[data-check]").formAction.split("#")[0]);
  request.responseType = "document";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    progress.hidden = false;
    progress.value = total ? (100 * loaded) / total : 0;
    say(loaded < total ? `${Math.floor((100 * loaded) / total)} % uploaded` : "Reading the list …");
    if (loaded >= total) progress.removeAttribute("value");
  });
  request.addEventListener("load", () => show(request, focus));
  request.addEventListener("error", () => ended("The list did not arrive. Try again."));
  request.send(data);
}

function show({ status: code, response }, focus) {
  const parts = PARTS.map((id) => response?.getElementById(id));
  if (code === 413) return ended("That is too large to be sent.");
  if (parts.includes(null) || parts.includes(undefined)) return ended("This did not work. Load the page anew.");
  const open = [...form.querySelectorAll("#list-part details")].map((one) => [one.dataset.kind, one.open]);
  for (const part of parts) document.getElementById(part.id).replaceWith(document.adoptNode(part));
  for (const [kind, is] of open) {
    const one = form.querySelector(`#list-part details[data-kind="${kind}"]`);
    if (one) one.open = is;
  }
  mended(response.getElementById("recipients"));
  ended(form.querySelector("#list-part .list-figures")?.innerText.replaceAll("\n", ", ") ?? "");
  form.dispatchEvent(new Event("change"));
  if (focus) document.getElementById(focus)?.focus();
}

// What was mended in the list that is typed.
function mended(its) {
  const area = form.querySelector("#recipients");
  if (!its || its.value === area.value.replaceAll("\r\n", "\n")) return;
  area.value = its.value;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

// Before confirm.js and once.js, which are for what is really sent.
addEventListener(
  "submit",
  (event) => {
    if (event.target !== form || !event.submitter?.hasAttribute("data-check")) return;
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
