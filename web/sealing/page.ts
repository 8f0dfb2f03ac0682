/**
 * The one page that sees a provider key: take the ticket, show what it is for, seal, send the envelope, go back.
 * Its counterpart is the vault's public listener. No key, ticket or envelope goes anywhere but there, and nothing is stored.
 */
import { seal } from "../shared/envelope.ts";
import { fingerprint, wordsOf } from "../shared/fingerprint.ts";
import { canSealWith } from "../shared/hpke.ts";
import { SUITES, type Suite } from "../shared/suites.ts";
import {
  deposit,
  NoAnswer,
  type OfferedKey,
  type Receipt,
  Refusal,
  type Ticket,
  viewTicket,
} from "./deposit.ts";
import { KeyField } from "./key-field.ts";
import { PROBLEMS } from "./problems.ts";
import { announce, element, fill, linkBack, type Problem, show, showProblem } from "./view.ts";

const RETURN_AFTER_MS = 2000;
const LONGEST_TICKET_MS = 3_600_000;

export class SealingPage {
  readonly #field = new KeyField();
  #secret = "";
  #ticket: Ticket | null = null;
  /** What this browser can seal with. */
  #suites: readonly Suite[] = [];
  /** Sealed and perhaps not delivered; worth nothing to anybody but the vault. */
  #envelope: Uint8Array | null = null;
  /** An envelope was sent and no answer came. */
  #unanswered = false;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    element("form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#seal();
    });
    element("problem-again", HTMLElement).addEventListener("click", () => void this.#tryAgain());
    element("problem-back", HTMLElement).addEventListener("click", () => history.back());
    element("stay", HTMLElement).addEventListener("click", () => this.#stay());
    addEventListener("pagehide", () => this.#field.clear());
    // Another ticket in the same tab changes the fragment alone and loads nothing.
    addEventListener("hashchange", () => {
      if (ticketInAddress() !== "") void this.begin();
    });
  }

  /** Take the ticket out of the address bar at once, then show what it is for. */
  async begin(): Promise<void> {
    this.#secret = ticketInAddress();
    history.replaceState(null, "", location.pathname);
    clearTimeout(this.#timer);
    this.#ticket = this.#envelope = null;
    this.#unanswered = false;
    this.#field.clear();
    if (!globalThis.crypto?.subtle) return this.#fail(PROBLEMS.insecure);
    this.#suites = await usableSuites();
    if (this.#suites.length === 0) return this.#fail(PROBLEMS.unsupported);
    if (this.#secret === "") return this.#fail(PROBLEMS.noTicket);
    await this.#load();
  }

  async #load(): Promise<void> {
    show("loading", false);
    announce("Asking the vault what this ticket is for.");
    try {
      this.#ticket = await viewTicket(this.#secret);
      fill({ "sealing-keys": wordsOf(await fingerprint(this.#ticket.keys)) });
    } catch (error) {
      return this.#fail(problemOf(error, PROBLEMS.unreachable));
    }
    if (this.#choose(this.#ticket) === null) return this.#fail(PROBLEMS.unsupported);
    announce("");
    this.#present(this.#ticket);
  }

  #present(ticket: Ticket): void {
    const { purpose } = ticket;
    fill({
      title: titleOf(ticket),
      organization: ticket.organizationName,
      "organization-id": purpose.organization,
      application: ticket.applicationName,
      "application-id": purpose.application,
      provider: ticket.providerLabel,
      origin: purpose.origin,
      label: `${ticket.providerLabel} API key`,
      version: String(purpose.version),
      host: location.host,
    });
    element("replaces", HTMLElement).hidden = ticket.stage || !ticket.replaces;
    element("stages", HTMLElement).hidden = !ticket.stage;
    element("restages", HTMLElement).hidden = !ticket.replaces;
    element("staged", HTMLElement).hidden = !ticket.stage;
    this.#expireAt(ticket.expiresAtMs);
    show("form", false);
    this.#field.focus();
  }

  /** The vault's clock decides; ours is believed only where it makes sense of the vault's. */
  #expireAt(expiresAtMs: number): void {
    const leftMs = expiresAtMs - Date.now();
    const sensible = leftMs > 0 && leftMs <= LONGEST_TICKET_MS;
    element("until", HTMLElement).hidden = !sensible;
    if (!sensible) return;
    fill({
      "until-time": new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(expiresAtMs),
    });
    this.#timer = setTimeout(() => this.#expire(), leftMs);
  }

  #expire(): void {
    if (this.#busy || this.#envelope !== null) return;
    this.#field.clear();
    this.#fail(PROBLEMS.expired);
  }

  async #seal(): Promise<void> {
    if (this.#busy || this.#ticket === null) return;
    const key = this.#field.take(this.#ticket.purpose.provider);
    if (key === null) return;
    await this.#whileBusy(this.#ticket, async (ticket) => {
      try {
        this.#envelope = await this.#sealed(key, ticket);
      } catch {
        return this.#fail(PROBLEMS.sealingFailed);
      } finally {
        key.fill(0);
      }
      await this.#send();
    });
  }

  /** The vault's first choice among what this browser can do: without X25519, P-256. */
  #choose(ticket: Ticket): readonly [Suite, OfferedKey] | null {
    for (const key of ticket.keys) {
      const suite = this.#suites.find((each) => each.id === key.suite);
      if (suite !== undefined) return [suite, key];
    }
    return null;
  }

  async #sealed(key: Uint8Array, ticket: Ticket): Promise<Uint8Array> {
    const chosen = this.#choose(ticket);
    if (chosen === null) throw new TypeError("no suite in common");
    const [suite, { publicKey, keyId }] = chosen;
    return seal(key, suite, publicKey, { ...ticket.purpose, keyId });
  }

  async #send(): Promise<void> {
    if (this.#envelope === null) return;
    announce("The key is sealed. Sending it to the vault.");
    try {
      this.#succeed(await deposit(this.#secret, this.#envelope));
    } catch (error) {
      this.#explain(error);
    }
  }

  /** What the vault found wrong with the key itself is said at the field; all else is a problem of the page. */
  #explain(error: unknown): void {
    announce("");
    const ofTheKey = ["envelope_invalid", "key_format", "too_large"];
    if (error instanceof Refusal && ofTheKey.includes(error.code)) {
      this.#envelope = null;
      show("form", false);
      this.#field.complain(error);
      return;
    }
    const problem = problemOf(error, PROBLEMS.undelivered);
    // After a delivery without an answer, a ticket that no longer works may mean that it worked.
    const spent = problem === PROBLEMS.ticketUnknown && this.#unanswered;
    this.#unanswered ||= error instanceof NoAnswer;
    this.#fail(spent ? PROBLEMS.ticketSpent : problem);
  }

  #succeed(receipt: Receipt): void {
    clearTimeout(this.#timer);
    this.#envelope = null;
    this.#secret = "";
    announce("");
    fill({
      "last-four": receipt.lastFour,
      credential: receipt.credential,
      "receipt-version": String(receipt.version),
      fingerprint: receipt.fingerprint,
    });
    linkBack("return", receipt.returnUrl);
    element("returning", HTMLElement).hidden = false;
    show("done");
    // Replaced, so that Back does not lead to a page whose ticket is gone.
    this.#timer = setTimeout(() => location.replace(receipt.returnUrl), RETURN_AFTER_MS);
  }

  #stay(): void {
    clearTimeout(this.#timer);
    element("returning", HTMLElement).hidden = true;
    element("return", HTMLElement).focus();
  }

  async #tryAgain(): Promise<void> {
    if (this.#busy) return;
    if (this.#ticket === null) return this.#load();
    show("form", false);
    await this.#whileBusy(this.#ticket, () => this.#send());
  }

  async #whileBusy(ticket: Ticket, work: (ticket: Ticket) => Promise<void>): Promise<void> {
    this.#busy = true;
    this.#field.lock(true);
    try {
      await work(ticket);
    } finally {
      this.#busy = false;
      this.#field.lock(false);
    }
  }

  #fail(problem: Problem): void {
    announce("");
    showProblem(problem, this.#ticket?.returnUrl ?? null);
  }
}

function titleOf(ticket: Ticket): string {
  if (ticket.stage) return "Stage a new key";
  return ticket.replaces ? "Seal a new key" : "Seal a key";
}

function ticketInAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("ticket") ?? "";
}

async function usableSuites(): Promise<readonly Suite[]> {
  const usable = await Promise.all(SUITES.map(canSealWith));
  return SUITES.filter((_, at) => usable[at]);
}

/** The problem that an error means; `silence` where no answer came. What else the vault refuses, it explains itself. */
function problemOf(error: unknown, silence: Required<Problem>): Problem {
  if (error instanceof NoAnswer) return silence;
  if (!(error instanceof Refusal)) throw error;
  if (error.code === "ticket_unknown") return PROBLEMS.ticketUnknown;
  if (error.code === "rate_limited") return PROBLEMS.busy;
  return { ...PROBLEMS.refused, text: error.message, hint: error.hint, again: silence.again };
}
