/**
 * The document of a page of the vault: which of its states is shown, and the texts in them.
 * Its counterparts are sealing.html, enrol.html and approve.html. It writes textContent and checked attributes only, so Trusted Types have nothing to refuse.
 */

export interface Problem {
  readonly title: string;
  readonly text: string;
  readonly hint: string;
  /** What the button says that tries again, if trying again can help. */
  readonly again?: string;
}

/** Give an element of the page by its id; throws where the page and this script are not of one version. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(`the page has no ${id}`);
  return found;
}

/** Show one state and hide the others; its heading gets the focus, so that it is read out and Tab goes on from there. */
export function show(state: string, moveFocus = true): void {
  for (const section of document.querySelectorAll<HTMLElement>("[data-state]")) {
    section.hidden = section.dataset.state !== state;
  }
  const heading = document.querySelector<HTMLElement>(`[data-state="${state}"] h1`);
  document.title = `${heading?.textContent?.trim()} · Sealgate`;
  if (moveFocus) heading?.focus();
}

/** Put texts where `data-text` names them. */
export function fill(texts: Readonly<Record<string, string>>): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-text]")) {
    const text = texts[place.dataset.text ?? ""];
    if (text !== undefined) place.textContent = text;
  }
}

/** Say something to screen readers without moving anything. */
export function announce(text: string): void {
  element("status", HTMLElement).textContent = text;
}

/** Show a problem of the whole page. */
export function showProblem(problem: Problem): void {
  fill({
    "problem-title": problem.title,
    "problem-text": problem.text,
    "problem-hint": problem.hint,
    "problem-again": problem.again ?? "",
  });
  element("problem-again", HTMLElement).hidden = problem.again === undefined;
  show("problem");
}

/** Point a link at the console, or hide it. */
export function linkBack(id: string, returnUrl: string | null): void {
  const link = element(id, HTMLAnchorElement);
  link.hidden = returnUrl === null;
  if (returnUrl !== null) link.href = returnUrl;
}

/** Write rows of a list of terms, anew: each has a term and what it says. */
export function fillTerms(id: string, rows: readonly (readonly [string, string])[]): void {
  const made = rows.map(([term, saying]) => {
    const row = document.createElement("div");
    row.append(textIn("dt", term), textIn("dd", saying));
    return row;
  });
  element(id, HTMLElement).replaceChildren(...made);
}

/** Make an element with a text in it. */
export function textIn(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** A time as people here write it; with its day unless it is today. */
export function timeText(ms: number): string {
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(ms);
  return day.format(ms) === day.format(Date.now()) ? time : `${day.format(ms)}, ${time}`;
}

/** What stands behind the # of the address under a name; it is taken out of the address at once. */
export function takeFromAddress(name: string): string {
  const found = inAddress(name);
  history.replaceState(null, "", location.pathname);
  return found;
}

export function inAddress(name: string): string {
  return new URLSearchParams(location.hash.slice(1)).get(name) ?? "";
}
