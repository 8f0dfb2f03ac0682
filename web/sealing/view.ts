/**
 * The sealing page's document: which of its states is shown, and the texts in them.
 * Its counterpart is sealing.html. It writes textContent and checked attributes only, so Trusted Types have nothing to refuse.
 */

export type State = "loading" | "form" | "done" | "problem";

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
export function show(state: State, moveFocus = true): void {
  for (const section of document.querySelectorAll<HTMLElement>("[data-state]")) {
    section.hidden = section.dataset.state !== state;
  }
  const heading = document.querySelector<HTMLElement>(`[data-state="${state}"] h1`);
  document.title = `${heading?.textContent?.trim() || "Seal a key"} · Sealgate`;
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

/** Show a problem of the whole page. `returnUrl` is where the console is, once that is known. */
export function showProblem(problem: Problem, returnUrl: string | null): void {
  fill({
    "problem-title": problem.title,
    "problem-text": problem.text,
    "problem-hint": problem.hint,
    "problem-again": problem.again ?? "",
  });
  element("problem-again", HTMLElement).hidden = problem.again === undefined;
  linkBack("problem-return", returnUrl);
  element("problem-back", HTMLElement).hidden = returnUrl !== null || history.length < 2;
  show("problem");
}

/** Point a link at the console, or hide it. */
export function linkBack(id: string, returnUrl: string | null): void {
  const link = element(id, HTMLAnchorElement);
  link.hidden = returnUrl === null;
  if (returnUrl !== null) link.href = returnUrl;
}
