// <div id="live" data-live="url" data-every="1000" data-moving>: asks the server again while
// data-moving stands there, and swaps only those children (by id) that changed. So a scroll
// position, a selection or the focus elsewhere on the page stays where it is.
const shown = new Map(); // what the server last sent of each part; the page itself localises times

function parts(live) {
  return [...live.children].filter((part) => part.id);
}

function swap(live, fresh) {
  for (const part of parts(fresh)) {
    const old = document.getElementById(part.id);
    const html = part.outerHTML;
    if (!old || shown.get(part.id) === html) continue;
    // Somebody is about to press something in it; when all is over it must show that.
    if (old.contains(document.activeElement) && fresh.hasAttribute("data-moving")) continue;
    shown.set(part.id, html);
    old.replaceWith(part);
    part.dispatchEvent(new CustomEvent("live:swapped", { bubbles: true })); // times.js listens
  }
  live.toggleAttribute("data-moving", fresh.hasAttribute("data-moving"));
  const announcer = document.getElementById("announcer");
  const words = fresh.dataset.announce;
  if (announcer && words && live.dataset.announce !== words) announcer.textContent = words;
  live.dataset.announce = words ?? "";
}

export async function ask(live) {
  const response = await fetch(live.dataset.live, { headers: { "X-Requested-With": "fetch" }, cache: "no-store" });
  if (response.status === 401) return location.reload(); // signed out meanwhile
  if (!response.ok) throw new Error(response.statusText);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("live");
  if (fresh) swap(live, fresh);
}

// A bar that stands still looks like mail that stands still. One question in vain says nothing yet.
function tell(inVain) {
  const note = document.getElementById("not-answering");
  if (note) note.hidden = inVain < 2;
}

export async function follow(live) {
  let wait = Number(live.dataset.every) || 1000;
  let inVain = 0;
  while (live.isConnected && live.hasAttribute("data-moving")) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (document.hidden) continue;
    try {
      await ask(live);
      inVain = 0;
      wait = Number(live.dataset.every) || 1000;
    } catch {
      inVain += 1;
      wait = Math.min(wait * 2, 15000); // the server is away; it comes back
    }
    tell(inVain);
  }
  live.dispatchEvent(new CustomEvent("live:still", { bubbles: true }));
}

const live = document.getElementById("live");
if (live && !live.hasAttribute("data-by-hand")) follow(live);
