// <form data-compose>: how many mails Send would send, the reader's time zone, and a word
// before a form is sent that the server would have to refuse for its size.
const form = document.querySelector("form[data-compose]");
const label = form.querySelector("[data-send-label]");
const tooLarge = form.querySelector("[data-too-large]");
const limit = Number(form.dataset.limit);

// How many were found when the list was last checked, while there is a kept file; see list.js.
function checked() {
  if (form.querySelector("[name=kept_recipients_file]:checked") === null) return 0;
  return Number(form.querySelector("[data-found]")?.dataset.found ?? 0);
}

function mails({ good }) {
  const hasFile = form.querySelector("[data-list-file]").files.length > 0;
  const hasKept = form.querySelector("[name=kept_recipients_file]:checked") !== null;
  if (hasKept && !hasFile && checked()) good = checked();
  else if (hasFile || hasKept || good === 0) return "Send";
  return good === 1 ? "Send 1 mail" : `Send ${good.toLocaleString("en")} mails`;
}

const THOUSANDS = 1000;

// What is asked before so many are mailed; see confirm.js.
async function question() {
  const [file] = form.querySelector("[data-list-file]").files;
  const isText = file && !/\.(xls[xmb]?|ods)$/i.test(file.name); // a workbook has no lines
  const lines = isText ? (await file.text()).split("\n").length : 0;
  if (lines > THOUSANDS) return `Send it to everybody in ${file.name}, some ${lines.toLocaleString("en")} lines?`;
  const good = Math.max(found.good, checked());
  return good >= THOUSANDS ? `Send it to ${good.toLocaleString("en")} recipients?` : "";
}

async function show() {
  label.textContent = mails(found);
  form.dataset.confirm = await question();
}

let found = { good: 0 };
form.dataset.confirmButton = "Send";
form.addEventListener("recipients", (event) => {
  found = event.detail;
  show();
});
form.addEventListener("change", show);

function size() {
  let bytes = 100_000;
  for (const value of new FormData(form).values()) bytes += typeof value === "string" ? value.length : value.size;
  return bytes;
}

form.addEventListener(
  "submit",
  (event) => {
    tooLarge.hidden = true;
    if (!limit || size() <= limit) return;
    event.preventDefault();
    tooLarge.textContent = `That is more than ${Math.floor(limit / 1024 / 1024)} MB together. Take an attachment away.`;
    tooLarge.hidden = false;
  },
  true,
);

// Send from within a text field, as mail programs do.
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit();
});

// Until the ledger keeps one of this person: times.js is telling it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.documentElement.dataset.zone) {
  form.querySelector("[data-time-zone]").value ||= zone;
  document.getElementById("send_at-hint").textContent = `In your time zone, ${zone}. Empty: now.`;
}
