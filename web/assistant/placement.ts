/**
 * Where the panel goes: below its trigger if there is room, else on the roomier side, always inside the window.
 * It moves beside the text where it would cover it and there is room.
 * Its counterpart is panel-controller.ts, which measures and applies it.
 * Pure geometry in CSS pixels.
 */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Placement {
  readonly side: "below" | "above";
  readonly left: number;
  /** Distance from the window's top (below) or bottom (above), so that the panel grows away from its trigger. */
  readonly offset: number;
  readonly maxHeight: number;
}

const MARGIN = 8;
const GAP = 6;
/** With this much below, the panel stays below; with less, it takes the roomier side. */
const COMFORTABLE = 400;
/** Under this, covering the trigger is better than a slit. */
const LEAST = 392;

export function place(
  anchor: Box,
  panel: Size,
  window: Size,
  rightToLeft: boolean,
  text: Box = anchor,
): Placement {
  const below = window.height - anchor.bottom - GAP - MARGIN;
  const above = anchor.top - GAP - MARGIN;
  const side = below >= COMFORTABLE || below >= above ? "below" : "above";
  const room = side === "below" ? below : above;
  const maxHeight = Math.min(window.height - 2 * MARGIN, Math.max(room, LEAST));
  const edge = side === "below" ? anchor.bottom : window.height - anchor.top;
  return {
    side,
    left: clamp(
      besideText(anchor, panel.width, window.width, rightToLeft, text, side) ??
        (rightToLeft ? anchor.right - panel.width : anchor.left),
      window.width - MARGIN - panel.width,
    ),
    offset: clamp(edge + GAP, window.height - MARGIN - Math.min(panel.height, maxHeight)),
    maxHeight,
  };
}

/** Its left edge beside the text, or null: nothing would be covered, or there is no room. Heights play no part, so that it stays put. */
function besideText(
  anchor: Box,
  panelWidth: number,
  windowWidth: number,
  rightToLeft: boolean,
  text: Box,
  side: Placement["side"],
): number | null {
  const reaches = side === "below" ? text.bottom > anchor.bottom : text.top < anchor.top;
  if (!reaches) return null;
  const right = Math.max(text.right, anchor.right) + GAP;
  const left = Math.min(text.left, anchor.left) - GAP - panelWidth;
  const found = [right, left].map(
    (edge) => edge >= MARGIN && edge + panelWidth <= windowWidth - MARGIN,
  );
  const order = rightToLeft ? [1, 0] : [0, 1];
  const best = order.find((each) => found[each]);
  return best === undefined ? null : best === 0 ? right : left;
}

/** Between the margin and `most`; the margin wins when there is no room for both. */
function clamp(value: number, most: number): number {
  return Math.max(MARGIN, Math.min(value, most));
}
