/**
 * A proxy for tests: a `fetch` that answers with real Response objects and streams, piece by piece as the test says.
 * Its counterpart is the proxy's /assistant/v1. It can refuse, stall, cut a stream and garble it.
 * It is never part of the built module.
 */
import type { Fetch } from "../session.ts";

export interface Call {
  readonly url: string;
  readonly init: RequestInit;
  readonly authorization: string | null;
  readonly body: unknown;
}

type Answer = Response | ((call: Call) => Response | Promise<Response>);

export const ME = {
  application: { name: "Letters" },
  actions: [
    {
      id: "shorten",
      label: "Shorten",
      description: "Says the same in fewer words.",
      parameters: [
        {
          id: "amount",
          label: "How much",
          choices: [
            { value: "little", label: "A little" },
            { value: "half", label: "By half" },
          ],
          default: "half",
        },
      ],
    },
    { id: "simplify", label: "Simplify", description: "", parameters: [] },
  ],
  rights: { prompt: false },
  allowance: {
    requests: { limit: 20, remaining: 17, window_s: 60, reset_s: 9 },
    streams: { limit: 3, remaining: 3 },
  },
  notice: "Check it.",
};

export class ScriptedProxy {
  readonly calls: Call[] = [];
  readonly #answers: Answer[] = [];

  /** The next answer; answers are used in order. */
  answers(...answers: Answer[]): this {
    this.#answers.push(...answers);
    return this;
  }

  readonly fetch: Fetch = async (input, init = {}) => {
    const call: Call = {
      url: String(input),
      init,
      authorization: new Headers(init.headers).get("authorization"),
      body: typeof init.body === "string" ? JSON.parse(init.body) : null,
    };
    this.calls.push(call);
    init.signal?.throwIfAborted();
    const answer = this.#answers.shift();
    if (!answer) throw new TypeError("the network is gone");
    return typeof answer === "function" ? answer(call) : answer;
  };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  const common = { "content-type": "application/json", "x-request-id": "req_a" };
  return new Response(JSON.stringify(body), { status, headers: { ...common, ...headers } });
}

export function refusal(
  status: number,
  error: Record<string, string>,
  headers: Record<string, string> = {},
): Response {
  return json({ error }, status, headers);
}

export function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

export const DONE = event("done", {
  outcome: "completed",
  finish_reason: "stop",
  usage: { input_tokens: 8, output_tokens: 3, estimated: false },
});

/** A stream that is whole at once. */
export function streamOf(...pieces: string[]): Response {
  return new Response(pieces.join(""), { headers: STREAM_HEADERS });
}

const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "x-request-id": "req_a",
  "x-sealgate-remaining-requests": "16",
};

/** A stream that the test feeds, cuts, or lets stall; `cancelled` tells when its reader has gone. */
export class LiveStream {
  readonly cancelled: Promise<void>;
  readonly response: (call: Call) => Response;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor() {
    let gone: () => void;
    this.cancelled = new Promise((resolve) => {
      gone = resolve;
    });
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => gone(),
    });
    this.response = ({ init }) => {
      // As fetch does: aborting breaks the body that is being read.
      init.signal?.addEventListener("abort", () => {
        this.cut(new DOMException("aborted", "AbortError"));
        gone();
      });
      return new Response(body, { headers: STREAM_HEADERS });
    };
  }

  push(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller?.close();
  }

  cut(error: Error = new TypeError("connection reset")): void {
    this.#controller?.error(error);
  }
}
