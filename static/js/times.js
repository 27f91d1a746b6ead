// <time datetime="..." data-time="short|date|clock">: the reader's own time zone and language.
const FORMS = {
  short: { dateStyle: "medium", timeStyle: "short" },
  date: { dateStyle: "medium" },
  clock: { timeStyle: "medium" },
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
