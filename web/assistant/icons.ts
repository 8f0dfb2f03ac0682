/**
 * The assistant's few drawn marks, in the colour of the text around them.
 * Each stands beside words or an accessible name, so all are hidden from assistive technology.
 */
import { html, svg } from "lit";

export const PEN = mark("M2.5 13.5l1-3.5 7-7L13 5.5l-7 7zM9 4.5L11.5 7M9 13.5h4.5");
export const CLOSE = mark("M4 4l8 8M12 4l-8 8");
export const BACK = mark("M10 3L5 8l5 5");
export const SEND = mark("M8 13V3M3.5 7.5L8 3l4.5 4.5");
export const FORWARD = mark("M6 3l5 5-5 5");

function mark(path: string) {
  return html`<svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    ${svg`<path d=${path} />`}
  </svg>`;
}
