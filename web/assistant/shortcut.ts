/**
 * Keyboard shortcuts written as text: "mod+j" is Ctrl+J, or Command+J on Apple's systems.
 * Used for the key that opens the panel from the field.
 * It never matches while an input method is composing.
 */
export interface Shortcut {
  readonly key: string;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
}

/** Null for "none", the empty string, or anything without a key or with an unknown modifier. */
export function parseShortcut(text: string, apple: boolean): Shortcut | null {
  const parts = text
    .toLowerCase()
    .split("+")
    .map((part) => part.trim());
  const key = parts.pop();
  const known = parts.every((part) => ["mod", "ctrl", "meta", "shift", "alt"].includes(part));
  if (!key || key === "none" || !known) return null;
  const has = (name: string) => parts.includes(name);
  return {
    key,
    ctrl: has("ctrl") || (has("mod") && !apple),
    meta: has("meta") || (has("mod") && apple),
    shift: has("shift"),
    alt: has("alt"),
  };
}

export function matches(shortcut: Shortcut | null, event: KeyboardEvent): boolean {
  return (
    shortcut !== null &&
    !isComposing(event) &&
    event.key.toLowerCase() === shortcut.key &&
    event.ctrlKey === shortcut.ctrl &&
    event.metaKey === shortcut.meta &&
    event.shiftKey === shortcut.shift &&
    event.altKey === shortcut.alt
  );
}

/** For `aria-keyshortcuts`. */
export function ariaShortcut({ key, ctrl, meta, shift, alt }: Shortcut): string {
  const names = [
    ctrl && "Control",
    meta && "Meta",
    shift && "Shift",
    alt && "Alt",
    key.toUpperCase(),
  ];
  return names.filter(Boolean).join("+");
}

/** Safari reports the Enter that ends a composition with keyCode 229 after isComposing has gone false. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

export function isApple(platform: string): boolean {
  return /mac|iphone|ipad/i.test(platform);
}
