// Runs the legs of a race one after the other, with a clock beside the one that makes you wait.
// Without this module each leg is a button, and the browser does the waiting.
import { ask, follow } from "./live.js";

const live = document.getElementById("live");

function startClock(form) {
  const clock = form.querySelector("[data-clock]");
  const began = performance.now();
  clock.hidden = false;
  form.querySelector("button").hidden = true;
  const timer = setInterval(() => {
    clock.textContent = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  }, 50);
  return () => {
    clearInterval(timer);
    return performance.now() - began;
  };
}

async function run(form) {
  const fields = new FormData(form);
  const stop = startClock(form);
  // Manual: the time until the answer, without the page that it leads to.
  await fetch(form.action, { method: "POST", body: fields, redirect: "manual" });
  fields.set("milliseconds", stop());
  await fetch(form.action.replace(/next$/, "waited"), { method: "POST", body: fields });
}

async function race() {
  for (;;) {
    await follow(live);
    const form = live.querySelector("form[data-leg]");
    if (!form) return;
    const before = form.outerHTML;
    await run(form);
    document.activeElement?.blur();
    await ask(live);
    if (live.querySelector("form[data-leg]")?.outerHTML === before) return location.replace(live.dataset.live);
  }
}

live.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-leg]")) return;
  event.preventDefault();
  race();
});

const address = new URL(location.href);
if (address.searchParams.has("go")) {
  address.searchParams.delete("go"); // coming back to a race must not run it
  history.replaceState(null, "", address);
  race();
} else if (live.hasAttribute("data-moving")) {
  follow(live);
}
