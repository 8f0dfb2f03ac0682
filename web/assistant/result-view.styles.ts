/**
 * The look of what was written and of what can be done with it (result-view.ts), errors among them.
 * Its counterpart is sealgate-assistant.styles.ts, which sets the colours used here.
 * Status is never told by colour alone: added is underlined, removed is struck through.
 */
import { css } from "lit";

export const resultStyles = css`
  .bar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 0.25em 1em;
    margin-block-end: 0.5em;
  }
  .status {
    color: var(--_muted);
    font-size: max(12px, 0.875em);
    font-variant-numeric: tabular-nums;
  }
  .status[data-writing]::before {
    content: "";
    display: inline-block;
    inline-size: 0.5em;
    block-size: 0.5em;
    margin-inline-end: 0.5em;
    border-radius: 50%;
    background: currentColor;
    animation: breathe 1.4s ease-in-out infinite alternate;
  }
  @keyframes breathe {
    to {
      opacity: 0.25;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .status[data-writing]::before {
      animation: none;
    }
  }
  .asked {
    margin-block-end: 0.5em;
    overflow-wrap: anywhere;
  }
  .asked span {
    color: var(--_muted);
  }
  .content.result > .ask {
    margin-block: 0.75em 0;
  }
  .modes {
    display: flex;
    font-size: max(12px, 0.8125em);
  }
  .modes label {
    position: relative;
    cursor: pointer;
  }
  .modes input {
    position: absolute;
    inset: 0;
    inline-size: 100%;
    block-size: 100%;
    margin: 0;
    opacity: 0;
    cursor: pointer;
  }
  .modes span {
    display: block;
    padding: 0.25em 0.5em;
    border-block-end: 2px solid transparent;
    color: var(--_muted);
  }
  .modes input:checked + span {
    border-color: currentColor;
    color: var(--_text);
  }
  .modes input:focus-visible + span {
    outline: 2px solid var(--_focus);
    outline-offset: -2px;
  }
  .content.result {
    display: flex;
    flex-direction: column;
  }
  .content.result > * {
    flex: none;
  }
  .content.result > :is(.passage, .columns) {
    flex: 0 1 auto;
    min-block-size: 3em;
    max-block-size: 20em;
    overflow-y: auto;
  }
  .passage {
    overscroll-behavior: contain;
    padding: 0.5em 0.75em;
    border-radius: var(--_radius);
    background: var(--_sunken);
    white-space: pre-wrap;
    overflow-wrap: break-word;
  }
  ins,
  del {
    padding-block: 0.0625em;
    color: inherit;
  }
  ins {
    background: var(--_added);
    text-decoration: underline;
    text-underline-offset: 0.2em;
  }
  del {
    background: var(--_removed);
    text-decoration: line-through;
  }
  .columns {
    display: grid;
    gap: 0.75em;
    align-content: start;
  }
  @container (min-inline-size: 26em) {
    .columns {
      grid-template-columns: 1fr 1fr;
    }
  }
  h3 {
    margin-block-end: 0.25em;
    color: var(--_muted);
    font-size: max(12px, 0.8125em);
    font-weight: 600;
  }
  .remark {
    margin-block-start: 0.75em;
    padding-inline-start: 0.75em;
    border-inline-start: 3px solid var(--_border);
  }
  .buttons {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5em;
    margin-block-start: 0.75em;
  }
  /* What can be done stays in sight however long the text above it is. */
  .content.result > .buttons {
    position: sticky;
    inset-block-end: -1em;
    margin-block: 0.25em -1em;
    padding-block: 0.5em 1em;
    background: var(--_surface);
  }
  @media (max-height: 400px) {
    .content.result > .buttons {
      position: static;
    }
  }
  .more {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    flex: 1 0 100%;
  }
  .more > button {
    border-color: transparent;
    background: none;
  }
  .more > :first-child {
    margin-inline-start: -0.75em;
  }
  .more > :last-child {
    margin-inline: auto -0.75em;
  }
  .versions {
    display: inline-flex;
    align-items: center;
    font-size: max(12px, 0.875em);
    font-variant-numeric: tabular-nums;
  }
  .problem {
    padding-inline-start: 0.75em;
    border-inline-start: 3px solid var(--_text);
    font-variant-numeric: tabular-nums;
  }
  .passage ~ .problem {
    margin-block-start: 0.75em;
  }
  .who {
    font-weight: 600;
  }
  code {
    font-family: ui-monospace, Menlo, Consolas, "Liberation Mono", monospace;
    overflow-wrap: anywhere;
  }
`;
