/**
 * Holds the connection to the proxy for one element: the client, and the catalogue of what this session may do.
 * Nothing is asked before the user shows interest (focus on the field, the trigger or the panel).
 * It never keeps a catalogue that another proxy or session source answered.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { noted, type Standing, standingOf, waitOf } from "./allowance.ts";
import type { Catalogue } from "./catalogue.ts";
import { ProxyClient } from "./client.ts";
import type { Emit } from "./events.ts";
import { localProblem, type Problem, ProblemError } from "./problem.ts";
import { type Fetch, type GetSession, SessionKeeper, sessionFromUrl } from "./session.ts";

/** How long an answer to "what may I do" is shown without asking again. */
const FRESH_MS = 30_000;

export interface Endpoint {
  readonly proxy: string;
  readonly getSession: GetSession | null;
  readonly sessionUrl: string | null;
}

export class ConnectionController implements ReactiveController {
  catalogue: Catalogue | null = null;
  problem: Problem | null = null;

  readonly #host: ReactiveControllerHost;
  readonly #emit: Emit;
  readonly #send: Fetch;
  #endpoint: Endpoint = { proxy: "", getSession: null, sessionUrl: null };
  #client: ProxyClient | null = null;
  #asking: AbortController | null = null;
  #loading: Promise<void> | null = null;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #standing: Standing = "enough";

  constructor(host: ReactiveControllerHost, emit: Emit, send: Fetch) {
    this.#host = host;
    this.#emit = emit;
    this.#send = send;
    host.addController(this);
  }

  hostDisconnected(): void {
    this.#asking?.abort();
    this.#loading = null;
  }

  /** Points at a proxy and a source of sessions; what another one answered is forgotten. */
  use(endpoint: Endpoint): void {
    const { proxy, getSession, sessionUrl } = this.#endpoint;
    const same =
      proxy === endpoint.proxy &&
      getSession === endpoint.getSession &&
      sessionUrl === endpoint.sessionUrl;
    if (same) return;
    this.hostDisconnected();
    this.#endpoint = endpoint;
    this.#client = null;
    this.catalogue = null;
    this.problem = null;
    this.#loadedAtMs = Number.NEGATIVE_INFINITY;
  }

  get client(): ProxyClient {
    this.#client ??= new ProxyClient(
      this.#endpoint.proxy,
      new SessionKeeper(this.#sessionSource()),
      this.#send,
    );
    return this.#client;
  }

  /** Asks for the catalogue unless it is fresh; callers meanwhile share the question. Never throws: see `problem`. */
  async load(): Promise<void> {
    if (performance.now() - this.#loadedAtMs < FRESH_MS) return;
    this.#loading ??= this.#ask();
    await this.#loading;
  }

  /** Asks again, however fresh the last answer is. */
  async refresh(): Promise<void> {
    this.#loadedAtMs = Number.NEGATIVE_INFINITY;
    await this.load();
  }

  /** The allowance as an answer told it: in its header, or by refusing and saying when to come back. */
  noteRemaining(remaining: number | null, retryAfterS: number | null = null): void {
    const allowance = this.catalogue?.allowance;
    if (!this.catalogue || !allowance || remaining === null) return;
    this.catalogue = { ...this.catalogue, allowance: noted(allowance, remaining, retryAfterS) };
    this.#tellLimit();
    this.#host.requestUpdate();
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    this.problem = null;
    this.#host.requestUpdate();
    try {
      const catalogue = await this.client.me(asking.signal);
      if (!asking.signal.aborted) this.#arrived(catalogue);
    } catch (error) {
      if (!asking.signal.aborted) this.#failed(error);
    }
    if (this.#asking === asking) this.#loading = null;
    this.#host.requestUpdate();
  }

  #arrived(catalogue: Catalogue): void {
    const first = this.catalogue === null;
    this.catalogue = catalogue;
    this.#loadedAtMs = performance.now();
    if (first) this.#emit("sealgate-ready", { actions: catalogue.actions });
    this.#tellLimit();
  }

  /** Once whenever it comes to that, not with every request. */
  #tellLimit(): void {
    const allowance = this.catalogue?.allowance;
    const standing = allowance ? standingOf(allowance) : "enough";
    const same = standing === this.#standing;
    this.#standing = standing;
    if (!allowance || same || standing === "enough") return;
    const { remaining, limit, windowS } = allowance;
    const retryAfterS = waitOf(allowance);
    this.#emit("sealgate-limit", { standing, remaining, limit, windowS, retryAfterS });
  }

  #failed(error: unknown): void {
    this.problem =
      error instanceof ProblemError ? error.problem : localProblem("unexpected_answer");
    this.#emit("sealgate-error", { problem: this.problem });
  }

  #sessionSource(): GetSession {
    const { getSession, sessionUrl } = this.#endpoint;
    if (getSession) return getSession;
    if (sessionUrl) return sessionFromUrl(sessionUrl, this.#send);
    return () => Promise.reject(new ProblemError(localProblem("session_unavailable")));
  }
}
