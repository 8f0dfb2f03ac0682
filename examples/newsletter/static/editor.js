// The editor: live preview, letter counts, and saving without leaving the page.
// Its counterpart is web.py. Without this script the page still edits and saves: every button is a form's.

const form = document.getElementById("letter");
const state = document.getElementById("state");
const bodyPreview = document.getElementById("body-preview");
const closing = document.getElementById("closing");
let dirty = false;

function mirror() {
  for (const element of document.querySelectorAll("[data-mirror]")) {
    element.textContent = form.elements[element.dataset.mirror].value.trim() || element.dataset.empty;
  }
  for (const element of document.querySelectorAll("[data-count]")) {
    const letters = [...form.elements[element.dataset.count].value].length;
    const best = Number(element.dataset.best);
    element.textContent = letters > best ? `${letters} of ${best} letters: long` : `${letters} of ${best} letters`;
    element.classList.toggle("over", letters > best);
  }
  form.elements.closing.value = closing.innerText.trim().replace(/\n{3,}/g, "\n\n");
  closing.classList.toggle("empty", form.elements.closing.value === "");
  const texts = [...form.querySelectorAll("textarea"), form.elements.closing].map((field) => field.value.trim());
  bodyPreview.replaceChildren(...texts.flatMap((text) => text.split(/\n{2,}/)).filter(Boolean).map(paragraph));
}

function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

async function save() {
  state.textContent = "Saving…";
  const fields = new URLSearchParams(new FormData(form));
  try {
    const response = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    dirty = false;
    state.textContent = `Saved ${answer.saved_clock}`;
  } catch (error) {
    state.textContent = error instanceof TypeError ? "Not saved: Larkspur cannot be reached" : `Not saved: ${error.message}`;
  }
}

form.addEventListener("input", (event) => {
  dirty = true;
  state.textContent = "Not saved yet";
  if (event.target instanceof HTMLTextAreaElement) grow(event.target);
  mirror();
});

// The closing note is edited where it stands, in paragraphs without any other formatting.
document.execCommand("defaultParagraphSeparator", false, "p");
closing.addEventListener("beforeinput", (event) => {
  const pasted = ["insertFromPaste", "insertFromDrop"].includes(event.inputType);
  if (!pasted && !event.inputType.startsWith("format")) return;
  event.preventDefault();
  if (pasted) document.execCommand("insertText", false, event.dataTransfer.getData("text/plain"));
});

form.addEventListener("submit", (event) => {
  dirty = false;
  if (event.submitter?.value !== "save") return;
  event.preventDefault();
  save();
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    save();
  }
});

window.addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

mirror();
form.querySelectorAll("textarea").forEach(grow);

// The page works without the assistant; it only says so. A module that failed to load fails again here.
const script = document.querySelector('script[src*="/assistant/v1/"]');
import(script.src).catch(() => {
  document.getElementById("assistant-notice").hidden = false;
});
