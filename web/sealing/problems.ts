/** What the vault's pages say when they cannot go on: one literal table for each page, every text in them. */
import { NoAnswer, Refusal } from "./vault.ts";
import type { Problem } from "./view.ts";

const CHECK =
  "Check your connection and try again. If it stays so, ask your administrator whether the vault is running.";
const NEW_TICKET = "Go back to the console and ask for a new one.";

/** On every page. */
export const COMMON = {
  busy: {
    title: "Too many tries",
    text: "The vault has had too many requests from your network.",
    hint: "Wait a minute, then try again.",
    again: "Try again",
  },
  /** Anything else: text and hint are the vault's own. */
  refused: { title: "The vault could not do it", text: "", hint: "" },
} as const satisfies Readonly<Record<string, Problem>>;

/** On the sealing page. */
export const PROBLEMS = {
  noTicket: {
    title: "This page needs a ticket",
    text: "It was opened without one, or reloaded: a ticket is taken out of the address as soon as the page has it.",
    hint: `In the console, open the application's add-on and start from there. If you were here already, ${lower(NEW_TICKET)}`,
  },
  ticketUnknown: {
    title: "This ticket does not work",
    text: "It has been used, has expired, or never was one. Tickets work once, and not for long.",
    hint: NEW_TICKET,
  },
  ticketSpent: {
    title: "This ticket no longer works",
    text: "The first try may have arrived after all, even though no answer came back.",
    hint: "Look in the console: if the key is not there, ask for a new ticket.",
  },
  expired: {
    title: "This ticket has expired",
    text: "Nothing was sent, and the field has been cleared.",
    hint: NEW_TICKET,
  },
  insecure: {
    title: "This page is not on a secure connection",
    text: "Browsers seal keys only on pages that came over TLS.",
    hint: "Ask your administrator for the vault's https address. Do not type the key here.",
  },
  unsupported: {
    title: "This browser cannot seal keys",
    text: "Sealing needs X25519 or P-256 in the browser's own cryptography, which every browser of the last years has.",
    hint: "Update this browser or take another, then ask the console for a ticket there.",
  },
  unreachable: {
    title: "The vault did not answer",
    text: "Nothing was sent. The ticket is unused.",
    hint: CHECK,
    again: "Try again",
  },
  sealingFailed: {
    title: "The key could not be sealed",
    text: "This browser could not use the vault's sealing key. Nothing was sent, and the field has been cleared.",
    hint: "Tell your administrator that the vault's sealing key looks wrong.",
  },
  nobodyApproves: {
    title: "Nobody can approve this key yet",
    text: "Here, a key goes in only after an administrator of the vault has approved it with a passkey, and none is enrolled.",
    hint: "Ask whoever runs the vault to invite an administrator, then ask the console for a new ticket.",
  },
  noPasskeys: {
    title: "This browser knows no passkeys",
    text: "Here, a key goes in only after an administrator of the vault has approved it with a passkey.",
    hint: "Update this browser or take another, then ask the console for a ticket there. Do not type the key here.",
  },
  undelivered: {
    title: "The sealed key may not have arrived",
    text: "The vault did not answer. The key is sealed and can be sent again; you need not type it.",
    hint: "Check your connection and send it again.",
    again: "Send again",
  },
} as const satisfies Readonly<Record<string, Problem>>;

const NEW_INVITATION = "Ask whoever runs the vault for a new invitation.";

/** On the enrolment page. */
export const ENROLMENT = {
  noInvitation: {
    title: "This page needs an invitation",
    text: "It was opened without one, or reloaded: an invitation is taken out of the address as soon as the page has it.",
    hint: `Open the link that you were given once more. If it no longer works, ${lower(NEW_INVITATION)}`,
  },
  unknown: {
    title: "This invitation does not work",
    text: "It has been used, has expired, or never was one. Invitations work once, and not for long.",
    hint: NEW_INVITATION,
  },
  spent: {
    title: "This invitation no longer works",
    text: "The first try may have arrived after all, even though no answer came back.",
    hint: "Ask whoever runs the vault whether your passkey is enrolled. If it is not, ask for a new invitation.",
  },
  expired: {
    title: "This invitation has expired",
    text: "No passkey was enrolled.",
    hint: NEW_INVITATION,
  },
  noPasskeys: {
    title: "This browser knows no passkeys",
    text: "Every browser of the last years does, on pages that came over TLS.",
    hint: "Update this browser or take another, then open the link there. The invitation is unused.",
  },
  unreachable: {
    title: "The vault did not answer",
    text: "Nothing was sent. The invitation is unused.",
    hint: CHECK,
    again: "Try again",
  },
  undelivered: {
    title: "The passkey may not have arrived",
    text: "The vault did not answer. The passkey is made and can be sent again.",
    hint: "Check your connection and send it again.",
    again: "Send again",
  },
} as const satisfies Readonly<Record<string, Problem>>;

/** On the approvals page. */
export const APPROVAL = {
  noProposal: {
    title: "This page needs a proposal",
    text: "It was opened without one, or reloaded: the proposal is taken out of the address as soon as the page has it.",
    hint: "Open the link that you were given once more.",
  },
  unknown: {
    title: "This proposal does not exist",
    text: "It has been over for a while, or never was one. Nothing was approved.",
    hint: "Ask whoever sent you the link what became of it.",
  },
  unreachable: {
    title: "The vault did not answer",
    text: "Nothing was approved here.",
    hint: CHECK,
    again: "Try again",
  },
  undelivered: {
    title: "Your approval may not have arrived",
    text: "The vault did not answer.",
    hint: "Look again: the page shows whether your approval is in.",
    again: "Look again",
  },
} as const satisfies Readonly<Record<string, Problem>>;

/**
 * The problem that an error means: `unknown` where what the link names does not work, `silence` where no answer came.
 * What else the vault refuses, it explains itself.
 */
export function problemOf(error: unknown, unknown: Problem, silence: Required<Problem>): Problem {
  if (error instanceof NoAnswer) return silence;
  if (!(error instanceof Refusal)) throw error;
  if (/^(ticket|invitation|proposal)_unknown$/.test(error.code)) return unknown;
  if (error.code === "rate_limited") return COMMON.busy;
  return { ...COMMON.refused, text: error.message, hint: error.hint, again: silence.again };
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
