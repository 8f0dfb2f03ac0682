/**
 * Arrow keys, Home, End and first letters in a menu (ARIA Authoring Practices, menu pattern), with one tab stop.
 * Used on the list of actions.
 * It never acts on keys that an input method is composing with.
 */
import { isComposing } from "./shortcut.ts";

export class MenuController {
  readonly #items: () => readonly HTMLElement[];

  constructor(items: () => readonly HTMLElement[]) {
    this.#items = items;
  }

  /** Moves focus for the keys that belong to a menu; true if the event was one of them. */
  handle(event: KeyboardEvent): boolean {
    if (isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return false;
    const items = this.#items();
    const current = items.indexOf(event.target as HTMLElement);
    const next = this.#next(event.key, items, current);
    if (next === null) return false;
    event.preventDefault();
    event.stopPropagation();
    this.focus(next);
    return true;
  }

  focus(item: HTMLElement | undefined = this.#items()[0]): void {
    for (const other of this.#items()) other.tabIndex = other === item ? 0 : -1;
    item?.focus();
  }

  #next(key: string, items: readonly HTMLElement[], current: number): HTMLElement | null {
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      Home: 0,
      End: -1,
    };
    const move = moves[key];
    if (move !== undefined) return items.at(move % (items.length || 1)) ?? null;
    return key.length === 1 && key !== " " ? startingWith(key, items, current) : null;
  }
}

/** The next item in turn whose words begin with this letter. */
export function startingWith(
  letter: string,
  items: readonly HTMLElement[],
  current: number,
): HTMLElement | null {
  const wanted = letter.toLocaleLowerCase();
  const inTurn = [...items.slice(current + 1), ...items.slice(0, current + 1)];
  const starts = (item: HTMLElement) =>
    item.textContent.trim().toLocaleLowerCase().startsWith(wanted);
  return inTurn.find(starts) ?? null;
}
