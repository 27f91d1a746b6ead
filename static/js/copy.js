// <button data-copy="id">: the text of that element, into the clipboard.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = "Copied";
  } catch {
    // Without https there is no clipboard: marked, it is one key press away.
    getSelection().selectAllChildren(source);
    button.textContent = "Marked: press Ctrl+C";
  }
});

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
