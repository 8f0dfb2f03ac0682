// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { MenuController } from "./menu-controller.ts";

function menu(...labels: string[]) {
  const items = labels.map((label) => {
    const item = document.createElement("button");
    item.textContent = label;
    document.body.append(item);
    return item;
  });
  const controller = new MenuController(() => items);
  document.body.addEventListener("keydown", (event) => controller.handle(event));
  controller.focus();
  const press = (key: string, more: KeyboardEventInit = {}) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
    document.activeElement?.dispatchEvent(event);
    return event.defaultPrevented;
  };
  return { items, press, focused: () => document.activeElement?.textContent };
}

afterEach(() => {
  document.body.replaceWith(document.createElement("body"));
});

describe("a menu", () => {
  it.each([
    [["ArrowDown"], "Simplify"],
    [["ArrowDown", "ArrowDown", "ArrowDown"], "Shorten"],
    [["ArrowUp"], "Subject line"],
    [["End"], "Subject line"],
    [["End", "Home"], "Shorten"],
    [["s"], "Simplify"],
    [["S", "s"], "Subject line"],
    [["s", "s", "s"], "Shorten"],
    [["x"], "Shorten"],
  ])("after %j is on %s", (keys, label) => {
    const { press, focused } = menu("Shorten", "Simplify", "Subject line");
    for (const key of keys) press(key);
    expect(focused()).toBe(label);
  });

  it("is one stop for the Tab key", () => {
    const { items, press } = menu("Shorten", "Simplify");
    press("ArrowDown");
    expect(items.map(({ tabIndex }) => tabIndex)).toEqual([-1, 0]);
  });

  it.each([
    ["Tab", {}],
    ["Enter", {}],
    [" ", {}],
    ["s", { ctrlKey: true }],
    ["ArrowDown", { isComposing: true }],
  ])("leaves %j %j alone", (key, more) => {
    expect(menu("Shorten", "Simplify").press(key, more)).toBe(false);
  });
});
