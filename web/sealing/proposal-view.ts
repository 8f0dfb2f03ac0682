/**
 * What the approvals page shows of a proposal, from the vault's record. Its counterpart is approve.html.
 * It decides nothing: whether an approval counts is the vault's to say.
 */
import type { Proposal, ProposalState } from "./approval.ts";
import { element, fill, fillTerms, textIn, timeText } from "./view.ts";

/** States that can still change. */
export const LIVE: ReadonlySet<ProposalState> = new Set(["open", "granted"]);

/** Actions that change who may approve; what this page does not know of is taken for the worst. */
const OF_PEOPLE = /^(administrator|passkey)\./;

const NUMBERS = ["no", "one", "two", "three", "four", "five"];

/** How it stands, in a word. */
const WORDS: Readonly<Record<ProposalState, string>> = {
  open: "Waiting",
  granted: "Approved",
  done: "Done",
  expired: "Run out",
};

/** Show the whole of it. */
export function present(proposal: Proposal): void {
  const open = proposal.state === "open";
  fill({
    title: proposal.title,
    explanation: proposal.explanation,
    "state-word": WORDS[proposal.state],
    "state-text": approvedText(proposal),
    needed: numberText(proposal.needed),
    "until-time": timeText(proposal.expiresAtMs),
    "proposal-id": proposal.id,
    host: location.host,
  });
  element("state", HTMLElement).dataset.kind = proposal.state;
  fillTerms("facts", [...proposal.facts, ["Proposed", timeText(proposal.proposedAtMs)]]);
  presentApprovals(proposal);
  const ofPeople = OF_PEOPLE.test(proposal.action);
  element("for-good", HTMLElement).hidden = ofPeople;
  element("of-people", HTMLElement).hidden = !ofPeople;
  const nobody = proposal.allow.length === 0;
  element("deciding", HTMLElement).hidden = !open || nobody;
  element("nobody", HTMLElement).hidden = !open || !nobody;
}

/** How it stands, in a sentence. */
export function approvedText({ state, needed, approved, expiresAtMs }: Proposal): string {
  const missing = needed - approved.length;
  switch (state) {
    case "open":
      return `It waits for ${numberText(missing)} ${approved.length > 0 ? "more " : ""}${missing === 1 ? "administrator" : "administrators"}.`;
    case "granted":
      return `Whoever runs the vault may do it now, until ${timeText(expiresAtMs)}.`;
    case "done":
      return "It has been done. There is nothing left to approve.";
    case "expired":
      return "It was not done in time, and can no longer be approved.";
  }
}

function presentApprovals({ approved, needed }: Proposal): void {
  const rows = approved.map(({ name, atMs }) => {
    const row = textIn("li", "");
    row.append(textIn("span", name), " ", textIn("time", timeText(atMs)));
    return row;
  });
  element("approvals", HTMLElement).replaceChildren(...rows);
  element("approvals", HTMLElement).hidden = rows.length === 0;
  element("unapproved", HTMLElement).hidden = rows.length > 0;
  fill({ count: `${approved.length} of ${needed}` });
}

function numberText(count: number): string {
  return NUMBERS[count] ?? String(count);
}
