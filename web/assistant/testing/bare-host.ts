/**
 * A host for controllers under test: it counts redraws and can be disconnected.
 * Its counterpart is LitElement, whose part it plays without a document.
 * It is never part of the built module.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";

export class BareHost implements ReactiveControllerHost {
  redraws = 0;
  readonly updateComplete = Promise.resolve(true);
  readonly #controllers = new Set<ReactiveController>();

  addController(controller: ReactiveController): void {
    this.#controllers.add(controller);
  }

  removeController(controller: ReactiveController): void {
    this.#controllers.delete(controller);
  }

  requestUpdate(): void {
    this.redraws += 1;
  }

  disconnect(): void {
    for (const controller of this.#controllers) controller.hostDisconnected?.();
  }
}
