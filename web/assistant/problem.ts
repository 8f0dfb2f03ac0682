/**
 * What went wrong, in the form the panel shows: the words, and who can fix it (you, time, your administrator).
 * Its counterpart is the proxy's error table, whose JSON shape is read here and nowhere else.
 * It never carries text that the user wrote or that was generated.
 */
import { isRecord, textOr } from "./json.ts";

/** Who can fix it. The proxy calls the person in front of the screen "user"; the panel says "you". */
export type Fixer = "user" | "time" | "administrator";

export interface Problem {
  readonly code: string;
  readonly who: Fixer;
  readonly message: string;
  readonly hint: string;
  /** Seconds to wait before another attempt can succeed; null where nobody said. */
  readonly retryAfterS: number | null;
  /** Whether trying the same again can help at all. */
  readonly canRetry: boolean;
  readonly requestId: string | null;
}

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

/** Problems that arise on this side of the proxy. Their words stand in the table of texts, under `error.<code>`. */
export type LocalCode =
  | "unreachable"
  | "interrupted"
  | "session_unavailable"
  | "field_missing"
  | "unexpected_answer"
  | "copy_refused";

const LOCAL: Readonly<Record<LocalCode, { who: Fixer; canRetry: boolean }>> = {
  unreachable: { who: "time", canRetry: true },
  interrupted: { who: "time", canRetry: true },
  session_unavailable: { who: "user", canRetry: true },
  field_missing: { who: "administrator", canRetry: false },
  unexpected_answer: { who: "administrator", canRetry: true },
  copy_refused: { who: "user", canRetry: false },
};

export function localProblem(code: LocalCode, requestId: string | null = null): Problem {
  return { code, ...LOCAL[code], message: "", hint: "", retryAfterS: null, requestId };
}

/** Reads `{"error": {…}}` with the headers that go with it; null when the body has another shape. */
export function readProblem(body: unknown, headers: Headers): Problem | null {
  if (!isRecord(body) || !isRecord(body.error)) return null;
  const { error } = body;
  const who = error.who === "user" || error.who === "administrator" ? error.who : "time";
  const code = textOr(error.code, "unknown");
  const hint = textOr(error.hint, "");
  return {
    code,
    who,
    message: withoutHint(textOr(error.message, ""), hint),
    hint,
    retryAfterS: retryAfter(headers),
    canRetry: who === "time" || SIGNED_IN_AGAIN.has(code),
    requestId: headers.get("x-request-id"),
  };
}

/** Whoever signs in again in another tab can go on here. */
const SIGNED_IN_AGAIN: ReadonlySet<string> = new Set(["invalid_session", "session_expired"]);

/** Clients that know no hints get it within the message; here it has a line of its own. */
function withoutHint(message: string, hint: string): string {
  return hint && message.endsWith(hint) ? message.slice(0, -hint.length).trimEnd() : message;
}

/** `retry-after` in its seconds form (RFC 9110 §10.2.3), the only one that the proxy sends. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get("retry-after");
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : null;
}
