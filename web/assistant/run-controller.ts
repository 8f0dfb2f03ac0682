/**
 * One piece of writing from order to result: start, stream, stop, try again, and the versions that came of it.
 * Stopping keeps the text so far and ends the exchange at the proxy; a failure midway keeps it too.
 * It never touches the field: applying a result is edits.ts's work.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Action, Values } from "./catalogue.ts";
import type { FinishReason, ProxyClient, RunEvent, Usage } from "./client.ts";
import type { Turn } from "./conversation.ts";
import type { Emit, Ordered } from "./events.ts";
import { localProblem, type Problem, ProblemError } from "./problem.ts";
import { originalOf, type Snapshot } from "./range.ts";

/** What is to be written: an action with its parameters, or the user's own words after earlier turns. */
export type Task =
  | { readonly kind: "action"; readonly action: Action; readonly values: Values }
  | { readonly kind: "prompt"; readonly prompt: string; readonly history: readonly Turn[] };

export interface Order {
  readonly task: Task;
  readonly origin: Snapshot;
  readonly locale: string | undefined;
}

export type AttemptState = "writing" | "done" | "stopped" | "failed";

export interface Attempt {
  readonly order: Order;
  readonly state: AttemptState;
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly usage: Usage | null;
  readonly problem: Problem | null;
  readonly requestId: string | null;
}

const BLANK: Omit<Attempt, "order"> = {
  state: "writing",
  text: "",
  finishReason: "stop",
  usage: null,
  problem: null,
  requestId: null,
};

export interface RunListener {
  /** The proxy's word on how many requests are left. */
  remaining(count: number | null): void;
  /** An attempt began or ended; called once each, never per piece of text. */
  changed(attempt: Attempt): void;
}

export class RunController implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #emit: Emit;
  readonly #listener: RunListener;
  #attempts: readonly Attempt[] = [];
  #shown = 0;
  #running: AbortController | null = null;

  constructor(host: ReactiveControllerHost, emit: Emit, listener: RunListener) {
    this.#host = host;
    this.#emit = emit;
    this.#listener = listener;
    host.addController(this);
  }

  hostDisconnected(): void {
    this.discard();
  }

  /** The attempt on show. */
  get attempt(): Attempt | null {
    return this.#attempts[this.#shown] ?? null;
  }

  /** What the attempt on show was asked for. */
  get order(): Order | null {
    return this.attempt?.order ?? null;
  }

  get position(): { readonly n: number; readonly total: number } {
    return { n: this.#shown + 1, total: this.#attempts.length };
  }

  get isWriting(): boolean {
    return this.#running !== null;
  }

  get ordered(): Ordered | null {
    if (!this.order) return null;
    const { task, origin } = this.order;
    const whole = origin.range.end - origin.range.start === origin.value.length;
    return {
      action: task.kind === "action" ? task.action.id : null,
      parameters: task.kind === "action" ? task.values : {},
      scope: whole ? "field" : "selection",
    };
  }

  /** Begins an order of its own; earlier versions belonged to another and go. */
  async start(client: ProxyClient, order: Order): Promise<void> {
    this.discard();
    await this.extend(client, order);
  }

  /** Writes another version of the order on show. */
  async again(client: ProxyClient): Promise<void> {
    if (this.order) await this.extend(client, this.order);
  }

  /** Writes a further version, to this order. Versions without any text are not worth keeping. */
  async extend(client: ProxyClient, order: Order): Promise<void> {
    if (this.isWriting) return;
    this.#attempts = [...this.#attempts.filter(({ text }) => text !== ""), { ...BLANK, order }];
    this.#shown = this.#attempts.length - 1;
    await this.#write(client, order);
  }

  /** Ends the exchange; the text so far stays. */
  stop(): void {
    if (!this.#running) return;
    this.#end();
    this.#settle({ state: "stopped" });
    const { ordered, attempt } = this;
    if (ordered && attempt) this.#emit("sealgate-stopped", { ...ordered, text: attempt.text });
  }

  show(offset: -1 | 1): void {
    if (this.isWriting || !this.#attempts[this.#shown + offset]) return;
    this.#shown += offset;
    this.#host.requestUpdate();
  }

  /** Goes back from a version that brought no text to the one before; false where there is none. */
  retreat(): boolean {
    if (this.isWriting || this.attempt?.text !== "" || this.#attempts.length < 2) return false;
    this.#attempts = this.#attempts.filter((attempt) => attempt !== this.attempt);
    this.#shown = this.#attempts.length - 1;
    this.#host.requestUpdate();
    return true;
  }

  discard(): void {
    this.stop();
    this.#attempts = [];
    this.#shown = 0;
    this.#host.requestUpdate();
  }

  async #write(client: ProxyClient, order: Order): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.#settle({});
    if (this.ordered) this.#emit("sealgate-generating", this.ordered);
    try {
      for await (const event of asked(client, order, running.signal)) {
        if (running.signal.aborted) return;
        this.#take(event);
      }
    } catch (error) {
      if (running.signal.aborted) return;
      this.#fail(error);
    }
  }

  #take(event: RunEvent): void {
    if (event.type === "started") {
      this.#patch({ requestId: event.requestId });
      this.#listener.remaining(event.remaining);
    } else if (event.type === "delta") {
      this.#patch({ text: (this.attempt?.text ?? "") + event.text });
      this.#emit("sealgate-chunk", { text: event.text });
    } else {
      this.#finish(event.finishReason, event.usage);
    }
  }

  #finish(finishReason: FinishReason, usage: Usage | null): void {
    this.#running = null;
    this.#settle({
      state: "done",
      finishReason,
      usage,
      text: (this.attempt?.text ?? "").trimEnd(),
    });
    const { ordered, attempt } = this;
    if (!ordered || !attempt) return;
    const { text, requestId } = attempt;
    this.#emit("sealgate-generated", { ...ordered, text, finishReason, usage, requestId });
  }

  #fail(error: unknown): void {
    this.#end();
    const problem =
      error instanceof ProblemError ? error.problem : localProblem("unexpected_answer");
    this.#settle({ state: "failed", problem });
    this.#emit("sealgate-error", { problem });
  }

  #end(): void {
    this.#running?.abort();
    this.#running = null;
  }

  #settle(change: Partial<Attempt>): void {
    this.#patch(change);
    if (this.attempt) this.#listener.changed(this.attempt);
  }

  /** The attempt being written is always the last one, and the one on show. */
  #patch(change: Partial<Attempt>): void {
    this.#attempts = this.#attempts.map((attempt, index) =>
      index === this.#shown ? { ...attempt, ...change } : attempt,
    );
    this.#host.requestUpdate();
  }
}

function asked(client: ProxyClient, { task, origin, locale }: Order, signal: AbortSignal) {
  const text = originalOf(origin);
  const language = locale ? { locale } : {};
  if (task.kind === "action") {
    return client.run(task.action.id, { text, parameters: task.values, ...language }, signal);
  }
  const { prompt, history } = task;
  const material = text.trim() === "" ? {} : { text };
  return client.prompt({ prompt, ...material, history, ...language }, signal);
}
