/**
 * The look of `<sealgate-assistant>`: the host's font and sizes, ink on paper, one accent for the primary action.
 * Light or dark follows the `color-scheme` that the host page gives to the place where the element stands.
 * Directions are logical and sizes are in em, so that it fits right-to-left pages and any root size.
 */
import { css } from "lit";
import { resultStyles } from "./result-view.styles.ts";

const palette = css`
  :host {
    --_surface: var(--sealgate-surface, light-dark(#fffdf8, #24211d));
    --_sunken: var(--sealgate-surface-sunken, light-dark(#f5f0e6, #1a1815));
    --_text: var(--sealgate-text, light-dark(#1b1a17, #eee8dc));
    --_muted: var(--sealgate-muted, light-dark(#5d574b, #b0a797));
    --_rule: var(--sealgate-rule, light-dark(#ddd5c5, #3f3a33));
    --_border: var(--sealgate-border, light-dark(#877f6f, #857c6d));
    --_hover: var(--sealgate-hover, light-dark(#1b1a170f, #eee8dc17));
    --_accent: var(--sealgate-accent, light-dark(#9b2c21, #bd4034));
    --_on-accent: var(--sealgate-on-accent, #ffffff);
    --_focus: var(--sealgate-focus, var(--_text));
    --_radius: var(--sealgate-radius, 3px);
    --_added: var(--sealgate-added, light-dark(#dfeed9, #24402a));
    --_removed: var(--sealgate-removed, light-dark(#f8e0dc, #4a2522));

    display: inline-block;
    font: inherit;
    font-family: var(--sealgate-font, inherit);
    font-size: var(--sealgate-font-size, max(13px, 1em));
    line-height: 1.5;
    color: var(--_text);
  }
  :host([hidden]) {
    display: none;
  }
  :host([theme="light"]) {
    color-scheme: light;
  }
  :host([theme="dark"]) {
    color-scheme: dark;
  }
  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }
  p,
  h2,
  h3,
  fieldset,
  legend {
    margin: 0;
    padding: 0;
    border: 0;
    min-inline-size: 0;
  }
  /* Words of another direction than the page's keep their own order. */
  p,
  h2,
  legend {
    unicode-bidi: plaintext;
  }
  :host(:dir(rtl)) :is(p, h2, legend) {
    text-align: right;
  }
`;

const controls = css`
  button {
    display: inline-flex;
    align-items: center;
    gap: 0.5em;
    min-block-size: 2.25em;
    padding: 0.25em 0.75em;
    border: 1px solid var(--_border);
    border-radius: var(--_radius);
    background: var(--_surface);
    color: var(--_text);
    font: inherit;
    line-height: 1.25;
    text-align: start;
    cursor: pointer;
  }
  button:hover:not(:disabled, [aria-disabled="true"]) {
    background: linear-gradient(var(--_hover), var(--_hover)) var(--_surface);
  }
  button:disabled,
  [aria-disabled="true"] {
    color: var(--_muted);
    border-color: var(--_rule);
    cursor: default;
  }
  .primary {
    border-color: var(--_accent);
    background: var(--_accent);
    color: var(--_on-accent);
    font-weight: 600;
  }
  .primary:hover:not(:disabled) {
    background: linear-gradient(#0000001f, #0000001f) var(--_accent);
  }
  .primary:disabled {
    background: none;
    font-weight: inherit;
  }
  .icon,
  .icon:disabled {
    justify-content: center;
    inline-size: 2.25em;
    padding: 0;
    border-color: transparent;
    background: none;
  }
  .plain {
    border-color: transparent;
    background: none;
    font-size: max(12px, 0.875em);
    white-space: nowrap;
  }
  .icon:disabled {
    opacity: 0.4;
  }
  :focus-visible {
    outline: 2px solid var(--_focus);
    outline-offset: 2px;
  }
  svg {
    flex: none;
    inline-size: 1em;
    block-size: 1em;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  :host(:dir(rtl)) :is(.icon, .item) svg {
    transform: scaleX(-1);
  }
  @media (pointer: coarse) {
    button,
    .choice {
      min-block-size: 44px;
    }
    .icon {
      inline-size: 44px;
    }
  }
`;

const panel = css`
  .panel {
    position: fixed;
    inset: auto;
    z-index: 2147483647;
    flex-direction: column;
    inline-size: min(var(--sealgate-panel-width, 28em), 100vw - 16px);
    margin: 0;
    padding: 0;
    overflow: hidden;
    border: 1px solid var(--_border);
    border-radius: calc(var(--_radius) + 1px);
    background: var(--_surface);
    color: var(--_text);
    box-shadow: var(--sealgate-shadow, 0 1px 2px #1b1a1714, 0 8px 24px #1b1a1726);
    font-style: normal;
    font-weight: 400;
    letter-spacing: normal;
    text-align: start;
    text-transform: none;
    white-space: normal;
    container-type: inline-size;
  }
  .panel:not([data-open]) {
    display: none;
  }
  .panel[data-open] {
    display: flex;
  }
  .panel:focus,
  .problem:focus {
    outline: none;
  }
  .header {
    display: flex;
    align-items: center;
    gap: 0.25em;
    padding-block: 0.375em;
    padding-inline: 1em 0.375em;
    border-block-end: 1px solid var(--_rule);
  }
  .header.nested {
    padding-inline-start: 0.375em;
  }
  h2 {
    flex: 1;
    font-size: 1em;
    font-weight: 600;
    overflow-wrap: anywhere;
  }
  h2 .quiet {
    font-weight: 400;
  }
  .content {
    flex: 1;
    min-block-size: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 0.75em 1em 1em;
  }
  .used-up {
    padding: 0.5em 1em;
    border-block-start: 1px solid var(--_rule);
    background: var(--_sunken);
    font-variant-numeric: tabular-nums;
  }
  [data-standing="low"] {
    color: var(--_text);
    font-weight: 600;
  }
  .footer {
    padding: 0.5em 1em;
    border-block-start: 1px solid var(--_rule);
    color: var(--_muted);
    font-size: max(12px, 0.8125em);
    font-variant-numeric: tabular-nums;
  }
  .quiet {
    color: var(--_muted);
  }
  .scope {
    margin-block-end: 0.5em;
    color: var(--_muted);
    font-size: max(12px, 0.875em);
    font-variant-numeric: tabular-nums;
  }
  .announcer {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;

const menu = css`
  [role="menu"] {
    margin-inline: -0.5em;
  }
  .item {
    inline-size: 100%;
    min-block-size: 2.5em;
    padding: 0.375em 0.5em;
    border-color: transparent;
    background: none;
    justify-content: space-between;
  }
  .item:hover:not([aria-disabled="true"]),
  .item:focus-visible {
    background: var(--_hover);
  }
  .item:focus-visible {
    outline-offset: -2px;
  }
  .item svg {
    color: var(--_muted);
  }
  .words {
    display: grid;
  }
  .words .quiet {
    font-size: max(12px, 0.875em);
  }
  .item.rule {
    margin-block-start: 0.5em;
    border-radius: 0;
    border-block-start: 1px solid var(--_rule);
  }
`;

const boxes = css`
  .box {
    inline-size: 100%;
    min-inline-size: 0;
    padding: 0.5em 0.75em;
    border: 1px solid var(--_border);
    border-radius: var(--_radius);
    background: var(--_surface);
    color: var(--_text);
    font: inherit;
    unicode-bidi: plaintext;
  }
  .box:focus-visible {
    outline-offset: -1px;
  }
  .box::placeholder {
    color: var(--_muted);
    opacity: 1;
  }
  .ask {
    display: flex;
    align-items: end;
    gap: 0.375em;
    margin-block-end: 0.5em;
  }
  .ask .box {
    display: block;
    flex: 1;
    min-block-size: 2.5em;
    max-block-size: 9em;
    line-height: 1.375;
    resize: none;
    field-sizing: content;
  }
  .send {
    block-size: 2.5em;
    inline-size: 2.5em;
    flex: none;
  }
  .send:not(:disabled) {
    border-color: var(--_border);
  }
`;

const options = css`
  fieldset {
    margin-block-end: 1em;
  }
  legend {
    margin-block-end: 0.25em;
    font-weight: 600;
  }
  .choice {
    display: flex;
    align-items: center;
    gap: 0.5em;
    min-block-size: 2em;
    cursor: pointer;
  }
  /* The button that begins stays in sight however long the list is. */
  .content.options .buttons {
    position: sticky;
    inset-block-end: -1em;
    margin-block: 0 -1em;
    padding-block: 0.5em 1em;
    background: var(--_surface);
  }
  .choices.long {
    max-block-size: 10em;
    margin-block-start: 0.375em;
    padding-inline: 2px;
    overflow-y: auto;
    overscroll-behavior: contain;
  }
  input[type="radio"] {
    inline-size: 1.125em;
    block-size: 1.125em;
    margin: 0;
    accent-color: var(--_text);
  }
`;

const highContrast = css`
  @media (forced-colors: active) {
    .primary {
      border-color: Highlight;
    }
    .modes span {
      border-color: Canvas;
    }
    .modes input:checked + span {
      border-color: Highlight;
    }
    .more > :first-child {
      margin-inline-start: 0;
    }
    .more > :last-child {
      margin-inline-end: 0;
    }
    .item:focus-visible {
      outline-color: Highlight;
    }
    .passage {
      border: 1px solid;
    }
    .status[data-writing]::before {
      background: CanvasText;
    }
  }
`;

export const styles = [palette, controls, panel, menu, boxes, options, resultStyles, highContrast];
