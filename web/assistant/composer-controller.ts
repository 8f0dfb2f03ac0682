/**
 * The way from an action or a prompt to applied text: choose, set parameters, write, look, refine, use or discard.
 * Its counterparts are the views, which draw what it holds, and run-, edit- and connection-controller, which do the parts.
 * It never decides where things stand on the screen or which key was pressed.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { waitOf } from "./allowance.ts";
import { type Action, defaults, type Parameter, type Values } from "./catalogue.ts";
import { best, matching } from "./choices.ts";
import type { ConnectionController } from "./connection-controller.ts";
import { recent } from "./conversation.ts";
import { CountdownController } from "./countdown-controller.ts";
import { EditController, type Placing } from "./edit-controller.ts";
import { type Obstacle, snapshot } from "./edits.ts";
import type { Emit } from "./events.ts";
import type { Field } from "./field.ts";
import { localProblem, type Problem } from "./problem.ts";
import { problemWords } from "./problem-words.ts";
import { isBlank, originalOf, type Snapshot } from "./range.ts";
import type { ResultMode } from "./result-view.ts";
import { type Attempt, type Order, RunController, type Task } from "./run-controller.ts";
import { statusLine, usedUpLine } from "./summary-view.ts";
import type { TextKey, Wording } from "./texts.ts";
import { diffWords, type Piece } from "./words.ts";

export interface Surroundings {
  field(): Field | null;
  wording(): Wording;
  /** The work is finished: the panel may go. */
  finished(): void;
  /** What is on show was exchanged for something else. */
  viewChanged(): void;
}

export class ComposerController implements ReactiveController {
  readonly run: RunController;
  /** Until what failed can succeed, or until a used-up allowance has room for a request. */
  readonly countdown: CountdownController;
  action: Action | null = null;
  values: Values = {};
  /** What was typed to find a choice, by parameter id. */
  queries: Values = {};
  /** What stands in the two boxes for the user's own words. */
  prompt = "";
  followUp = "";
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
    this.countdown = new CountdownController(host, () => void this.#waited());
    this.run = new RunController(host, emit, {
      remaining: (count) => connection.noteRemaining(count),
      changed: (attempt) => this.#attemptChanged(attempt),
    });
    host.addController(this);
  }

  hostDisconnected(): void {
    this.action = null;
    this.prompt = "";
    this.followUp = "";
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

  /** Seconds until another request makes sense; zero when that is now. */
  get waitS(): number {
    return this.countdown.remainingS;
  }

  get canPrompt(): boolean {
    return this.#connection.catalogue?.canPrompt ?? false;
  }

  /** Whether the version on show can be refined in the user's own words. */
  get canFollowUp(): boolean {
    return this.canPrompt && (this.#connection.catalogue?.followUps ?? 0) > 0;
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
    if (this.waitS === 0) this.#wait(null);
    if (this.view !== "menu") return;
    if (this.problem) {
      this.#wait(this.problem);
      this.#tellProblem(this.problem);
    } else if (this.waitS > 0) {
      this.#say(usedUpLine(this.#around.wording(), this.waitS));
    }
  }

  choose(action: Action): void {
    const usual = defaults(action);
    this.values = this.action?.id === action.id ? { ...usual, ...this.values } : usual;
    this.action = action;
    this.queries = {};
    if (action.parameters.length === 0) this.begin();
    else this.#around.viewChanged();
    this.#host.requestUpdate();
  }

  set(parameter: string, value: string): void {
    this.values = { ...this.values, [parameter]: value };
    this.#host.requestUpdate();
  }

  /** Narrows a long list to what was typed; the choice that was probably meant is taken. */
  find(parameter: Parameter, query: string): void {
    this.queries = { ...this.queries, [parameter.id]: query };
    const { locale } = this.#around.wording();
    const meant = query.trim() === "" ? null : best(parameter, query, locale);
    if (meant) this.set(parameter.id, meant.value);
    const { length } = matching(parameter, query, locale);
    this.#tell(length > 0 ? "matches" : "noMatch", length);
  }

  readonly write = (prompt: string): void => {
    this.prompt = prompt;
    this.#host.requestUpdate();
  };

  readonly writeFollowUp = (prompt: string): void => {
    this.followUp = prompt;
    this.#host.requestUpdate();
  };

  /** Back from an order that brought nothing: what was said for it stands in its box again. */
  readonly back = (): void => {
    const { attempt } = this.run;
    const task = attempt?.text === "" ? attempt.order.task : null;
    const said = task?.kind === "prompt" ? task.prompt : "";
    if (this.run.retreat()) {
      this.#ownProblem = null;
      this.followUp = said;
    } else {
      this.#reset();
      this.prompt = said || this.prompt;
    }
    this.#around.viewChanged();
  };

  /** Lets go of every version and of what was said, and begins with the text as it is now. */
  readonly startOver = (): void => {
    this.#reset();
    this.#around.viewChanged();
    this.#tell("startedOver");
  };

  begin(): void {
    const { action, values, present } = this;
    if (!action || !present || isBlank(present) || this.waitS > 0) return;
    this.mode = "result";
    void this.run.start(
      this.#connection.client,
      this.#order({ kind: "action", action, values }, present),
    );
  }

  /** Writes what the prompt says, from the text or from nothing. */
  readonly ask = (): void => {
    const prompt = this.prompt.trim();
    const { present } = this;
    if (!present || prompt === "" || this.waitS > 0) return;
    this.mode = "result";
    this.action = null;
    void this.run.start(
      this.#connection.client,
      this.#order({ kind: "prompt", prompt, history: [] }, present),
    );
    this.prompt = "";
  };

  /** Refines the version on show: what was asked for it and what was answered goes along. */
  readonly refine = (): void => {
    const prompt = this.followUp.trim();
    const { attempt } = this.run;
    if (!attempt || prompt === "" || this.waitS > 0) return;
    const { order } = attempt;
    const turn = { prompt: this.#wordsOf(order.task), answer: attempt.text };
    const earlier = order.task.kind === "prompt" ? order.task.history : [];
    const history = recent([...earlier, turn], this.#connection.catalogue?.followUps ?? 0);
    this.#ownProblem = null;
    this.mode = "result";
    void this.run.extend(
      this.#connection.client,
      this.#order({ kind: "prompt", prompt, history }, order.origin),
    );
    this.followUp = "";
  };

  /** Shows an earlier or a later version, and says which. */
  readonly show = (offset: -1 | 1): void => {
    this.run.show(offset);
    this.#tell("version", this.run.position.n, this.run.position.total);
  };

  readonly again = (): void => {
    if (this.waitS > 0) return;
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

  readonly replace = (): void => {
    const fresh = this.run.order !== null && isBlank(this.run.order.origin);
    void this.#apply("replace", fresh ? "insertedNew" : "replaced");
  };

  readonly insert = (): void => void this.#apply("insert", "inserted");

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

  async #apply(placing: Placing, told: TextKey): Promise<void> {
    const field = this.#around.field();
    const { order, attempt } = this.run;
    if (!field || !order || !attempt) return;
    // The panel goes first: it gives focus back, and the edit then leaves it in the field.
    if (this.#edits.obstacle(placing, field, order.origin, attempt.text)) {
      this.#host.requestUpdate();
      return;
    }
    this.#around.finished();
    const { text: before } = field;
    const { origin } = order;
    const isIn =
      this.#edits.apply(placing, field, origin, attempt.text) ||
      (await this.#edits.taken(field, before));
    if (!isIn) {
      this.#tell("readOnly"); // The page refused it. The result is kept, for the panel to be opened again.
      return;
    }
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
    this.followUp = "";
    this.#ownProblem = null;
    if (this.#connection.catalogue?.allowance?.remaining !== 0) this.countdown.start(null);
  }

  /** Counts down to what the problem says, else to the next request that a used-up allowance has room for. */
  #wait(problem: Problem | null): void {
    const allowance = this.#connection.catalogue?.allowance;
    this.countdown.start(problem?.retryAfterS ?? (allowance ? waitOf(allowance) : null));
    this.#host.requestUpdate();
  }

  /** Time has done its work: what is left is asked afresh. */
  async #waited(): Promise<void> {
    this.#tell("retryNow");
    await this.#connection.refresh();
    if (this.waitS === 0) this.#wait(null);
  }

  #attemptChanged(attempt: Attempt): void {
    const { problem, state } = attempt;
    if (problem?.code === "rate_limited") {
      this.#connection.noteRemaining(0, problem.retryAfterS);
    }
    if (state !== "writing") this.#wait(problem);
    if (problem) this.#tellProblem(problem);
    else this.#say(this.#standing(attempt));
    this.#around.viewChanged();
  }

  /** How the writing stands, and that it was the last for now where it was. */
  #standing(attempt: Attempt): string {
    const wording = this.#around.wording();
    const line = statusLine(wording, attempt);
    const isLast = attempt.state !== "writing" && this.waitS > 0;
    return isLast ? `${line}. ${usedUpLine(wording, this.waitS)}` : line;
  }

  #order(task: Task, origin: Snapshot): Order {
    return { task, origin, locale: this.#around.wording().locale };
  }

  /** What was asked, in words that make sense to whoever answers the follow-up. */
  #wordsOf(task: Task): string {
    if (task.kind === "prompt") return task.prompt;
    const { label, parameters } = task.action;
    const chosen = parameters.map(({ id, label: name, choices }) => {
      const choice = choices.find(({ value }) => value === task.values[id]);
      return `${name}: ${choice?.label ?? ""}`;
    });
    return [label, ...chosen].join(". ");
  }

  #tellProblem(problem: Problem): void {
    const { message, hint } = problemWords(this.#around.wording(), problem);
    this.#say(`${message} ${hint}`.trim());
  }

  #tell(key: TextKey, n = 0, total = 0): void {
    this.#say(this.#around.wording().say(key, { n, total }));
  }

  /** The same words twice are only read out again when they differ: a trailing space does that. */
  #say(words: string): void {
    this.told = this.told === words ? `${words}\u00a0` : words;
    this.#host.requestUpdate();
  }
}
