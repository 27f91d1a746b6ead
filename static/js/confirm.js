// <form data-confirm="What will happen?">, or a button with it: asked once more before it is sent.
// data-confirm-button: the words on the button that says yes.
document.addEventListener(
  "submit",
  (event) => {
    const { target: form, submitter } = event;
    const question = submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!question || event.defaultPrevented || submitter?.hasAttribute("formtarget")) return;
    if (form.dataset.confirmed === question) {
      delete form.dataset.confirmed;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(question, form.dataset.confirmButton ?? submitter?.textContent.trim() ?? "Yes", () => {
      form.dataset.confirmed = question;
      form.requestSubmit(submitter);
    });
  },
  true,
);

function ask(question, words, proceed) {
  const dialog = document.createElement("dialog");
  dialog.className = "confirm stack";
  dialog.setAttribute("aria-labelledby", "confirm-question");
  const text = document.createElement("p");
  text.id = "confirm-question";
  text.textContent = question;
  const buttons = document.createElement("form");
  buttons.method = "dialog";
  buttons.className = "row";
  buttons.append(button("No, go back", "", "button"), button(words, "yes", "button button-main"));
  dialog.append(text, buttons);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "yes") proceed();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function button(words, value, look) {
  const made = document.createElement("button");
  made.value = value;
  made.className = look;
  made.textContent = words;
  return made;
}
