/**
 * Counts the seconds until another attempt can succeed, and redraws its host while there are any.
 * Used beside errors that only time fixes.
 * It never retries by itself.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";

export class CountdownController implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #over: () => void;
  #endsAtMs = 0;
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `over` is called once when a countdown reaches zero. */
  constructor(host: ReactiveControllerHost, over: () => void) {
    this.#host = host;
    this.#over = over;
    host.addController(this);
  }

  hostDisconnected(): void {
    this.start(null);
  }

  get remainingS(): number {
    return this.#timer === null ? 0 : Math.max(0, Math.ceil((this.#endsAtMs - Date.now()) / 1000));
  }

  /** Begins anew; null or zero seconds end it silently. */
  start(seconds: number | null): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (!seconds) return;
    this.#endsAtMs = Date.now() + seconds * 1000;
    this.#timer = setInterval(() => this.#tick(), 1000);
  }

  #tick(): void {
    if (this.remainingS === 0) {
      this.start(null);
      this.#over();
    }
    this.#host.requestUpdate();
  }
}
