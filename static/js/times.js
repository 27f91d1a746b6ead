// <time datetime="..." data-time="short|clock|exact|hour">: in the reader's language and time zone, named.
// <html data-zone>: the zone that is kept of them. <html data-keep-zone>: none is, and the browser's is sent there.
const DAY = { day: "numeric", month: "short", year: "numeric" };
const CLOCK = { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
const FORMS = {
  short: { ...DAY, hour: "numeric", minute: "2-digit", timeZoneName: "short" },
  clock: CLOCK,
  hour: { hour: "numeric", minute: "2-digit", timeZoneName: "short" },
  exact: { ...CLOCK, fractionalSecondDigits: 3 },
};
const { zone, keepZone } = document.documentElement.dataset;

function written(moment, form) {
  try {
    return new Intl.DateTimeFormat(undefined, { ...form, timeZone: zone || undefined }).format(moment);
  } catch {
    return ""; // the browser does not know that zone: the server's words stay
  }
}

function localise(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = element.title || element.textContent;
    element.textContent = written(moment, FORMS[element.dataset.time] ?? FORMS.short) || element.textContent;
    element.removeAttribute("data-time");
  }
}

function keep() {
  const token = document.querySelector("input[name=csrf_token]")?.value;
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!token || !guess) return;
  const body = new URLSearchParams({ csrf_token: token, zone: guess, guess: "1" });
  fetch(keepZone, { method: "POST", body }).catch(() => {}); // the next page tries again
}

localise(document);
document.addEventListener("live:swapped", (event) => localise(event.target.parentNode ?? document));
if (keepZone) keep();
