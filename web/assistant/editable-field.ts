/**
 * A `contenteditable` element as a field: the selection or the whole of it, in a document or in a shadow root.
 * Text goes in by the browser's editing commands for typing, so it can never become markup and undo takes one step.
 * It never edits an element that is not editable at that moment, and never leaves the element.
 */
import { EditableText, type Place } from "./editable-text.ts";
import type { Field } from "./field.ts";
import type { Range } from "./range.ts";

export function isEditable(element: unknown): element is HTMLElement {
  return (
    element instanceof HTMLElement &&
    (element.isContentEditable || element.hasAttribute("contenteditable"))
  );
}

export class EditableField implements Field {
  readonly element: HTMLElement;
  readonly limit = Number.POSITIVE_INFINITY;
  /** The last selection within the element; the browser keeps it in step with the document. */
  #kept: globalThis.Range | null = null;
  /** Whether no input came anywhere on the page since the last write, so that undo means that write. */
  #isNewest = false;

  constructor(element: HTMLElement) {
    this.element = element;
    this.selectionMoved();
  }

  get text(): string {
    return this.#read().text;
  }

  get selection(): Range {
    const range = this.#selected() ?? this.#kept;
    const reading = this.#read();
    if (!range) return { start: reading.text.length, end: reading.text.length };
    return {
      start: reading.offset({ node: range.startContainer, offset: range.startOffset }),
      end: reading.offset({ node: range.endContainer, offset: range.endOffset }),
    };
  }

  get isLocked(): boolean {
    return !this.element.isContentEditable;
  }

  /** Lines of their own where the text is made of lines, paragraphs everywhere else. */
  get gap(): string {
    const { text } = this;
    return text.includes("\n") && !text.includes("\n\n") ? "\n" : "\n\n";
  }

  select({ start, end }: Range): void {
    const [from, to] = this.#places({ start, end });
    this.#selection()?.setBaseAndExtent(from.node, from.offset, to.node, to.offset);
    this.selectionMoved();
  }

  /** Browsers put the caret first when the selection was elsewhere meanwhile, as in our own prompt box. */
  focus(): void {
    const { selection } = this;
    this.element.focus({ preventScroll: true });
    if (this.#kept) this.select(selection);
  }

  write(range: Range, text: string): void {
    const before = this.text;
    this.select(range);
    const [{ node }] = this.#places(range);
    if (!this.#type(text, this.#startsParagraphs(node)) || this.text === before) {
      this.#set(range, text);
    }
    this.#isNewest = true;
    const later = () => {
      this.#isNewest = false;
    };
    this.element.ownerDocument.addEventListener("input", later, { capture: true, once: true });
  }

  /** The browser brings back what plain text cannot: bold words, links, pictures. */
  takeBack(): boolean {
    return this.#isNewest && this.#command("undo");
  }

  /** As browsers do for editable elements (Input Events Level 2, §5.1.2): data goes in a transfer. */
  announcement(range: Range, text: string): InputEventInit {
    const [from, to] = this.#places(range);
    const dataTransfer = new DataTransfer();
    dataTransfer.setData("text/plain", text);
    const target = {
      startContainer: from.node,
      startOffset: from.offset,
      endContainer: to.node,
      endOffset: to.offset,
    };
    return { dataTransfer, targetRanges: [new StaticRange(target)] };
  }

  selectionMoved(): void {
    const range = this.#selected();
    if (!range) return;
    this.#kept ??= this.element.ownerDocument.createRange();
    this.#kept.setStart(range.startContainer, range.startOffset);
    this.#kept.setEnd(range.endContainer, range.endOffset);
  }

  #read(): EditableText {
    return new EditableText(this.element);
  }

  #places({ start, end }: Range): readonly [Place, Place] {
    const reading = this.#read();
    const from = reading.place(start, "start");
    return [from, start === end ? from : reading.place(end, "end")];
  }

  /** Types the text; false where a command is missing. */
  #type(text: string, paragraphs: boolean): boolean {
    if (text === "") return this.#command("delete");
    const breaks = paragraphs ? /(\n\n|\n)/ : /(\n)/;
    return text.split(breaks).every((piece) => {
      if (piece === "") return true;
      if (piece === "\n" && paragraphs) return this.#command("insertLineBreak");
      return piece.startsWith("\n")
        ? this.#command("insertParagraph")
        : this.#command("insertText", piece);
    });
  }

  /** Whether the Enter key makes a paragraph here, rather than a line. */
  #startsParagraphs(node: Node): boolean {
    const element = node instanceof Element ? node : node.parentElement;
    const block = element?.closest("p, li, div, h1, h2, h3, h4, h5, h6, blockquote, td");
    if (block && block !== this.element && this.element.contains(block)) {
      return block.localName === "p";
    }
    return this.#page.queryCommandValue?.("defaultParagraphSeparator") === "p";
  }

  /** Without editing commands: text nodes and line breaks, and the event that the browser would have sent. */
  #set(range: Range, text: string): void {
    const [from, to] = this.#places(range);
    const place = this.element.ownerDocument.createRange();
    place.setStart(from.node, from.offset);
    place.setEnd(to.node, to.offset);
    place.deleteContents();
    const pieces = text.split(/(\n)/).filter(Boolean);
    for (const piece of pieces.reverse()) {
      const { ownerDocument } = this.element;
      place.insertNode(
        piece === "\n" ? ownerDocument.createElement("br") : ownerDocument.createTextNode(piece),
      );
    }
    const inputType = "insertReplacementText";
    this.element.dispatchEvent(
      new InputEvent("input", { bubbles: true, composed: true, inputType }),
    );
  }

  get #page(): Partial<Document> {
    return this.element.ownerDocument;
  }

  #command(name: string, text?: string): boolean {
    return this.#page.execCommand?.call(this.element.ownerDocument, name, false, text) ?? false;
  }

  /** In a shadow root, Chromium has a selection of the root's own; other browsers share the document's. */
  #selection(): Selection | null {
    const root: Node & { getSelection?: () => Selection | null } = this.element.getRootNode();
    return root.getSelection?.() ?? this.element.ownerDocument.getSelection();
  }

  /** The page's selection where all of it lies within the element. */
  #selected(): AbstractRange | null {
    const selection = this.#selection();
    if (!selection || selection.rangeCount === 0) return null;
    const root = this.element.getRootNode();
    const range =
      (root instanceof ShadowRoot && selection.getComposedRanges?.({ shadowRoots: [root] })[0]) ||
      selection.getRangeAt(0);
    const { startContainer, endContainer } = range;
    return this.element.contains(startContainer) && this.element.contains(endContainer)
      ? range
      : null;
  }
}
