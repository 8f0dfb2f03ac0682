/** What the sealing page says when it cannot go on: one literal table, every text in it. */
import type { Problem } from "./view.ts";

const NEW_TICKET = "Go back to the console and ask for a new one.";

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
    hint: "Check your connection and try again. If it stays so, ask your administrator whether the vault is running.",
    again: "Try again",
  },
  busy: {
    title: "Too many tries",
    text: "The vault has had too many requests from your network.",
    hint: "Wait a minute, then try again.",
    again: "Try again",
  },
  sealingFailed: {
    title: "The key could not be sealed",
    text: "This browser could not use the vault's sealing key. Nothing was sent, and the field has been cleared.",
    hint: "Tell your administrator that the vault's sealing key looks wrong.",
  },
  /** Anything else: text and hint are the vault's own. */
  refused: { title: "The vault could not do it", text: "", hint: "" },
  undelivered: {
    title: "The sealed key may not have arrived",
    text: "The vault did not answer. The key is sealed and can be sent again; you need not type it.",
    hint: "Check your connection and send it again.",
    again: "Send again",
  },
} as const satisfies Readonly<Record<string, Problem>>;

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
