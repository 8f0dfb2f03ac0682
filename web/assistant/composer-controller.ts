/**
 * The way from an action to applied text: choose, set parameters, write, look, use or discard.
 * Its counterparts are the views, which draw what it holds, and run-, edit- and connection-controller, which do the parts.
 * It never decides where things stand on the screen or which key was pressed.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { type Action, defaults, type Values } from "./catalogue.ts";
import type { ConnectionController } from "./connection-controller.ts";
import { CountdownController } from "./countdown-controller.ts";
import { EditController, type Placing } from "./edit-controller.ts";
import type { Emit } from "./events.ts";
import { localProblem, type Problem } from "./problem.ts";
import { problemWords } from "./problem-view.ts";
import { originalOf, type Snapshot } from "./range.ts";
import type { ResultMode } from "./result-view.ts";
import { type Attempt, RunController } from "./run-controller.ts";
import { statusLine } from "./summary-view.ts";
import { type Obstacle, snapshot, type TextField } from "./text-field.ts";
import type { TextKey, Wording } from "./texts.ts";
import { diffWords, type Piece } from "./words.ts";

export interface Surroundings {
  field(): TextField | null;
  wording(): Wording;
  /** The work is finished: the panel may go. */
  finished(): void;
  /** What is on show was exchanged for something else. */
  viewChanged(): void;
}

export class ComposerController implements ReactiveController {
  readonly run: RunController;
  readonly countdown: CountdownController;
  action: Action | null = null;
  values: Values = {};
  mode: ResultMode = "result";
  /** The last thing to be told to screen readers. */
  told = "";

  readonly #host: ReactiveControllerHost;
  readonly #emit: Emit;
  readonly #connection: ConnectionController;
  readonly #around: Surroundings;
  readonly #edits: EditController;
  #ownProblem: Problem | null = null;
  #compared: { original: string; text: string; pieces: Piece[] | null } | null = null;

  constructor(
    host: ReactiveControllerHost,
    emit: Emit,
    connection: ConnectionController,
    around: Surroundings,
  ) {
    this.#host = host;
    this.#emit = emit;
    this.#connection = connection;
    this.#around = around;
    this.#edits = new EditController(host);
    this.countdown = new CountdownController(host, () => this.#waited());
    this.run = new RunController(host, emit, {
      remaining: (count) => connection.noteRemaining(count),
      changed: (attempt) => this.#attemptChanged(attempt),
    });
    host.addController(this);
  }

  hostDisconnected(): void {
    this.action = null;
    this.#ownProblem = null;
  }

  get view(): "menu" | "options" | "result" {
    if (this.run.attempt) return "result";
    return this.action ? "options" : "menu";
  }

  /** What stands in the way on the present view, if anything. */
  get problem(): Problem | null {
    if (this.#ownProblem) return this.#ownProblem;
    if (this.view === "result") return this.run.attempt?.problem ?? null;
    return this.#connection.catalogue ? null : this.#connection.problem;
  }

  /** The text that an order would take now; null without a field. */
  get present(): Snapshot | null {
    const field = this.#around.field();
    return field && snapshot(field);
  }

  get original(): string {
    return this.run.order ? originalOf(this.run.order.origin) : "";
  }

  /** Word-level changes of the attempt on show, compared once. */
  get pieces(): readonly Piece[] | null {
    const text = this.run.attempt?.text ?? "";
    const { original } = this;
    if (this.#compared?.text !== text || this.#compared.original !== original) {
      this.#compared = { original, text, pieces: diffWords(original, text) };
    }
    return this.#compared.pieces;
  }

  get canUndo(): boolean {
    return this.#edits.canUndo;
  }

  obstacle(placing: Placing): Obstacle | null {
    const { order, attempt } = this.run;
    if (!order || !attempt) return null;
    return this.#edits.obstacle(placing, this.#around.field(), order.origin, attempt.text);
  }

  /** Finds out what may be done, and whether there is a field to do it in. */
  async load(): Promise<void> {
    this.#ownProblem = this.#around.field() ? null : localProblem("field_missing");
    await this.#connection.load();
    if (this.view !== "menu" || !this.problem) return;
    this.countdown.start(this.problem.retryAfterS);
    this.#tellProblem(this.problem);
  }

  choose(action: Action): void {
    const usual = defaults(action);
    this.values = this.action?.id === action.id ? { ...usual, ...this.values } : usual;
    this.action = action;
    if (action.parameters.length === 0) this.begin();
    else this.#around.viewChanged();
    this.#host.requestUpdate();
  }

  set(parameter: string, value: string): void {
    this.values = { ...this.values, [parameter]: value };
    this.#host.requestUpdate();
  }

  readonly back = (): void => {
    this.#reset();
    this.#around.viewChanged();
  };

  begin(): void {
    const { action, values, present: origin } = this;
    if (!action || !origin || originalOf(origin).trim() === "") return;
    this.mode = "result";
    const order = { action, values, origin, locale: this.#around.wording().locale };
    void this.run.start(this.#connection.client, order);
  }

  readonly again = (): void => {
    this.#ownProblem = null;
    this.mode = "result";
    void this.run.again(this.#connection.client);
  };

  /** Asks once more what may be done. */
  readonly retry = (): void => {
    void this.load();
    this.#around.viewChanged();
  };

  readonly stop = (): void => this.run.stop();

  readonly setMode = (mode: ResultMode): void => {
    this.mode = mode;
    this.#host.requestUpdate();
  };

  readonly replace = (): void => this.#apply("replace", "replaced");

  readonly insert = (): void => this.#apply("insert", "inserted");

  readonly copy = async (): Promise<void> => {
    const text = this.run.attempt?.text ?? "";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      this.#ownProblem = localProblem("copy_refused");
      this.#tellProblem(this.#ownProblem);
      return;
    }
    this.#emitApplied("copy");
    this.#tell("copied");
  };

  readonly discard = (): void => {
    this.#reset();
    this.#tell("discarded");
    this.#around.finished();
  };

  readonly undo = (): void => {
    if (this.#edits.undo()) this.#tell("undone");
    this.#around.finished();
  };

  #apply(placing: Placing, told: TextKey): void {
    const field = this.#around.field();
    const { order, attempt } = this.run;
    if (!field || !order || !attempt) return;
    // The panel goes first: it gives focus back, and the edit then leaves it in the field.
    if (this.#edits.obstacle(placing, field, order.origin, attempt.text)) {
      this.#host.requestUpdate();
      return;
    }
    this.#around.finished();
    this.#edits.apply(placing, field, order.origin, attempt.text);
    this.#emitApplied(placing);
    this.#reset();
    this.#tell(told);
  }

  #emitApplied(mode: Placing | "copy"): void {
    const { ordered, attempt } = this.run;
    if (!ordered || !attempt) return;
    const { text, requestId } = attempt;
    this.#emit("sealgate-applied", { ...ordered, mode, text, requestId, generatedBy: "ai" });
  }

  #reset(): void {
    this.run.discard();
    this.action = null;
    this.#ownProblem = null;
    this.countdown.start(null);
  }

  /** Time has done its work: what is left is asked afresh. */
  #waited(): void {
    this.#tell("retryNow");
    void this.#connection.refresh();
  }

  #attemptChanged(attempt: Attempt): void {
    if (attempt.problem?.code === "rate_limited") this.#connection.noteRemaining(0);
    this.countdown.start(attempt.problem?.retryAfterS ?? null);
    if (attempt.problem) this.#tellProblem(attempt.problem);
    else this.#say(statusLine(this.#around.wording(), attempt));
    this.#around.viewChanged();
  }

  #tellProblem(problem: Problem): void {
    const { message, hint } = problemWords(this.#around.wording(), problem);
    this.#say(`${message} ${hint}`.trim());
  }

  #tell(key: TextKey): void {
    this.#say(this.#around.wording().say(key));
  }

  /** The same words twice are only read out again when they differ: a trailing space does that. */
  #say(words: string): void {
    this.told = this.told === words ? `${words}\u00a0` : words;
    this.#host.requestUpdate();
  }
}
