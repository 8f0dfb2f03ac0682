/**
 * Keeps the session token that the host page hands out: in memory, asked for once, renewed when the proxy refuses it.
 * Its counterpart is the host's own back end, which signs the token for the user who is signed in there.
 * It never writes the token to storage, to the document, to an address or to a message.
 */
import { isRecord, textOr } from "./json.ts";
import { localProblem, ProblemError } from "./problem.ts";

export type GetSession = () => Promise<string>;
export type Fetch = typeof fetch;

export class SessionKeeper {
  readonly #ask: GetSession;
  #token: Promise<string> | null = null;

  constructor(ask: GetSession) {
    this.#ask = ask;
  }

  /** The token in hand, or a new one. Callers at the same moment share one question to the host. */
  token(): Promise<string> {
    if (this.#token) return this.#token;
    const asking = this.#request();
    this.#token = asking;
    // A failure is not kept: the next caller asks again.
    asking.catch(() => {
      if (this.#token === asking) this.#token = null;
    });
    return asking;
  }

  /** A token other than the refused one. */
  async renew(refused: string): Promise<string> {
    const current = await this.token();
    if (current !== refused) return current;
    this.#token = null;
    return this.token();
  }

  async #request(): Promise<string> {
    const token = await this.#answer();
    if (typeof token !== "string" || token === "") throw unavailable();
    return token;
  }

  /** The host's own error may hold anything, so it goes no further. */
  async #answer(): Promise<unknown> {
    try {
      return await this.#ask();
    } catch (error) {
      throw error instanceof ProblemError ? error : unavailable();
    }
  }
}

/** Asks a URL of the host's own back end: POST, its cookies, `{"token": "…"}` back. */
export function sessionFromUrl(url: string, send: Fetch): GetSession {
  return async () => {
    const response = await send(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { accept: "application/json", "content-type": "application/json" },
      body: "{}",
      cache: "no-store",
    });
    const body: unknown = response.ok ? await response.json() : null;
    const token = isRecord(body) ? textOr(body.token, null) : null;
    if (token === null) throw unavailable();
    return token;
  };
}

function unavailable(): ProblemError {
  return new ProblemError(localProblem("session_unavailable"));
}
