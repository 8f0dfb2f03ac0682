/**
 * What the tests of the vault's pages stand on: the page's real document, a vault that refuses, stalls and breaks off,
 * and passkeys that answer, are dismissed or wait. Only tests may import it: it reads files.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { bytesOf } from "../shared/vectors.ts";

export interface Call {
  readonly path: string;
  readonly body: Record<string, unknown>;
}
export type Reply = { readonly status?: number; readonly body: unknown } | "no answer";

/** Stands for the vault's public listener; of several replies for a path, the last one stays. */
export class PretendVault {
  readonly calls: Call[] = [];
  readonly #replies: Record<string, Reply[]>;

  constructor(replies: Record<string, Reply[]>) {
    this.#replies = replies;
    vi.stubGlobal("fetch", async (path: string, request: { body: string }) => {
      this.calls.push({ path, body: JSON.parse(request.body) });
      const [reply = "no answer", ...later] = this.#replies[path] ?? [];
      if (later.length > 0) this.#replies[path] = later;
      if (reply === "no answer") throw new TypeError("Failed to fetch");
      return new Response(JSON.stringify(reply.body), { status: reply.status ?? 200 });
    });
  }

  reply(path: string, ...replies: Reply[]): void {
    this.#replies[path] = replies;
  }

  get paths(): readonly string[] {
    return this.calls.map((call) => call.path);
  }
}

export function refused(code: string, status = 400): Reply {
  return { status, body: { error: { code, message: `It is ${code}.`, hint: "Do this." } } };
}

class PretendCredential {
  readonly rawId = bytesOf("c1").buffer;
  readonly response: unknown;

  constructor(response: unknown) {
    this.response = response;
  }
}

class PretendAssertion {
  readonly clientDataJSON = bytesOf("c2").buffer;
  readonly authenticatorData = bytesOf("c3").buffer;
  readonly signature = bytesOf("c4").buffer;
}

class PretendAttestation {
  readonly clientDataJSON = bytesOf("c5").buffer;
  readonly attestationObject = bytesOf("c6").buffer;

  getTransports(): string[] {
    return ["internal"];
  }
}

interface Options {
  readonly publicKey: PublicKeyCredentialRequestOptions & PublicKeyCredentialCreationOptions;
  readonly signal: AbortSignal;
}

/** What becomes of the next question: an answer, a browser's error by its name, or nobody answers. */
export type Fate = "answers" | "waits" | { readonly error: string; readonly afterMs?: number };

/** Stands for the browser's passkeys. */
export class PretendPasskeys {
  readonly asked: Options["publicKey"][] = [];
  /** Of the questions to come, in order; the last one stays. */
  fates: Fate[] = ["answers"];

  constructor() {
    vi.stubGlobal("PublicKeyCredential", PretendCredential);
    vi.stubGlobal("AuthenticatorAssertionResponse", PretendAssertion);
    vi.stubGlobal("AuthenticatorAttestationResponse", PretendAttestation);
    const credentials = {
      get: (options: Options) => this.#answer(options, new PretendAssertion()),
      create: (options: Options) => this.#answer(options, new PretendAttestation()),
    };
    Object.defineProperty(navigator, "credentials", { value: credentials, configurable: true });
  }

  async #answer({ publicKey, signal }: Options, response: unknown): Promise<unknown> {
    this.asked.push(publicKey);
    const [fate = "answers", ...later] = this.fates;
    if (later.length > 0) this.fates = later;
    if (fate === "answers") return new PretendCredential(response);
    if (fate !== "waits") {
      const now = performance.now();
      vi.spyOn(performance, "now").mockReturnValueOnce(now + (fate.afterMs ?? 5000));
      throw new DOMException("told to nobody", fate.error);
    }
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }
}

/** Take the browser's passkeys away. */
export function withoutPasskeys(): void {
  vi.stubGlobal("PublicKeyCredential", undefined);
}

/** Put the page's own document in place, without what a browser would load. */
export function openDocument(name: string): string {
  const html = readFileSync(join(import.meta.dirname, name), "utf8");
  document.documentElement.innerHTML = html.replace(/<script.*?<\/script>|<link.*?>/gs, "");
  return html;
}

export function at<T extends HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (found === null) throw new Error(`no ${selector}`);
  return found;
}

export const state = () => at("[data-state]:not([hidden])").dataset.state;
export const text = (name: string) => at(`[data-text="${name}"]`).textContent;
export const shownText = () => at("[data-state]:not([hidden])").textContent?.replace(/\s+/g, " ");

/** Wait without letting the page's clock run. */
export async function until(arrived: () => boolean): Promise<void> {
  while (!arrived()) await new Promise((resolve) => setImmediate(resolve));
}
