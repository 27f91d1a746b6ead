// <time datetime="..." data-time="short|clock|exact">: the reader's own time zone, named, and language.
const DAY = { day: "numeric", month: "short", year: "numeric" };
const CLOCK = { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
const FORMS = {
  short: { ...DAY, hour: "numeric", minute: "2-digit", timeZoneName: "short" },
  clock: CLOCK,
  exact: { ...CLOCK, fractionalSecondDigits: 3 },
};

function localise(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = element.title || element.textContent;
    element.textContent = new Intl.DateTimeFormat(undefined, FORMS[element.dataset.time] ?? FORMS.short).format(moment);
    element.removeAttribute("data-time");
  }
}

localise(document);
document.addEventListener("live:swapped", (event) => localise(event.target.parentNode ?? document));
