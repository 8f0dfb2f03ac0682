import { describe, expect, it } from "vitest";
import { place } from "./placement.ts";

const WINDOW = { width: 1200, height: 900 };
const PANEL = { width: 448, height: 300 };
const trigger = (left: number, top: number) => ({ left, right: left + 120, top, bottom: top + 36 });

describe("the panel", () => {
  it("stands below its trigger, aligned with its start", () => {
    expect(place(trigger(200, 100), PANEL, WINDOW, false)).toMatchObject({
      side: "below",
      left: 200,
      offset: 142,
    });
  });

  it("aligns with the trigger's right edge in right-to-left pages", () => {
    expect(place(trigger(600, 100), PANEL, WINDOW, true).left).toBe(720 - 448);
  });

  it.each([
    ["to the right of the text, though its trigger is over it", 60, 500, false, 506],
    ["to the left where only there is room", 640, 1150, false, 640 - 6 - 448],
    ["to the left first in right-to-left pages", 500, 680, true, 500 - 6 - 448],
    ["under its trigger where there is room on neither side", 300, 900, false, 320],
  ])("stands %s", (_where, left, right, rightToLeft, expected) => {
    const text = { left, right, top: 140, bottom: 300 };
    expect(place(trigger(left + 20, 100), PANEL, WINDOW, rightToLeft, text).left).toBe(expected);
  });

  it("stands below a trigger that is below the text, which it does not cover", () => {
    const text = { left: 60, right: 500, top: 10, bottom: 90 };
    expect(place(trigger(340, 100), PANEL, WINDOW, false, text).left).toBe(340);
  });

  it("flips above where there is more room", () => {
    const placed = place(trigger(200, 800), PANEL, WINDOW, false);
    expect(placed).toMatchObject({ side: "above", offset: 900 - 800 + 6 });
  });

  it.each([
    [320, 568, 20, 300],
    [320, 568, 250, 10],
    [340, 720, 180, 690],
    [800, 300, 700, 150],
    [1200, 900, 1100, -400],
    [1200, 900, -50, 2000],
  ])("stays inside a window of %i × %i", (width, height, left, top) => {
    const window = { width, height };
    const panel = { width: Math.min(448, width - 16), height: 1000 };
    const placed = place(trigger(left, top), panel, window, false);
    expect(placed.left).toBeGreaterThanOrEqual(8);
    expect(placed.left + panel.width).toBeLessThanOrEqual(width - 8);
    expect(placed.offset).toBeGreaterThanOrEqual(8);
    expect(placed.offset + placed.maxHeight).toBeLessThanOrEqual(height - 8);
    expect(placed.maxHeight).toBeGreaterThanOrEqual(Math.min(392, height - 16));
  });
});
