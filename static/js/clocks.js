// [data-server-clock="milliseconds"]: shown where that clock and the browser's are far apart.
// Not of a page that was kept: its time is past.
const FAR_MS = 10 * 60 * 1000;
const [navigation] = performance.getEntriesByType("navigation");

for (const note of document.querySelectorAll("[data-server-clock][hidden]")) {
  const apart = Math.abs(Date.now() - Number(note.dataset.serverClock));
  if (navigation?.type !== "back_forward" && apart > FAR_MS) note.hidden = false;
}
