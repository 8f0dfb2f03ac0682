/**
 * The page on which somebody becomes an administrator of the vault: take the invitation, show whom it is for, have the browser
 * make a passkey, hand its public half over. Its counterpart is the vault's public listener; the console has no part in it.
 */
import { type Enrolled, enrol, type Invitation, viewInvitation } from "./enrolment.ts";
import { PasskeyButton } from "./passkey-button.ts";
import { MAKING } from "./passkey-words.ts";
import { type Attestation, knowsPasskeys, make } from "./passkeys.ts";
import { ENROLMENT, problemOf } from "./problems.ts";
import { NoAnswer, Refusal } from "./vault.ts";
import {
  announce,
  element,
  fill,
  inAddress,
  type Problem,
  show,
  showProblem,
  takeFromAddress,
  timeText,
} from "./view.ts";

const LONGEST_INVITATION_MS = 30 * 86_400_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class EnrolmentPage {
  readonly #passkey = new PasskeyButton(MAKING, () => void this.#enrol());
  #secret = "";
  #invitation: Invitation | null = null;
  /** Made and perhaps not delivered: its public half. */
  #made: Attestation | null = null;
  /** A passkey was sent and no answer came. */
  #unanswered = false;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    element("problem-again", HTMLElement).addEventListener("click", () => void this.#tryAgain());
    addEventListener("hashchange", () => {
      if (inAddress("invitation") !== "") void this.begin();
    });
  }

  /** Take the invitation out of the address bar at once, then show whom it is for. */
  async begin(): Promise<void> {
    this.#secret = takeFromAddress("invitation");
    clearTimeout(this.#timer);
    this.#passkey.withdraw();
    this.#invitation = this.#made = null;
    this.#unanswered = false;
    if (this.#secret === "") return this.#fail(ENROLMENT.noInvitation);
    if (!knowsPasskeys()) return this.#fail(ENROLMENT.noPasskeys);
    await this.#load();
  }

  async #load(): Promise<void> {
    show("loading", false);
    announce("Asking the vault whom this invitation is for.");
    if (!(await this.#look())) return;
    announce("");
    show("offer");
  }

  /** Ask the vault and show what it says; false where there is nothing to show but a problem. */
  async #look(): Promise<boolean> {
    try {
      this.#invitation = await viewInvitation(this.#secret);
    } catch (error) {
      this.#fail(problemOf(error, ENROLMENT.unknown, ENROLMENT.unreachable));
      return false;
    }
    present(this.#invitation);
    this.#expireAt(this.#invitation.expiresAtMs);
    return true;
  }

  /** The vault's clock decides; ours is believed only where it makes sense of the vault's. */
  #expireAt(expiresAtMs: number): void {
    clearTimeout(this.#timer);
    const leftMs = expiresAtMs - Date.now();
    const sensible = leftMs > 0 && leftMs <= LONGEST_INVITATION_MS;
    element("until", HTMLElement).hidden = !sensible;
    if (!sensible) return;
    fill({ "until-time": timeText(expiresAtMs) });
    if (leftMs <= LONGEST_TIMER_MS) this.#timer = setTimeout(() => this.#expire(), leftMs);
  }

  /** What is on its way, or may have arrived, is the vault's to judge. */
  #expire(): void {
    if (this.#made !== null) return;
    this.#passkey.withdraw();
    this.#fail(ENROLMENT.expired);
  }

  async #enrol(): Promise<void> {
    if (this.#busy || this.#invitation === null) return;
    const invitation = this.#invitation;
    this.#busy = true;
    try {
      this.#made ??= await this.#passkey.ask((signal) => make(invitation, signal));
      if (this.#made !== null) await this.#send(this.#made);
    } finally {
      this.#busy = false;
    }
  }

  async #send(made: Attestation): Promise<void> {
    announce("The passkey is made. Sending its public half to the vault.");
    this.#passkey.wait("Enrolling…");
    try {
      this.#succeed(await enrol(this.#secret, made));
    } catch (error) {
      await this.#explain(error);
    } finally {
      this.#passkey.ready();
    }
  }

  async #explain(error: unknown): Promise<void> {
    announce("");
    if (error instanceof Refusal && error.code === "passkey_refused") return this.#askAnew(error);
    const problem = problemOf(error, ENROLMENT.unknown, ENROLMENT.undelivered);
    // After a delivery without an answer, an invitation that no longer works may mean that it worked.
    const spent = problem === ENROLMENT.unknown && this.#unanswered;
    this.#unanswered ||= error instanceof NoAnswer;
    this.#fail(spent ? ENROLMENT.spent : problem);
  }

  /** The next passkey is made for a challenge of its own. */
  async #askAnew(refusal: Refusal): Promise<void> {
    this.#made = null;
    if (!(await this.#look())) return;
    show("offer", false);
    this.#passkey.complain(`${refusal.message} ${refusal.hint}`);
  }

  #succeed(enrolled: Enrolled): void {
    clearTimeout(this.#timer);
    this.#made = null;
    this.#secret = "";
    announce("");
    fill({
      "enrolled-name": enrolled.name,
      "enrolled-id": enrolled.administrator,
      passkeys: enrolled.passkeys === 1 ? "1 passkey" : `${enrolled.passkeys} passkeys`,
      fingerprint: enrolled.fingerprint,
    });
    element("spare", HTMLElement).hidden = enrolled.passkeys > 1;
    show("done");
  }

  async #tryAgain(): Promise<void> {
    if (this.#busy) return;
    if (this.#invitation === null || this.#made === null) return this.#load();
    show("offer", false);
    await this.#enrol();
  }

  #fail(problem: Problem): void {
    announce("");
    showProblem(problem);
  }
}

function present(invitation: Invitation): void {
  const { organization, exclude } = invitation;
  fill({
    title: invitation.again ? "Add a passkey" : "Become an administrator",
    name: invitation.name,
    administrator: invitation.administrator,
    scope: scopeOf(organization),
    "scope-id": organization?.id ?? "",
    host: location.host,
    "passkeys-before": exclude.length === 1 ? "one passkey" : `${exclude.length} passkeys`,
  });
  element("again", HTMLElement).hidden = !invitation.again;
  element("whole", HTMLElement).hidden = organization !== null;
}

/** The vault knows some organizations by their id alone. */
function scopeOf(organization: Invitation["organization"]): string {
  if (organization === null) return "The whole vault, every organization";
  return organization.name === organization.id ? "One organization" : organization.name;
}
