/**
 * Opens, places and closes the panel: a non-modal popover anchored to its trigger, in the top layer where there is one.
 * It remembers where focus came from, to give it back there.
 * It never writes a style attribute from a string: a strict content security policy would refuse that.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { place } from "./placement.ts";

type Focusable = Pick<HTMLElement, "focus">;

export interface PanelParts {
  panel(): HTMLElement | null;
  anchor(): HTMLElement | null;
  /** What is worked on, and should not be covered. */
  text(): HTMLElement | null;
  /** A press outside all of our parts; the host decides whether that closes. */
  pressedOutside(path: readonly EventTarget[]): void;
}

export class PanelController implements ReactiveController {
  isOpen = false;

  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #parts: PanelParts;
  #returnTo: Focusable | null = null;
  #listening: AbortController | null = null;

  constructor(host: ReactiveControllerHost & HTMLElement, parts: PanelParts) {
    this.#host = host;
    this.#parts = parts;
    host.addController(this);
  }

  hostDisconnected(): void {
    this.close(false);
  }

  hostUpdated(): void {
    if (this.isOpen) this.#place();
  }

  /** Shows the panel; `returnTo` gets focus when it closes. */
  open(returnTo: Focusable | null): void {
    const panel = this.#parts.panel();
    if (this.isOpen || !panel) return;
    this.isOpen = true;
    this.#returnTo = returnTo;
    // Without the popover API the panel's own styles keep it above the page.
    panel.showPopover?.();
    panel.toggleAttribute("data-open", true);
    this.#listen();
    this.#place();
    this.#host.requestUpdate();
  }

  close(returnFocus: boolean): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#listening?.abort();
    const panel = this.#parts.panel();
    panel?.toggleAttribute("data-open", false);
    if (panel?.isConnected) panel.hidePopover?.();
    if (returnFocus) this.#returnTo?.focus({ preventScroll: true });
    this.#host.requestUpdate();
  }

  #listen(): void {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const again = () => this.#place();
    window.addEventListener("resize", again, { signal });
    window.addEventListener("scroll", again, { signal, capture: true, passive: true });
    window.addEventListener("pointerdown", (event) => this.#pressed(event), {
      signal,
      capture: true,
    });
  }

  #pressed(event: Event): void {
    const path = event.composedPath();
    if (!path.includes(this.#host)) this.#parts.pressedOutside(path);
  }

  #place(): void {
    const panel = this.#parts.panel();
    const anchor = this.#parts.anchor();
    if (!panel || !anchor) return;
    const { clientWidth: width, clientHeight: height } = document.documentElement;
    const rightToLeft = getComputedStyle(this.#host).direction === "rtl";
    const box = anchor.getBoundingClientRect();
    const { side, left, offset, maxHeight } = place(
      box,
      { width: panel.offsetWidth, height: panel.offsetHeight },
      { width, height },
      rightToLeft,
      this.#parts.text()?.getBoundingClientRect(),
    );
    const { style } = panel;
    style.setProperty("left", `${left}px`);
    style.setProperty("top", side === "below" ? `${offset}px` : "auto");
    style.setProperty("bottom", side === "above" ? `${offset}px` : "auto");
    style.setProperty("max-height", `${maxHeight}px`);
  }
}
