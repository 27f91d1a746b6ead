// <textarea data-recipients="ID">: counts the recipients while they are typed or pasted, into
// the output of that ID. A quick look only: the server reads the list with more care. Of a line of cells, with
// tabs between them, the one that looks right counts; one without any may be of headings.
const ENTRY = /(?:"(?:[^"\\\n]|\\.)*"|<[^<>\n]*>|[^,;\n])+/g;
const LOOKS_RIGHT = /^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;".]+$/;
const PAUSE = 150;

export function look(text) {
  const seen = new Set();
  const odd = [];
  let twice = 0;
  let number = 0;
  for (const line of text.split("\n")) {
    number += 1;
    const cells = line.trim().split("\t");
    const entries = cells.length > 1 ? cells.filter((cell) => cell.includes("@")) : (line.match(ENTRY) ?? []);
    for (const entry of entries) {
      const typed = entry.trim();
      if (!typed) continue;
      const bracketed = /<([^<>]*)>$/.exec(typed);
      const address = (bracketed ? bracketed[1].trim() : typed).toLowerCase();
      if (seen.has(address)) {
        twice += 1;
        continue;
      }
      // A comma inside a name splits it; its first half is no address and belongs to the next entry.
      if (!LOOKS_RIGHT.test(address) && !address.startsWith('"')) odd.push(number);
      else seen.add(address);
    }
  }
  return { good: seen.size, twice, odd };
}

function say(output, { good, twice, odd }, empty) {
  output.hidden = empty;
  output.replaceChildren();
  const strong = document.createElement("strong");
  strong.textContent = `${good.toLocaleString("en")} ${good === 1 ? "recipient" : "recipients"}`;
  output.append(strong);
  if (twice) output.append(` · ${twice.toLocaleString("en")} there twice, sent once`);
  if (odd.length) {
    const doubt = document.createElement("span");
    doubt.className = "doubt";
    const lines = odd.slice(0, 3).join(", ") + (odd.length > 3 ? ", …" : "");
    doubt.textContent = ` · ${odd.length.toLocaleString("en")} ${odd.length === 1 ? "does" : "do"} not look like an address (line ${lines})`;
    output.append(doubt);
  }
}

for (const area of document.querySelectorAll("textarea[data-recipients]")) {
  const output = document.getElementById(area.dataset.recipients);
  let timer;
  let pause = PAUSE;
  const count = () => {
    const began = performance.now();
    const found = look(area.value);
    pause = Math.max(PAUSE, 4 * (performance.now() - began)); // a hundred thousand take their time
    say(output, found, area.value.trim() === "");
    area.dispatchEvent(new CustomEvent("recipients", { bubbles: true, detail: found }));
  };
  area.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(count, pause);
  });
  count();
}
