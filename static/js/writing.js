// [data-toolbar=ID]: signs of Markdown around what is selected in that box, by button, or Ctrl with B, I or K.
// The buttons are one stop of the Tab key; arrows lead from one to the next.
import { type } from "./typing.js";

const KEYS = { b: "bold", i: "italic", k: "link" };
const AROUND = { bold: ["**", "**", "bold"], italic: ["*", "*", "italic"], link: ["[", "](https://)", "words"] };
const BEFORE = { heading: () => "## ", bullets: () => "- ", numbers: (at) => `${at + 1}. `, quote: () => "> " };
const ANY_SIGN = /^(#{1,6} |[-*] |\d{1,3}\. |> )/;

function around(area, [before, after, example]) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const words = value.slice(start, end);
  const isMarked = value.slice(start - before.length, start) === before && value.slice(end).startsWith(after);
  if (isMarked && before !== "[") {
    type(area, start - before.length, end + after.length, words);
    area.setSelectionRange(start - before.length, end - before.length);
    return;
  }
  type(area, start, end, before + (words || example) + after);
  const at = start + before.length;
  // Of a link, the address is what is missing.
  if (before === "[" && words) area.setSelectionRange(at + words.length + 2, at + words.length + after.length - 1);
  else area.setSelectionRange(at, at + (words || example).length);
}

function before(area, sign) {
  const { value } = area;
  const start = value.lastIndexOf("\n", area.selectionStart - 1) + 1;
  const found = value.indexOf("\n", area.selectionEnd);
  const end = found < 0 ? value.length : found;
  const lines = value.slice(start, end).split("\n");
  const isMarked = lines.every((line, at) => line.startsWith(sign(at)));
  const changed = lines.map((line, at) => (isMarked ? "" : sign(at)) + line.replace(ANY_SIGN, "")).join("\n");
  type(area, start, end, changed);
  area.setSelectionRange(start, start + changed.length);
}

function mark(area, name) {
  if (name in AROUND) around(area, AROUND[name]);
  else before(area, BEFORE[name]);
}

for (const bar of document.querySelectorAll("[data-toolbar]")) {
  const area = document.getElementById(bar.dataset.toolbar);
  const buttons = [...bar.querySelectorAll("button")];
  bar.hidden = false;
  bar.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-mark]");
    if (button) mark(area, button.dataset.mark);
  });
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!by || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + by + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  });
  area.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || !(event.key in KEYS)) return;
    event.preventDefault();
    mark(area, KEYS[event.key]);
  });
}
