/**
 * The page on which administrators agree to what cannot be undone: show the proposal, have a passkey sign it, show how it stands.
 * Its counterpart is the vault's public listener; what is proposed and what it means are the vault's own words.
 */
import { approve, type Proposal, viewProposal } from "./approval.ts";
import { PasskeyButton } from "./passkey-button.ts";
import { SIGNING } from "./passkey-words.ts";
import { type Assertion, sign } from "./passkeys.ts";
import { APPROVAL, problemOf } from "./problems.ts";
import { approvedText, LIVE, present } from "./proposal-view.ts";
import { NoAnswer, Refusal } from "./vault.ts";
import {
  announce,
  element,
  inAddress,
  type Problem,
  show,
  showProblem,
  takeFromAddress,
} from "./view.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class ApprovalPage {
  readonly #passkey = new PasskeyButton(SIGNING, () => void this.#approve());
  #secret = "";
  #proposal: Proposal | null = null;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    element("problem-again", HTMLElement).addEventListener("click", () => void this.#load());
    addEventListener("hashchange", () => {
      if (inAddress("proposal") !== "") void this.begin();
    });
    // Others approve elsewhere meanwhile: who comes back to this page sees how it stands.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") void this.#refresh();
    });
  }

  /** Take the proposal out of the address bar at once, then show it. */
  async begin(): Promise<void> {
    this.#secret = takeFromAddress("proposal");
    clearTimeout(this.#timer);
    this.#passkey.withdraw();
    this.#proposal = null;
    if (this.#secret === "") return this.#fail(APPROVAL.noProposal);
    await this.#load();
  }

  /** Ask the vault and show what it says; false where there is nothing to show but a problem. */
  async #load(): Promise<boolean> {
    show("loading", false);
    announce("Asking the vault for the proposal.");
    try {
      this.#present(await viewProposal(this.#secret));
    } catch (error) {
      this.#fail(problemOf(error, APPROVAL.unknown, APPROVAL.unreachable));
      return false;
    }
    announce("");
    show("proposal");
    return true;
  }

  #present(proposal: Proposal): void {
    clearTimeout(this.#timer);
    this.#proposal = proposal;
    present(proposal);
    const leftMs = proposal.expiresAtMs - Date.now();
    if (LIVE.has(proposal.state) && leftMs > 0 && leftMs <= LONGEST_TIMER_MS) {
      this.#timer = setTimeout(() => void this.#refresh(), leftMs);
    }
  }

  /** Show how it stands, and say so if that has changed; a vault that does not answer is asked another time. */
  async #refresh(): Promise<void> {
    const before = this.#proposal;
    if (this.#busy || before === null || !LIVE.has(before.state)) return;
    const now = await viewProposal(this.#secret).catch((error: unknown) => {
      if (error instanceof NoAnswer || error instanceof Refusal) return null;
      throw error;
    });
    if (now === null || this.#busy || this.#proposal !== before) return;
    this.#present(now);
    const changed = now.state !== before.state || now.approved.length !== before.approved.length;
    if (changed) announce(approvedText(now));
  }

  async #approve(): Promise<void> {
    if (this.#busy || this.#proposal === null) return;
    const proposal = this.#proposal;
    this.#busy = true;
    try {
      const assertion = await this.#passkey.ask((signal) =>
        sign(proposal, proposal.challenge, signal),
      );
      if (assertion !== null) await this.#send(assertion);
    } finally {
      this.#busy = false;
    }
  }

  async #send(assertion: Assertion): Promise<void> {
    this.#passkey.wait("Approving…");
    try {
      const proposal = await approve(this.#secret, assertion);
      this.#present(proposal);
      announce(`Your approval is in. ${approvedText(proposal)}`);
      element("state", HTMLElement).focus();
    } catch (error) {
      await this.#explain(error);
    } finally {
      this.#passkey.ready();
    }
  }

  /** What was wrong with the passkey is said at the button, beside the proposal as it stands now. */
  async #explain(error: unknown): Promise<void> {
    const ofThePasskey = ["passkey_refused", "approved_already", "proposal_over"];
    if (!(error instanceof Refusal && ofThePasskey.includes(error.code))) {
      return this.#fail(problemOf(error, APPROVAL.unknown, APPROVAL.undelivered));
    }
    const shown = await this.#load();
    if (shown && this.#proposal?.state === "open") {
      this.#passkey.complain(`${error.message} ${error.hint}`);
    }
  }

  #fail(problem: Problem): void {
    announce("");
    showProblem(problem);
  }
}
