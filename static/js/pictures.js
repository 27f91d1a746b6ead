// Pictures in a letter: chosen by the toolbar's button, dropped onto a box, or pasted into one. They go along as
// attachments, and the letter shows them by their names. What is pasted from an office program is cleaned first.
import { type } from "./typing.js";

const input = document.getElementById("attachments");
const chooser = document.querySelector("[data-choose-picture]");
const status = document.querySelector("[data-writing-status]");
const OFFICE = /mso-|urn:schemas-microsoft-com|class="?Mso|docs-internal-guid|name="?generator"? content="?LibreOffice/i;

function names() {
  const kept = [...document.querySelectorAll("[name=kept_attachments]")];
  return [
    ...[...input.files].map((file) => file.name),
    ...kept.map((box) => box.closest("label").querySelector("bdi").textContent),
  ];
}

function named(file) {
  const taken = names();
  const [, stem, end] = /^(.*?)(\.[^.]*)?$/.exec(file.name || "picture.png");
  let name = file.name;
  for (let at = 2; taken.includes(name); at += 1) name = `${stem}-${at}${end ?? ""}`;
  return name === file.name ? file : new File([file], name, { type: file.type });
}

function shown(area, name) {
  const address = `cid:${encodeURIComponent(name)}`;
  const words = name.replace(/\.[^.]*$/, "");
  if (area.id === "markdown" || area.id === "layout_footer") return `![${words.replace(/[[\]\\]/g, "")}](${address})`;
  const alt = words.replace(/[&<>"]/g, "");
  return area.id === "mjml" ? `<mj-image src="${address}" alt="${alt}" />` : `<img src="${address}" alt="${alt}">`;
}

function add(area, files) {
  const all = new DataTransfer();
  for (const file of input.files) all.items.add(file);
  const letters = [];
  for (const one of files) {
    const file = named(one);
    all.items.add(file);
    input.files = all.files;
    letters.push(shown(area, file.name));
  }
  type(area, area.selectionStart, area.selectionEnd, letters.join("\n"));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function pictures(data) {
  return [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));
}

async function clean(area, html, words) {
  const body = new FormData();
  body.set("csrf_token", document.querySelector("input[name=csrf_token]").value);
  body.set("format", area.id);
  body.set("pasted", html);
  const [start, end] = [area.selectionStart, area.selectionEnd];
  status.textContent = "Cleaning …";
  let cleaned = "";
  try {
    const answer = await fetch(area.dataset.clean, { method: "POST", body });
    if (answer.ok) cleaned = (await answer.json()).cleaned;
  } catch {
    // The words alone then.
  }
  status.textContent = "";
  type(area, start, end, cleaned.trimEnd() || words);
}

for (const id of ["markdown", "html", "mjml"]) {
  const area = document.getElementById(id);
  area.addEventListener("paste", (event) => {
    const html = event.clipboardData.getData("text/html");
    const words = event.clipboardData.getData("text/plain");
    const files = pictures(event.clipboardData);
    if (OFFICE.test(html) && words.trim() && area.dataset.clean) {
      event.preventDefault();
      clean(area, html, words);
    } else if (files.length && !words) {
      event.preventDefault();
      add(area, files);
    }
  });
  area.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  area.addEventListener("drop", (event) => {
    const files = pictures(event.dataTransfer);
    if (!files.length) return;
    event.preventDefault();
    add(area, files);
  });
}

chooser.addEventListener("change", () => {
  if (chooser.files.length) add(document.getElementById("markdown"), [...chooser.files]);
  chooser.value = "";
});
document.querySelector("[data-picture]").addEventListener("click", () => chooser.click());
