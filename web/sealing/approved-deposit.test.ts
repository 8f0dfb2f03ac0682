// @vitest-environment happy-dom
/** Deposits that an administrator approves: the sealing page with its real cryptography, and passkeys that may say no. */
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { depositChallenge } from "../shared/challenge.ts";
import { decodeText, open } from "../shared/envelope.ts";
import { generateKeyPair } from "../shared/hpke.ts";
import { SUITE_1 } from "../shared/suites.ts";
import { bytesOf } from "../shared/vectors.ts";
import { SealingPage } from "./page.ts";
import { SIGNING } from "./passkey-words.ts";
import {
  at,
  openDocument,
  PretendPasskeys,
  PretendVault,
  refused,
  state,
  text,
  until,
  withoutPasskeys,
} from "./pretend.ts";
import { KEY, NOW_MS, receipt, ticket } from "./pretend-ticket.ts";
import { PROBLEMS } from "./problems.ts";

const PASSKEY = { rp_id: "vault.example", allow: ["CgsM"] };
const SENT = { id: "wQ", client_data: "wg", authenticator_data: "ww", signature: "xA" };

let keys: CryptoKeyPair;
let view: Record<string, unknown>;
let vault: PretendVault;
let passkeys: PretendPasskeys;
let listened: MockInstance<typeof addEventListener>;

beforeEach(async () => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "Date"] });
  keys = await generateKeyPair(SUITE_1);
  listened = vi.spyOn(globalThis, "addEventListener");
  view = { ...(await ticket(keys)), passkey: PASSKEY };
  vault = new PretendVault({
    "/deposit/ticket": [{ body: view }],
    "/deposit": [{ body: { ...receipt(), approved_by: "Ada" } }],
  });
  passkeys = new PretendPasskeys();
  vi.spyOn(location, "replace").mockImplementation(() => undefined);
  openDocument("sealing.html");
});

afterEach(() => {
  for (const [name, listener] of listened.mock.calls) removeEventListener(name, listener);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const complaint = () => at("#passkey-problem").textContent;
const idle = () => at("#passkey").getAttribute("aria-disabled") === "false";

async function begin(): Promise<void> {
  history.replaceState(null, "", "/deposit#ticket=secret-ticket");
  await new SealingPage().begin();
}

function typeAndPress(): void {
  at<HTMLInputElement>("#key").value = KEY;
  at("#form").dispatchEvent(new Event("submit", { cancelable: true }));
}

async function seal(): Promise<void> {
  await begin();
  typeAndPress();
  await until(() => state() !== "form" && (idle() || state() === "done"));
}

test("who types the key is told before that an administrator approves it", async () => {
  await begin();
  expect(at("#needs-approval").hidden).toBe(false);
  expect(at("#needs-approval").textContent).toContain("once it is sealed");
});

test("where no administrator need approve, nothing is said or asked of passkeys", async () => {
  vault.reply("/deposit/ticket", { body: { ...view, passkey: null } });
  vault.reply("/deposit", { body: receipt() });
  await begin();
  expect(at("#needs-approval").hidden).toBe(true);
  typeAndPress();
  await until(() => state() === "done");
  expect(Object.keys(vault.calls[1]?.body ?? {})).toEqual(["ticket", "envelope"]);
  expect(passkeys.asked).toEqual([]);
  expect(at("#approved").hidden).toBe(true);
});

test("the passkey signs for this envelope, this destination and this ticket", async () => {
  await seal();
  expect(state()).toBe("done");
  const sent = vault.calls[1]?.body;
  expect(sent?.passkey).toEqual(SENT);
  const envelope = decodeText(sent?.envelope as string);
  const purpose = {
    instance: "inst_k7q2m4x6z3b5n8r2t4w6",
    organization: "org_a2b3c4d5e6f7g2h3j4k5",
    application: "app_m2n3p4q5r6s7t2u3v4w5",
    credential: "cred_x2y3z4a5b6c7d2e3f4g5",
    version: 1,
    provider: "openai",
    origin: "https://api.openai.com",
  };
  const challenge = await depositChallenge({ ...purpose, ticket: "secret-ticket", envelope });
  expect(passkeys.asked).toMatchObject([{ challenge, rpId: "vault.example" }]);
  const key = await open(envelope, SUITE_1, keys, { ...purpose, keyId: new Uint8Array(16) });
  expect(new TextDecoder().decode(key)).toBe(KEY);
});

test("the receipt names who approved", async () => {
  await seal();
  expect(at("#approved").hidden).toBe(false);
  expect(text("approved-by")).toBe("Ada");
});

test("while the passkey is awaited, the key is gone from the page and nothing was sent", async () => {
  passkeys.fates = ["waits"];
  await begin();
  typeAndPress();
  await until(() => passkeys.asked.length === 1);
  expect(state()).toBe("approval");
  expect(at<HTMLInputElement>("#key").value).toBe("");
  expect(document.documentElement.outerHTML).not.toContain(KEY);
  expect(at("#passkey").textContent).toBe("Waiting for the passkey…");
  expect(vault.paths).toEqual(["/deposit/ticket"]);
});

test.each([
  ["dismissed", { error: "NotAllowedError" }],
  ["none_here", { error: "NotAllowedError", afterMs: 5 }],
  ["timed_out", { error: "NotAllowedError", afterMs: 120_000 }],
  ["unverified", { error: "ConstraintError" }],
  ["forbidden", { error: "SecurityError" }],
  ["unsupported", { error: "NotSupportedError" }],
  ["failed", { error: "UnknownError" }],
] as const)(
  "a passkey that was %s can be tried again with the same envelope",
  async (reason, fate) => {
    passkeys.fates = [fate, fate, "answers"];
    await seal();
    expect(state()).toBe("approval");
    expect(complaint()).toBe(SIGNING[reason]);
    expect(document.activeElement).toBe(at("#passkey"));
    expect(vault.paths).toEqual(["/deposit/ticket"]);
    at("#passkey").click();
    await until(() => passkeys.asked.length === 2 && idle());
    at("#passkey").click();
    await until(() => state() === "done");
    const challenges = passkeys.asked.map(({ challenge }) => challenge);
    expect(challenges[2]).toEqual(challenges[0]);
    expect(vault.paths).toEqual(["/deposit/ticket", "/deposit"]);
  },
);

test("a second press while the dialog is open asks no second time", async () => {
  passkeys.fates = [{ error: "NotAllowedError" }, "waits"];
  await seal();
  at("#passkey").click();
  at("#passkey").click();
  await until(() => passkeys.asked.length === 2);
  at("#passkey").click();
  expect(passkeys.asked).toHaveLength(2);
});

describe("what the vault answers", () => {
  test("a passkey that it refuses is asked for anew, with the passkeys that count now", async () => {
    vault.reply("/deposit", refused("passkey_refused", 403), { body: receipt() });
    vault.reply(
      "/deposit/ticket",
      { body: view },
      { body: { ...view, passkey: { ...PASSKEY, allow: ["DA0O"] } } },
    );
    await seal();
    expect([state(), complaint()]).toEqual(["approval", "It is passkey_refused. Do this."]);
    at("#passkey").click();
    await until(() => state() === "done");
    expect(passkeys.asked[1]?.allowCredentials).toMatchObject([{ id: bytesOf("0c0d0e") }]);
    const [first, second] = vault.calls.filter((call) => call.path === "/deposit");
    expect(second?.body.envelope).toBe(first?.body.envelope);
  });

  test("a vault that asks for a passkey since a moment ago gets one, for the same envelope", async () => {
    vault.reply("/deposit/ticket", { body: { ...view, passkey: null } }, { body: view });
    vault.reply("/deposit", refused("passkey_required", 403), { body: receipt() });
    await seal();
    expect([state(), complaint()]).toEqual(["approval", "It is passkey_required. Do this."]);
    at("#passkey").click();
    await until(() => state() === "done");
    const [first, second] = vault.calls.filter((call) => call.path === "/deposit");
    expect(second?.body).toEqual({ ...first?.body, passkey: SENT });
  });

  test("where nobody is left to approve, the page says so", async () => {
    vault.reply("/deposit", refused("passkey_refused", 403));
    const nobody = { ...view, passkey: { ...PASSKEY, allow: [] } };
    vault.reply("/deposit/ticket", { body: view }, { body: nobody });
    await seal();
    expect(text("problem-title")).toBe(PROBLEMS.nobodyApproves.title);
  });

  test("a ticket that is gone meanwhile is said to be", async () => {
    vault.reply("/deposit", refused("passkey_refused", 403));
    vault.reply("/deposit/ticket", { body: view }, refused("ticket_unknown", 404));
    await seal();
    expect(text("problem-title")).toBe(PROBLEMS.ticketUnknown.title);
  });

  test("no answer: the envelope and the passkey's word are sent again, and nobody is asked twice", async () => {
    vault.reply("/deposit", "no answer", { body: receipt() });
    await seal();
    expect(text("problem-title")).toBe(PROBLEMS.undelivered.title);
    at("#problem-again").click();
    await until(() => state() === "done");
    expect(vault.calls[2]).toEqual(vault.calls[1]);
    expect(passkeys.asked).toHaveLength(1);
  });
});

describe("before anybody types a key", () => {
  test("a browser without passkeys is told", async () => {
    withoutPasskeys();
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.noPasskeys.title);
  });

  test("it is said that nobody can approve yet", async () => {
    vault.reply("/deposit/ticket", { body: { ...view, passkey: { ...PASSKEY, allow: [] } } });
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.nobodyApproves.title);
  });

  test.each([
    ["no rp id", { allow: ["CgsM"] }],
    ["an id in another alphabet", { rp_id: "vault.example", allow: ["++++"] }],
    ["no list", { rp_id: "vault.example", allow: "CgsM" }],
  ])("a view with %s is not believed", async (_, passkey) => {
    vault.reply("/deposit/ticket", { body: { ...view, passkey } });
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.unreachable.title);
  });
});

test("a ticket that expires while the dialog is open closes it and throws the envelope away", async () => {
  passkeys.fates = ["waits", "answers"];
  await begin();
  typeAndPress();
  await until(() => passkeys.asked.length === 1);
  vi.advanceTimersByTime(600_000);
  expect(text("problem-title")).toBe(PROBLEMS.expired.title);
  await until(idle);
  expect(state()).toBe("problem");
  expect(vault.paths).toEqual(["/deposit/ticket"]);
});

test("another ticket in the same tab closes the dialog of the first one", async () => {
  passkeys.fates = ["waits", "answers"];
  await begin();
  typeAndPress();
  await until(() => passkeys.asked.length === 1);
  history.replaceState(null, "", "/deposit#ticket=another");
  window.dispatchEvent(new Event("hashchange"));
  await until(() => state() === "form");
  expect(vault.paths).toEqual(["/deposit/ticket", "/deposit/ticket"]);
  typeAndPress();
  await until(() => state() === "done");
  expect(vault.calls[2]?.body.ticket).toBe("another");
});
