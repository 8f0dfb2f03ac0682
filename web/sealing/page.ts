/**
 * The one page that sees a provider key: take the ticket, show what it is for, seal, have an administrator approve it where
 * the vault asks for that, send the envelope, go back.
 * Its counterpart is the vault's public listener. No key, ticket or envelope goes anywhere but there, and nothing is stored.
 */
import { depositChallenge } from "../shared/challenge.ts";
import { type Bytes, seal } from "../shared/envelope.ts";
import { fingerprint, wordsOf } from "../shared/fingerprint.ts";
import { canSealWith } from "../shared/hpke.ts";
import { SUITES, type Suite } from "../shared/suites.ts";
import { deposit, type OfferedKey, type Receipt, type Ticket, viewTicket } from "./deposit.ts";
import { KeyField } from "./key-field.ts";
import { PasskeyButton } from "./passkey-button.ts";
import { SIGNING } from "./passkey-words.ts";
import { type Allowed, type Assertion, knowsPasskeys, sign } from "./passkeys.ts";
import { PROBLEMS, problemOf } from "./problems.ts";
import { presentDeadline, presentReceipt, presentTicket } from "./ticket-view.ts";
import { NoAnswer, Refusal } from "./vault.ts";
import {
  announce,
  element,
  fill,
  inAddress,
  linkBack,
  type Problem,
  show,
  showProblem,
  takeFromAddress,
} from "./view.ts";

const RETURN_AFTER_MS = 2000;
const LONGEST_TICKET_MS = 3_600_000;
const OF_THE_KEY = ["envelope_invalid", "key_format", "too_large"];
const OF_THE_PASSKEY = ["passkey_required", "passkey_refused"];

export class SealingPage {
  readonly #field = new KeyField();
  readonly #passkey = new PasskeyButton(SIGNING, () => void this.#approveAgain());
  #secret = "";
  #ticket: Ticket | null = null;
  /** What this browser can seal with. */
  #suites: readonly Suite[] = [];
  /** Sealed and perhaps not delivered; worth nothing to anybody but the vault. */
  #envelope: Bytes | null = null;
  /** An administrator's word for this envelope, and perhaps not delivered. */
  #assertion: Assertion | null = null;
  /** An envelope was sent and no answer came. */
  #unanswered = false;
  /** The envelope waits for a passkey, and nothing is on its way. */
  #approving = false;
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
      if (inAddress("ticket") !== "") void this.begin();
    });
  }

  /** Take the ticket out of the address bar at once, then show what it is for. */
  async begin(): Promise<void> {
    this.#secret = takeFromAddress("ticket");
    clearTimeout(this.#timer);
    this.#forget();
    this.#ticket = null;
    this.#unanswered = false;
    if (!globalThis.crypto?.subtle) return this.#fail(PROBLEMS.insecure);
    this.#suites = await usableSuites();
    if (this.#suites.length === 0) return this.#fail(PROBLEMS.unsupported);
    if (this.#secret === "") return this.#fail(PROBLEMS.noTicket);
    await this.#load();
  }

  #forget(): void {
    this.#field.clear();
    this.#passkey.withdraw();
    this.#envelope = this.#assertion = null;
    this.#approving = false;
  }

  async #load(): Promise<void> {
    show("loading", false);
    announce("Asking the vault what this ticket is for.");
    try {
      this.#ticket = await viewTicket(this.#secret);
      fill({ "sealing-keys": wordsOf(await fingerprint(this.#ticket.keys)) });
    } catch (error) {
      return this.#fail(problemOf(error, PROBLEMS.ticketUnknown, PROBLEMS.unreachable));
    }
    const hindrance = this.#hindrance(this.#ticket);
    if (hindrance !== null) return this.#fail(hindrance);
    announce("");
    presentTicket(this.#ticket);
    this.#expireAt(this.#ticket.expiresAtMs);
    show("form", false);
    this.#field.focus();
  }

  /** What would stop the deposit later is said before anybody types a key. */
  #hindrance({ keys, passkey }: Ticket): Problem | null {
    if (this.#choose(keys) === null) return PROBLEMS.unsupported;
    if (passkey === null) return null;
    if (!knowsPasskeys()) return PROBLEMS.noPasskeys;
    return passkey.allow.length === 0 ? PROBLEMS.nobodyApproves : null;
  }

  /** The vault's clock decides; ours is believed only where it makes sense of the vault's. */
  #expireAt(expiresAtMs: number): void {
    const leftMs = expiresAtMs - Date.now();
    const sensible = leftMs > 0 && leftMs <= LONGEST_TICKET_MS;
    presentDeadline(sensible ? expiresAtMs : null);
    if (sensible) this.#timer = setTimeout(() => this.#expire(), leftMs);
  }

  /** What is on its way, or may have arrived, is the vault's to judge. */
  #expire(): void {
    if (!this.#approving && (this.#busy || this.#envelope !== null)) return;
    this.#forget();
    this.#fail(this.#unanswered ? PROBLEMS.ticketSpent : PROBLEMS.expired);
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
      await this.#deliver(ticket);
    });
  }

  /** The vault's first choice among what this browser can do: without X25519, P-256. */
  #choose(keys: readonly OfferedKey[]): readonly [Suite, OfferedKey] | null {
    for (const key of keys) {
      const suite = this.#suites.find((each) => each.id === key.suite);
      if (suite !== undefined) return [suite, key];
    }
    return null;
  }

  async #sealed(key: Uint8Array, ticket: Ticket): Promise<Bytes> {
    const chosen = this.#choose(ticket.keys);
    if (chosen === null) throw new TypeError("no suite in common");
    const [suite, { publicKey, keyId }] = chosen;
    return seal(key, suite, publicKey, { ...ticket.purpose, keyId });
  }

  async #deliver(ticket: Ticket): Promise<void> {
    if (this.#envelope === null) return;
    if (ticket.passkey !== null && this.#assertion === null) {
      this.#assertion = await this.#approved(ticket, ticket.passkey, this.#envelope);
      if (this.#assertion === null) return;
    }
    this.#approving = false;
    await this.#send(this.#envelope);
  }

  /** An administrator's word for this envelope, at this destination, under this ticket; null where none was given. */
  async #approved(ticket: Ticket, allowed: Allowed, envelope: Bytes): Promise<Assertion | null> {
    this.#approving = true;
    show("approval");
    const challenge = await depositChallenge({ ...ticket.purpose, ticket: this.#secret, envelope });
    return this.#passkey.ask((signal) => sign(allowed, challenge, signal));
  }

  async #send(envelope: Bytes): Promise<void> {
    announce("The key is sealed. Sending it to the vault.");
    this.#passkey.wait("Sending…");
    try {
      this.#succeed(await deposit(this.#secret, envelope, this.#assertion));
    } catch (error) {
      await this.#explain(error);
    } finally {
      this.#passkey.ready();
    }
  }

  /** What the vault found wrong with the key or the passkey is said where it is given; all else is a problem of the page. */
  async #explain(error: unknown): Promise<void> {
    announce("");
    if (error instanceof Refusal && OF_THE_KEY.includes(error.code)) {
      this.#envelope = this.#assertion = null;
      show("form", false);
      return this.#field.complain(error);
    }
    if (error instanceof Refusal && OF_THE_PASSKEY.includes(error.code)) {
      return this.#askAnew(error);
    }
    const problem = problemOf(error, PROBLEMS.ticketUnknown, PROBLEMS.undelivered);
    // After a delivery without an answer, a ticket that no longer works may mean that it worked.
    const spent = problem === PROBLEMS.ticketUnknown && this.#unanswered;
    this.#unanswered ||= error instanceof NoAnswer;
    this.#fail(spent ? PROBLEMS.ticketSpent : problem);
  }

  /** The envelope is kept. Whose passkeys count, or whether one must, may have changed: the vault is asked again. */
  async #askAnew(refusal: Refusal): Promise<void> {
    this.#assertion = null;
    try {
      this.#ticket = await viewTicket(this.#secret);
    } catch (error) {
      return this.#fail(problemOf(error, PROBLEMS.ticketUnknown, PROBLEMS.undelivered));
    }
    const hindrance = this.#hindrance(this.#ticket);
    if (hindrance !== null) return this.#fail(hindrance);
    this.#approving = true;
    show("approval", false);
    this.#passkey.complain(`${refusal.message} ${refusal.hint}`);
  }

  #succeed(receipt: Receipt): void {
    clearTimeout(this.#timer);
    this.#forget();
    this.#secret = "";
    announce("");
    presentReceipt(receipt);
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
    show(this.#ticket.passkey === null ? "form" : "approval", false);
    await this.#whileBusy(this.#ticket, (ticket) => this.#deliver(ticket));
  }

  async #approveAgain(): Promise<void> {
    if (this.#busy || this.#ticket === null) return;
    await this.#whileBusy(this.#ticket, (ticket) => this.#deliver(ticket));
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
    const returnUrl = this.#ticket?.returnUrl ?? null;
    linkBack("problem-return", returnUrl);
    element("problem-back", HTMLElement).hidden = returnUrl !== null || history.length < 2;
    showProblem(problem);
  }
}

async function usableSuites(): Promise<readonly Suite[]> {
  const usable = await Promise.all(SUITES.map(canSealWith));
  return SUITES.filter((_, at) => usable[at]);
}
