/**
 * What the approvals page says to the vault: show me the proposal; here is an administrator's word for it.
 * Its counterpart is the vault's public listener. No DOM here.
 */
import type { Bytes } from "../shared/envelope.ts";
import { type Allowed, type Assertion, allowedIn, assertionBody } from "./passkeys.ts";
import { type Answer, post, read } from "./vault.ts";

export const STATES = ["open", "granted", "done", "expired"] as const;
export type ProposalState = (typeof STATES)[number];

/** What the vault's own record says of a proposal. */
export interface Proposal extends Allowed {
  readonly id: string;
  readonly action: string;
  readonly title: string;
  readonly explanation: string;
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly proposedAtMs: number;
  readonly expiresAtMs: number;
  /** How many administrators must approve. */
  readonly needed: number;
  readonly approved: readonly { readonly name: string; readonly atMs: number }[];
  /** What a passkey signs: the vault's hash of everything that the approval covers. */
  readonly challenge: Bytes;
  readonly state: ProposalState;
}

/** Ask what a proposal is. Rejects with Refusal or NoAnswer. */
export async function viewProposal(proposal: string): Promise<Proposal> {
  return read(await post("/approve/proposal", { proposal }), proposalIn);
}

/** Approve it; gives how it stands now. Rejects with Refusal or NoAnswer. */
export async function approve(proposal: string, assertion: Assertion): Promise<Proposal> {
  const body = { proposal, passkey: assertionBody(assertion) };
  return read(await post("/approve", body), proposalIn);
}

function proposalIn(answer: Answer): Proposal {
  return {
    ...allowedIn(answer),
    id: answer.text("proposal"),
    action: answer.text("action"),
    title: answer.text("title"),
    explanation: answer.text("explanation"),
    facts: answer.pairs("facts"),
    proposedAtMs: answer.number("proposed_at") * 1000,
    expiresAtMs: answer.number("expires_at") * 1000,
    needed: answer.number("needed"),
    approved: answer.list("approved").map((each) => ({
      name: each.text("name"),
      atMs: each.number("at") * 1000,
    })),
    challenge: answer.bytes("challenge"),
    state: stateOf(answer.text("state")),
  };
}

function stateOf(text: string): ProposalState {
  const found = STATES.find((state) => state === text);
  if (found === undefined) throw new TypeError("no state of a proposal");
  return found;
}
