// <form data-once>: a second press on the button while the first is under way does nothing.
// A page that comes back from the browser's cache can be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]") || event.defaultPrevented) return;
  if (event.submitter?.hasAttribute("formtarget")) return; // a preview, not the real thing
  if (form.dataset.once === "sent") return event.preventDefault();
  form.dataset.once = "sent";
  for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-busy", "true");
});

addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-once]")) {
    form.dataset.once = "";
    for (const button of form.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
  }
});
