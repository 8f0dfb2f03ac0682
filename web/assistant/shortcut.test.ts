// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { ariaShortcut, isApple, matches, parseShortcut } from "./shortcut.ts";

const press = (key: string, more: KeyboardEventInit = {}) =>
  new KeyboardEvent("keydown", { key, ...more });

describe("a shortcut", () => {
  it("is Control on most systems and Command on Apple's", () => {
    expect(matches(parseShortcut("mod+j", false), press("j", { ctrlKey: true }))).toBe(true);
    expect(matches(parseShortcut("mod+j", true), press("j", { metaKey: true }))).toBe(true);
    expect(matches(parseShortcut("mod+j", true), press("j", { ctrlKey: true }))).toBe(false);
    expect([isApple("MacIntel"), isApple("iPhone"), isApple("Linux x86_64")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each([
    ["another key", "k", { ctrlKey: true }],
    ["a missing modifier", "j", {}],
    ["a further modifier", "j", { ctrlKey: true, shiftKey: true }],
    ["a key that is part of a composition", "j", { ctrlKey: true, isComposing: true }],
  ])("is not %s", (_name, key, more) => {
    expect(matches(parseShortcut("mod+j", false), press(key, more))).toBe(false);
  });

  it.each(["", "none", "mod+", "hyper+j", "j+mod"])("written as %j is none", (text) => {
    expect(parseShortcut(text, false)).toBeNull();
  });

  it("tells assistive technology its name", () => {
    const shortcut = parseShortcut("mod + shift + w", false);
    expect(shortcut && ariaShortcut(shortcut)).toBe("Control+Shift+W");
  });
});
