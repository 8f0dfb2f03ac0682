// @vitest-environment happy-dom
/** The approvals page, with its real document, against a vault and passkeys that can refuse, stall and break off. */
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { bytesOf } from "../shared/vectors.ts";
import { ApprovalPage } from "./approve-page.ts";
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
} from "./pretend.ts";
import { APPROVAL, COMMON } from "./problems.ts";

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const ADA = { name: "Ada <b>Byron</b>", at: NOW_MS / 1000 - 60 };
const GRACE = { name: "Grace", at: NOW_MS / 1000 };
const PROPOSAL = {
  instance: "inst_k7q2m4x6z3b5n8r2t4w6",
  proposal: "prop_a2b3c4d5e6f7g2h3j4k5",
  action: "kek.destroy",
  title: "Destroy KEK version 2",
  explanation: "Every backup that needs it becomes unreadable.",
  facts: [
    ["KEK", "<i>file</i>"],
    ["Version", "2"],
  ],
  proposed_at: NOW_MS / 1000 - 3600,
  expires_at: NOW_MS / 1000 + 86_400,
  needed: 2,
  approved: [ADA],
  rp_id: "vault.example",
  challenge: "BAUG",
  allow: ["CgsM"],
  state: "open",
};
const GRANTED = { ...PROPOSAL, approved: [ADA, GRACE], state: "granted" };

let html: string;
let vault: PretendVault;
let passkeys: PretendPasskeys;
let listened: MockInstance<typeof addEventListener>;
let listenedHere: MockInstance<typeof document.addEventListener>;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "Date"] });
  listened = vi.spyOn(globalThis, "addEventListener");
  listenedHere = vi.spyOn(document, "addEventListener");
  vault = new PretendVault({
    "/approve/proposal": [{ body: PROPOSAL }],
    "/approve": [{ body: GRANTED }],
  });
  passkeys = new PretendPasskeys();
  html = openDocument("approve.html");
});

afterEach(() => {
  for (const [name, listener] of listened.mock.calls) removeEventListener(name, listener);
  for (const [name, listener] of listenedHere.mock.calls) {
    document.removeEventListener(name, listener);
  }
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const complaint = () => at("#passkey-problem").textContent;
const idle = () => at("#passkey").getAttribute("aria-disabled") === "false";
const status = () => at("#status").textContent;

async function begin(fragment = "#proposal=secret"): Promise<void> {
  history.replaceState(null, "", `/approve${fragment}`);
  await new ApprovalPage().begin();
}

async function approve(): Promise<void> {
  await begin();
  at("#passkey").click();
  await until(idle);
}

function comeBack(): void {
  document.dispatchEvent(new Event("visibilitychange"));
}

describe("the proposal", () => {
  test("leaves the address bar before anything else happens", async () => {
    const beginning = begin();
    expect(location.hash).toBe("");
    await beginning;
    expect(vault.calls).toEqual([{ path: "/approve/proposal", body: { proposal: "secret" } }]);
  });

  test("is shown in the vault's words, as text and not as markup", async () => {
    await begin();
    expect(text("title")).toBe("Destroy KEK version 2");
    expect(text("explanation")).toContain("becomes unreadable");
    const rows = [...document.querySelectorAll("#facts > div")].map((row) => row.textContent);
    expect(rows.slice(0, 2)).toEqual(["KEK<i>file</i>", "Version2"]);
    expect(rows[2]).toMatch(/^Proposed/);
    expect(at("#approvals").textContent).toContain("Ada <b>Byron</b>");
    expect(document.title).toBe("Destroy KEK version 2 · Sealgate");
  });

  test("says who has approved, who is missing, and that it cannot be undone", async () => {
    await begin();
    expect(text("count")).toBe("1 of 2");
    expect(text("state-text")).toBe("It waits for one more administrator.");
    expect(at("#deciding").hidden).toBe(false);
    expect([at("#for-good").hidden, at("#of-people").hidden]).toEqual([false, true]);
    expect(at("#for-good").textContent).toContain("This cannot be undone.");
    expect(text("needed")).toBe("two");
  });

  test.each([
    ["administrator.invite", true],
    ["passkey.remove", true],
    ["something.new", false],
  ])("to %s is told for what it is: about people (%j), or for good", async (action, ofPeople) => {
    vault.reply("/approve/proposal", { body: { ...PROPOSAL, action } });
    await begin();
    expect(at("#of-people").hidden).toBe(!ofPeople);
    expect(at("#for-good").hidden).toBe(ofPeople);
  });

  test("that nobody has approved says so", async () => {
    vault.reply("/approve/proposal", { body: { ...PROPOSAL, approved: [] } });
    await begin();
    expect(text("state-text")).toBe("It waits for two administrators.");
    expect([at("#approvals").hidden, at("#unapproved").hidden]).toEqual([true, false]);
  });

  test.each([
    ["granted", "Approved", /^Whoever runs the vault may do it now, until/],
    ["done", "Done", /It has been done/],
    ["expired", "Run out", /can no longer be approved/],
  ])("that is %s offers nothing to approve", async (reached, word, saying) => {
    vault.reply("/approve/proposal", { body: { ...GRANTED, state: reached } });
    await begin();
    expect(text("state-word")).toBe(word);
    expect(text("state-text")).toMatch(saying);
    expect(at("#deciding").hidden).toBe(true);
    expect(at("#state").dataset.kind).toBe(reached);
  });

  test("that no passkey could approve says so instead of asking", async () => {
    vault.reply("/approve/proposal", { body: { ...PROPOSAL, allow: [] } });
    await begin();
    expect([at("#deciding").hidden, at("#nobody").hidden]).toEqual([true, false]);
  });

  test.each(["", "#other=1", "#proposal="])("is missing in the fragment %j", async (fragment) => {
    await begin(fragment);
    expect(text("problem-title")).toBe(APPROVAL.noProposal.title);
    expect(vault.calls).toEqual([]);
  });

  test.each([
    ["proposal_unknown", APPROVAL.unknown],
    ["rate_limited", COMMON.busy],
    ["vault_unavailable", COMMON.refused],
  ])("that the vault refuses as %s is explained", async (code, problem) => {
    vault.reply("/approve/proposal", refused(code));
    await begin();
    expect(text("problem-title")).toBe(problem.title);
  });

  test.each([
    ["a state that nobody knows", { state: "maybe" }],
    ["half a fact", { facts: [["KEK"]] }],
    ["a fact that is no text", { facts: [["KEK", 2]] }],
    ["no challenge", { challenge: null }],
    ["an approval without a name", { approved: [{ at: 1 }] }],
  ])("with %s is not believed", async (_, change) => {
    vault.reply("/approve/proposal", { body: { ...PROPOSAL, ...change } });
    await begin();
    expect(text("problem-title")).toBe(APPROVAL.unreachable.title);
  });

  test("can be asked for again when the vault did not answer", async () => {
    vault.reply("/approve/proposal", "no answer", { body: PROPOSAL });
    await begin();
    at("#problem-again").click();
    await until(() => state() === "proposal");
  });

  test("may be followed by another one in the same tab", async () => {
    await begin();
    history.replaceState(null, "", "/approve#proposal=another");
    window.dispatchEvent(new Event("hashchange"));
    await until(() => vault.calls.length === 2 && state() === "proposal");
    expect(vault.calls[1]?.body).toEqual({ proposal: "another" });
  });
});

describe("an approval", () => {
  test("is a passkey's signature over the vault's challenge", async () => {
    await approve();
    expect(passkeys.asked).toMatchObject([
      {
        challenge: bytesOf("040506"),
        rpId: "vault.example",
        allowCredentials: [{ id: bytesOf("0a0b0c") }],
      },
    ]);
    expect(vault.calls[1]).toEqual({
      path: "/approve",
      body: {
        proposal: "secret",
        passkey: { id: "wQ", client_data: "wg", authenticator_data: "ww", signature: "xA" },
      },
    });
  });

  test("shows how it stands now, and says it", async () => {
    await approve();
    expect(text("state-word")).toBe("Approved");
    expect(text("count")).toBe("2 of 2");
    expect(status()).toMatch(/^Your approval is in\. Whoever runs the vault may do it now/);
    expect(document.activeElement).toBe(at("#state"));
    expect(at("#deciding").hidden).toBe(true);
  });

  test.each([
    ["dismissed", { error: "NotAllowedError" }],
    ["none_here", { error: "NotAllowedError", afterMs: 5 }],
    ["timed_out", { error: "NotAllowedError", afterMs: 120_000 }],
    ["forbidden", { error: "SecurityError" }],
  ] as const)(
    "whose passkey was %s is explained at the button, and can be tried again",
    async (reason, fate) => {
      passkeys.fates = [fate, "answers"];
      await approve();
      expect(complaint()).toBe(SIGNING[reason]);
      expect(vault.paths).toEqual(["/approve/proposal"]);
      at("#passkey").click();
      await until(() => text("state-word") === "Approved");
    },
  );

  test.each(["passkey_refused", "approved_already"])(
    "that the vault refuses as %s is said at the button, beside the proposal as it stands",
    async (code) => {
      vault.reply("/approve", refused(code, 409));
      await approve();
      expect(state()).toBe("proposal");
      expect(complaint()).toBe(`It is ${code}. Do this.`);
      expect(vault.paths).toEqual(["/approve/proposal", "/approve", "/approve/proposal"]);
    },
  );

  test("that comes too late shows how it ended", async () => {
    vault.reply("/approve", refused("proposal_over", 409));
    vault.reply(
      "/approve/proposal",
      { body: PROPOSAL },
      { body: { ...PROPOSAL, state: "expired" } },
    );
    await approve();
    expect(text("state-word")).toBe("Run out");
    expect(complaint()).toBe("");
  });

  test("that may not have arrived has its person look again", async () => {
    vault.reply("/approve", "no answer");
    vault.reply("/approve/proposal", { body: PROPOSAL }, { body: GRANTED });
    await approve();
    expect(text("problem-title")).toBe(APPROVAL.undelivered.title);
    at("#problem-again").click();
    await until(() => state() === "proposal");
    expect(text("state-word")).toBe("Approved");
  });

  test("of a proposal that is gone says so", async () => {
    vault.reply("/approve", refused("proposal_unknown", 404));
    await approve();
    expect(text("problem-title")).toBe(APPROVAL.unknown.title);
  });
});

describe("meanwhile", () => {
  test("who comes back to the page sees what others approved", async () => {
    vault.reply("/approve/proposal", { body: PROPOSAL }, { body: GRANTED });
    await begin();
    comeBack();
    await until(() => text("state-word") === "Approved");
    expect(status()).toMatch(/^Whoever runs the vault/);
  });

  test("nothing is said where nothing has changed, or the vault does not answer", async () => {
    vault.reply("/approve/proposal", { body: PROPOSAL }, { body: PROPOSAL }, "no answer");
    await begin();
    comeBack();
    await until(() => vault.calls.length === 2);
    comeBack();
    await until(() => vault.calls.length === 3);
    await new Promise((resolve) => setImmediate(resolve));
    expect([state(), status(), text("state-word")]).toEqual(["proposal", "", "Waiting"]);
  });

  test("nothing is asked any more of what is over", async () => {
    vault.reply("/approve/proposal", { body: { ...PROPOSAL, state: "expired" } });
    await begin();
    comeBack();
    expect(vault.calls).toHaveLength(1);
  });

  test("nothing moves under who is about to approve", async () => {
    passkeys.fates = ["waits"];
    await begin();
    at("#passkey").click();
    await until(() => passkeys.asked.length === 1);
    comeBack();
    expect(vault.calls).toHaveLength(1);
  });

  test("the vault is asked how it ended when its time is up", async () => {
    vault.reply(
      "/approve/proposal",
      { body: PROPOSAL },
      { body: { ...PROPOSAL, state: "expired" } },
    );
    await begin();
    vi.advanceTimersByTime(86_400_000);
    await until(() => text("state-word") === "Run out");
  });
});

describe("the document", () => {
  test("has one script, no inline style or handler, and asks nobody else for anything", () => {
    expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
    expect(html.match(/<script.*?<\/script>/g)).toEqual([
      '<script type="module" src="/assets/approve.js" integrity="{{script_integrity}}"></script>',
    ]);
    expect(html.match(/(src|href)="[^"]*"/g)).toEqual([
      'href="/assets/seal.svg"',
      'href="/assets/sealing.css"',
      'src="/assets/approve.js"',
    ]);
  });
});
