/**
 * Where the panel goes beside its trigger: below if there is room, else on the roomier side, always inside the window.
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

export function place(anchor: Box, panel: Size, window: Size, rightToLeft: boolean): Placement {
  const below = window.height - anchor.bottom - GAP - MARGIN;
  const above = anchor.top - GAP - MARGIN;
  const side = below >= COMFORTABLE || below >= above ? "below" : "above";
  const room = side === "below" ? below : above;
  const maxHeight = Math.min(window.height - 2 * MARGIN, Math.max(room, LEAST));
  const edge = side === "below" ? anchor.bottom : window.height - anchor.top;
  return {
    side,
    left: clamp(
      rightToLeft ? anchor.right - panel.width : anchor.left,
      window.width - MARGIN - panel.width,
    ),
    offset: clamp(edge + GAP, window.height - MARGIN - Math.min(panel.height, maxHeight)),
    maxHeight,
  };
}

/** Between the margin and `most`; the margin wins when there is no room for both. */
function clamp(value: number, most: number): number {
  return Math.max(MARGIN, Math.min(value, most));
}
