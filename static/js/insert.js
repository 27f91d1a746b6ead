// [data-insert]: puts a merge tag, as a plain one or with a format, where the cursor was last. The columns are those
// of the list that was looked at last: see #list-columns.
import { type } from "./typing.js";

const BOXES = ["subject", "text", "markdown", "html", "mjml", "text_beside", "layout_footer", "headers"];
const ALWAYS = ["name", "email", "unsubscribe_url"];
const locale = navigator.language || "en";
const FORMATS = {
  "as it is": "",
  "a word where it is empty": ' | default: "there"',
  "a date": ` | local_date: locale: "${locale}"`,
  "a number": ` | number: locale: "${locale}"`,
  "an amount of money": ` | money: "EUR", locale: "${locale}"`,
  CAPITALS: " | upcase",
};

const menu = document.querySelector("[data-insert]");
const [tags, formats] = menu.querySelectorAll("select");
let last = document.getElementById("subject");

function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([words, value]) => new Option(words, value)));
  if (options.some(([, value]) => value === chosen)) select.value = chosen;
}

function columns() {
  const found = [...document.querySelectorAll("#list-columns option")].map((option) => option.value);
  fill(tags, [...new Set([...found, ...ALWAYS])].map((name) => [name, name]));
}

for (const id of BOXES) document.getElementById(id)?.addEventListener("focus", ({ target }) => (last = target));

// The box of the format that is chosen, where the last one is not to be seen.
function box() {
  if (last?.checkVisibility()) return last;
  const format = document.querySelector("[name=format]:checked")?.value ?? "text";
  return document.getElementById(format);
}

menu.querySelector("button").addEventListener("click", () => {
  const area = box();
  const tag = `{{ ${tags.value}${formats.value} }}`;
  type(area, area.selectionStart, area.selectionEnd, tag);
});

fill(formats, Object.entries(FORMATS));
columns();
document.querySelector("form[data-compose]").addEventListener("change", columns);
menu.hidden = false;
