/**
 * The plain text of an editable element, with the way between offsets in it and places in the document.
 * It reads as the page shows it: paragraphs are a blank line apart, other blocks a line, white space collapses.
 * Its counterpart is editable-field.ts. It never changes the document.
 */

/** A stretch of characters that stand in one text node as they stand in the text; empty for an empty line. */
interface Run {
  readonly node: Node;
  readonly from: number;
  readonly at: number;
  length: number;
}

export interface Place {
  readonly node: Node;
  readonly offset: number;
}

export class EditableText {
  readonly text: string;
  readonly #root: HTMLElement;
  readonly #runs: readonly Run[];

  constructor(root: HTMLElement) {
    const reader = new Reader();
    reader.walk(root);
    this.#root = root;
    this.#runs = reader.runs;
    this.text = reader.text;
  }

  /** The place in the document of an offset: a range begins in the run that follows it and ends in the one before. */
  place(offset: number, side: "start" | "end"): Place {
    const reached = this.#runs.filter(({ at }) => at <= offset);
    const touching = reached.filter(({ at, length }) => offset <= at + length);
    const run = (side === "end" ? touching[0] : touching.at(-1)) ?? reached.at(-1);
    if (!run) return { node: this.#root, offset: 0 };
    return { node: run.node, offset: run.from + Math.min(offset - run.at, run.length) };
  }

  /** The offset of a place in the document; between two runs it is the end of the first. */
  offset({ node, offset }: Place): number {
    const point = this.#root.ownerDocument.createRange();
    point.setStart(node, offset);
    point.collapse(true);
    let found = 0;
    for (const run of this.#runs) {
      if (point.comparePoint(run.node, run.from) > 0) break;
      const into = run.node === node ? offset - run.from : run.length;
      found = run.at + Math.min(into, run.length);
    }
    return found;
  }
}

const COLLAPSIBLE = /[ \t\n\r\f]/;

/** Gathers the text of a tree, line by line. */
class Reader {
  text = "";
  readonly runs: Run[] = [];
  /** Line breaks that are due before more text, if more comes. */
  #due = 0;
  /** A `<br>` that more text in its block would turn into a line break; the last of a block only props it up. */
  #propped = false;
  #begun = false;
  #space: Place | null = null;
  #afterSpace = false;

  walk(parent: Node): void {
    for (const node of parent.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) this.#characters(node as Text);
      else if (node.nodeType === Node.ELEMENT_NODE) this.#element(node as HTMLElement);
    }
  }

  #element(element: HTMLElement): void {
    if (element.localName === "br") {
      this.#lineBreak(element);
      return;
    }
    const { display } = getComputedStyle(element);
    if (display === "none") return;
    const lines = isInline(display) ? 0 : linesAround(element);
    this.#edge(lines);
    this.walk(element);
    this.#edge(lines);
  }

  #edge(lines: number): void {
    if (lines === 0) return;
    this.#space = null;
    this.#propped = false;
    this.#due = Math.max(this.#due, lines);
  }

  #lineBreak(element: HTMLElement): void {
    this.#arrive();
    const node = element.parentNode as Node;
    const from = [...node.childNodes].indexOf(element);
    this.runs.push({ node, from, at: this.text.length, length: 0 });
    this.#space = null;
    this.#propped = true;
  }

  #characters(node: Text): void {
    const element = node.parentElement;
    const keeps = element !== null && /pre|break-spaces/.test(getComputedStyle(element).whiteSpace);
    for (let offset = 0; offset < node.data.length; offset += 1) {
      const character = node.data.charAt(offset);
      if (keeps || !COLLAPSIBLE.test(character)) this.#put(node, offset, character);
      else this.#space ??= this.#afterSpace ? null : { node, offset };
    }
  }

  #put(node: Text, offset: number, character: string): void {
    const space = this.#begun && this.#due === 0 && !this.#propped ? this.#space : null;
    this.#space = null;
    this.#arrive();
    if (space) this.#add(space.node, space.offset, " ");
    // Editors put no-break spaces where a typed space would collapse.
    this.#add(node, offset, character === "\u00a0" ? " " : character);
  }

  #add(node: Node, offset: number, character: string): void {
    const last = this.runs.at(-1);
    const at = this.text.length;
    this.text += character;
    const joins =
      last?.node === node && last.from + last.length === offset && last.at + last.length === at;
    if (joins && last.length > 0) last.length += 1;
    else this.runs.push({ node, from: offset, at, length: 1 });
  }

  /** Text (or an empty line) comes: what was due before it is written. */
  #arrive(): void {
    if (this.#begun) this.text += "\n".repeat(this.#due + (this.#propped ? 1 : 0));
    this.#due = 0;
    this.#propped = false;
    this.#begun = true;
  }
}

/** What is not drawn at all has no display, and no lines of its own. */
function isInline(display: string): boolean {
  return (
    /^(|contents)$/.test(display) || display.startsWith("inline") || display.startsWith("ruby")
  );
}

const PARAGRAPHS = /^(p|h[1-6]|blockquote|pre|ul|ol|dl|table|figure|hr)$/;

/** How many line breaks part a block from its neighbours; a list within a list goes on line by line. */
function linesAround({ localName, parentElement }: HTMLElement): number {
  return PARAGRAPHS.test(localName) && parentElement?.localName !== "li" ? 2 : 1;
}
