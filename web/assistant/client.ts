/**
 * The assistant's only way to the network: what may be done (me), and doing it (run and prompt, streams of events).
 * Its counterpart is the proxy's /assistant/v1. A refused session is asked for afresh, once, before anyone hears of it.
 * It never touches the document and never talks to anything but the proxy.
 */
import { type Catalogue, readCatalogue, type Values } from "./catalogue.ts";
import type { Turn } from "./conversation.ts";
import { isRecord, numberOr, textOr } from "./json.ts";
import { localProblem, ProblemError, readProblem } from "./problem.ts";
import type { Fetch, SessionKeeper } from "./session.ts";
import { EventParser, type ServerEvent } from "./sse.ts";

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimated: boolean;
}

export type FinishReason = "stop" | "length" | "content_filter";

export interface Order {
  readonly text: string;
  readonly parameters: Values;
  readonly locale?: string;
}

export interface Request {
  readonly prompt: string;
  /** The text to work on; without it, something new is written. */
  readonly text?: string;
  /** Earlier turns, newest last. */
  readonly history: readonly Turn[];
  readonly locale?: string;
}

export type RunEvent =
  | {
      readonly type: "started";
      readonly requestId: string | null;
      readonly remaining: number | null;
    }
  | { readonly type: "delta"; readonly text: string }
  | {
      readonly type: "done";
      readonly finishReason: FinishReason;
      readonly usage: Usage | null;
    };

export class ProxyClient {
  readonly #proxy: string;
  readonly #session: SessionKeeper;
  readonly #send: Fetch;

  /** `proxy` is the proxy's origin, with or without a path and a trailing slash. */
  constructor(proxy: string, session: SessionKeeper, send: Fetch) {
    this.#proxy = proxy.replace(/\/+$/, "");
    this.#session = session;
    this.#send = send;
  }

  /** Throws ProblemError, or the signal's AbortError. */
  async me(signal: AbortSignal): Promise<Catalogue> {
    const response = await this.#authorized("/assistant/v1/me", { signal });
    const catalogue = readCatalogue(await response.json().catch(() => null));
    if (catalogue) return catalogue;
    throw new ProblemError(localProblem("unexpected_answer", requestId(response)));
  }

  /** Runs one action. Throws ProblemError when it fails, also midway; aborting the signal ends the exchange at the proxy. */
  run(action: string, order: Order, signal: AbortSignal): AsyncGenerator<RunEvent, void> {
    return this.#stream(`/assistant/v1/actions/${encodeURIComponent(action)}`, order, signal);
  }

  /** Writes what the user asks for in their own words; else as `run`. */
  prompt(request: Request, signal: AbortSignal): AsyncGenerator<RunEvent, void> {
    return this.#stream("/assistant/v1/prompt", request, signal);
  }

  async *#stream(
    path: string,
    body: Order | Request,
    signal: AbortSignal,
  ): AsyncGenerator<RunEvent, void> {
    const response = await this.#authorized(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(body),
      signal,
    });
    const id = requestId(response);
    yield { type: "started", requestId: id, remaining: remaining(response) };
    for await (const event of serverEvents(response)) {
      const known = readEvent(event, response.headers);
      if (known) yield known;
      if (known?.type === "done") return;
    }
    // The connection closed before the proxy said how it ended.
    throw new ProblemError(localProblem("interrupted", id));
  }

  async #authorized(path: string, init: RequestInit): Promise<Response> {
    const token = await this.#session.token();
    let response = await this.#request(path, init, token);
    if (response.status === 401) {
      await response.body?.cancel();
      response = await this.#request(path, init, await this.#session.renew(token));
    }
    if (response.ok) return response;
    const body: unknown = await response.json().catch(() => null);
    const problem = readProblem(body, response.headers);
    throw new ProblemError(problem ?? localProblem("unexpected_answer", requestId(response)));
  }

  async #request(path: string, init: RequestInit, token: string): Promise<Response> {
    const headers = {
      ...(init.headers as Record<string, string>),
      authorization: `Bearer ${token}`,
    };
    try {
      return await this.#send(this.#proxy + path, {
        ...init,
        headers,
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
        redirect: "error",
      });
    } catch (error) {
      throw unlessAborted(error, init.signal, "unreachable");
    }
  }
}

async function* serverEvents(response: Response): AsyncGenerator<ServerEvent, void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    throw unlessAborted(error, null, "interrupted", requestId(response));
  } finally {
    // Leaving early (stop, error event) must also let go of the connection.
    await reader.cancel().catch(() => undefined);
  }
}

function readEvent({ event, data }: ServerEvent, headers: Headers): RunEvent | null {
  const body = parse(data);
  if (event === "delta") return { type: "delta", text: textOr(body.text, "") };
  if (event === "done") {
    return { type: "done", finishReason: finishReason(body), usage: usage(body.usage) };
  }
  if (event === "error") {
    const problem = readProblem(body, headers);
    throw new ProblemError(problem ?? localProblem("interrupted", headers.get("x-request-id")));
  }
  return null;
}

function parse(data: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(data);
    return isRecord(body) ? body : {};
  } catch {
    return {};
  }
}

function finishReason(body: Record<string, unknown>): FinishReason {
  const reason = body.finish_reason;
  return reason === "length" || reason === "content_filter" ? reason : "stop";
}

function usage(value: unknown): Usage | null {
  if (!isRecord(value)) return null;
  return {
    inputTokens: numberOr(value.input_tokens, 0),
    outputTokens: numberOr(value.output_tokens, 0),
    estimated: value.estimated === true,
  };
}

function unlessAborted(
  error: unknown,
  signal: AbortSignal | null | undefined,
  code: "unreachable" | "interrupted",
  id: string | null = null,
): unknown {
  const aborted = signal?.aborted || (error instanceof Error && error.name === "AbortError");
  return aborted || error instanceof ProblemError
    ? error
    : new ProblemError(localProblem(code, id));
}

function requestId(response: Response): string | null {
  return response.headers.get("x-request-id");
}

function remaining(response: Response): number | null {
  const value = response.headers.get("x-sealgate-remaining-requests");
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : null;
}
