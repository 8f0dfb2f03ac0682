/**
 * Makes `<button data-copy="id">` copy the text of that element and say so; without it the buttons stay hidden.
 * It reads nothing but the named element and sends nothing anywhere.
 */
const SAID_FOR_MS = 2000;

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => void copy(button));
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const source = document.getElementById(button.dataset.copy ?? "");
  const words = button.firstChild;
  if (source === null || !(words instanceof Text)) return;
  words.data = await written(source.textContent ?? "");
  button.setAttribute("aria-live", "polite");
  setTimeout(() => {
    words.data = "Copy";
  }, SAID_FOR_MS);
}

async function written(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Select and copy by hand";
  }
}

export {};
