/**
 * What the sealing page shows of a ticket, from the vault's record, and of a receipt. Its counterpart is sealing.html.
 * It decides nothing and never sees a key.
 */
import type { Receipt, Ticket } from "./deposit.ts";
import { element, fill, linkBack, timeText } from "./view.ts";

/** Show everything that the key will be bound to. */
export function presentTicket(ticket: Ticket): void {
  const { purpose, stage, replaces } = ticket;
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
  element("replaces", HTMLElement).hidden = stage || !replaces;
  element("stages", HTMLElement).hidden = !stage;
  element("restages", HTMLElement).hidden = !replaces;
  element("staged", HTMLElement).hidden = !stage;
  element("needs-approval", HTMLElement).hidden = ticket.passkey === null;
}

/** Say until when the ticket works, or nothing where our clock makes no sense of it. */
export function presentDeadline(expiresAtMs: number | null): void {
  element("until", HTMLElement).hidden = expiresAtMs === null;
  if (expiresAtMs !== null) fill({ "until-time": timeText(expiresAtMs) });
}

/** Show what was stored. */
export function presentReceipt(receipt: Receipt): void {
  fill({
    "last-four": receipt.lastFour,
    credential: receipt.credential,
    "receipt-version": String(receipt.version),
    fingerprint: receipt.fingerprint,
    "approved-by": receipt.approvedBy,
  });
  element("approved", HTMLElement).hidden = receipt.approvedBy === "";
  linkBack("return", receipt.returnUrl);
  element("returning", HTMLElement).hidden = false;
}

function titleOf(ticket: Ticket): string {
  if (ticket.stage) return "Stage a new key";
  return ticket.replaces ? "Seal a new key" : "Seal a key";
}
