// Words put into a box, as if they were typed: it can be undone.
export function type(area, start, end, words) {
  area.focus();
  area.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, words)) area.setRangeText(words, start, end, "end");
}
