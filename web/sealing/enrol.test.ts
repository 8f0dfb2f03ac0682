// @vitest-environment happy-dom
/** The enrolment page, with its real document, against a vault and passkeys that can refuse, stall and break off. */
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { bytesOf } from "../shared/vectors.ts";
import { EnrolmentPage } from "./enrol-page.ts";
import { MAKING } from "./passkey-words.ts";
import {
  at,
  openDocument,
  PretendPasskeys,
  PretendVault,
  refused,
  shownText,
  state,
  text,
  until,
  withoutPasskeys,
} from "./pretend.ts";
import { COMMON, ENROLMENT } from "./problems.ts";

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const INVITATION = {
  instance: "inst_k7q2m4x6z3b5n8r2t4w6",
  administrator: "adm_a2b3c4d5e6f7g2h3j4k5",
  name: "Ada <b>Byron</b>",
  organization: { id: "org_a2b3c4d5e6f7g2h3j4k5", name: "Larkspur Press" },
  rp: { id: "vault.example", name: "Sealgate vault" },
  user: { id: "AQID", name: "Ada Byron" },
  challenge: "BAUG",
  exclude: [],
  expires_at: NOW_MS / 1000 + 3600,
  again: false,
};
const ENROLLED = {
  administrator: "adm_a2b3c4d5e6f7g2h3j4k5",
  name: "Ada Byron",
  passkeys: 1,
  fingerprint: "babab-kukuk",
};

let html: string;
let vault: PretendVault;
let passkeys: PretendPasskeys;
let listened: MockInstance<typeof addEventListener>;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "Date"] });
  listened = vi.spyOn(globalThis, "addEventListener");
  vault = new PretendVault({
    "/enrol/invitation": [{ body: INVITATION }],
    "/enrol": [{ body: ENROLLED }],
  });
  passkeys = new PretendPasskeys();
  html = openDocument("enrol.html");
});

afterEach(() => {
  for (const [name, listener] of listened.mock.calls) removeEventListener(name, listener);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const complaint = () => at("#passkey-problem").textContent;
const idle = () => at("#passkey").getAttribute("aria-disabled") === "false";

async function begin(fragment = "#invitation=secret"): Promise<void> {
  history.replaceState(null, "", `/enrol${fragment}`);
  await new EnrolmentPage().begin();
}

async function enrol(): Promise<void> {
  await begin();
  at("#passkey").click();
  await until(idle);
}

describe("the invitation", () => {
  test("leaves the address bar before anything else happens", async () => {
    const beginning = begin();
    expect(location.hash).toBe("");
    await beginning;
    expect(vault.calls).toEqual([{ path: "/enrol/invitation", body: { invitation: "secret" } }]);
  });

  test("is shown as what the vault's record says, as text and not as markup", async () => {
    await begin();
    expect(text("name")).toBe("Ada <b>Byron</b>");
    expect(text("administrator")).toBe("adm_a2b3c4d5e6f7g2h3j4k5");
    expect([text("scope"), text("scope-id")]).toEqual([
      "Larkspur Press",
      "org_a2b3c4d5e6f7g2h3j4k5",
    ]);
    expect(document.activeElement).toBe(at('[data-text="title"]'));
    expect(document.title).toBe("Become an administrator · Sealgate");
  });

  test("for one organization does not speak of what only the whole vault's administrators do", async () => {
    await begin();
    expect(at("#whole").hidden).toBe(true);
  });

  test("for an organization whose name the vault does not know shows its id", async () => {
    const organization = { ...INVITATION.organization, name: INVITATION.organization.id };
    vault.reply("/enrol/invitation", { body: { ...INVITATION, organization } });
    await begin();
    expect([text("scope"), text("scope-id")]).toEqual(["One organization", organization.id]);
  });

  test("for the whole vault says so", async () => {
    vault.reply("/enrol/invitation", { body: { ...INVITATION, organization: null } });
    await begin();
    expect(text("scope")).toBe("The whole vault, every organization");
    expect(at("#whole").hidden).toBe(false);
  });

  test("to add a passkey says that it is the same person's", async () => {
    vault.reply("/enrol/invitation", { body: { ...INVITATION, again: true, exclude: ["CgsM"] } });
    await begin();
    expect(text("title")).toBe("Add a passkey");
    expect(at("#again").hidden).toBe(false);
    expect(at("#again").textContent).toContain("You have one passkey here already");
    at("#passkey").click();
    await until(idle);
    expect(passkeys.asked[0]?.excludeCredentials).toMatchObject([{ id: bytesOf("0a0b0c") }]);
  });

  test.each(["", "#other=1", "#invitation="])("is missing in the fragment %j", async (fragment) => {
    await begin(fragment);
    expect(text("problem-title")).toBe(ENROLMENT.noInvitation.title);
    expect(vault.calls).toEqual([]);
  });

  test.each([
    ["invitation_unknown", ENROLMENT.unknown],
    ["rate_limited", COMMON.busy],
    ["vault_unavailable", COMMON.refused],
  ])("that the vault refuses as %s is explained", async (code, problem) => {
    vault.reply("/enrol/invitation", refused(code));
    await begin();
    expect(text("problem-title")).toBe(problem.title);
  });

  test.each([
    ["no name", { name: null }],
    ["a challenge in another alphabet", { challenge: "++" }],
    ["no list of passkeys", { exclude: null }],
    ["half an organization", { organization: { id: "org_1" } }],
  ])("with %s is not believed", async (_, change) => {
    vault.reply("/enrol/invitation", { body: { ...INVITATION, ...change } });
    await begin();
    expect(text("problem-title")).toBe(ENROLMENT.unreachable.title);
  });

  test("can be asked about again when the vault did not answer", async () => {
    vault.reply("/enrol/invitation", "no answer", { body: INVITATION });
    await begin();
    expect(text("problem-title")).toBe(ENROLMENT.unreachable.title);
    at("#problem-again").click();
    await until(() => state() === "offer");
  });

  test("that expires while the dialog is open closes it", async () => {
    passkeys.fates = ["waits"];
    await begin();
    at("#passkey").click();
    await until(() => passkeys.asked.length === 1);
    vi.advanceTimersByTime(3_600_000);
    expect(text("problem-title")).toBe(ENROLMENT.expired.title);
    await until(idle);
    expect(vault.paths).toEqual(["/enrol/invitation"]);
  });

  test("is not called expired by a clock that is wrong", async () => {
    vault.reply("/enrol/invitation", { body: { ...INVITATION, expires_at: 1 } });
    await begin();
    vi.advanceTimersByTime(86_400_000);
    expect(state()).toBe("offer");
    expect(at("#until").hidden).toBe(true);
  });

  test("may be followed by another one in the same tab", async () => {
    await begin();
    history.replaceState(null, "", "/enrol#invitation=another");
    window.dispatchEvent(new Event("hashchange"));
    await until(() => vault.calls.length === 2 && state() === "offer");
    expect(vault.calls[1]?.body).toEqual({ invitation: "another" });
  });

  test("in a browser without passkeys is not even asked about", async () => {
    withoutPasskeys();
    await begin();
    expect(text("problem-title")).toBe(ENROLMENT.noPasskeys.title);
    expect(vault.calls).toEqual([]);
  });
});

describe("a passkey", () => {
  test("is made for the vault's challenge, and its public half handed over", async () => {
    await enrol();
    expect(passkeys.asked).toMatchObject([
      { challenge: bytesOf("040506"), rp: INVITATION.rp, user: { id: bytesOf("010203") } },
    ]);
    expect(vault.calls[1]).toEqual({
      path: "/enrol",
      body: {
        invitation: "secret",
        id: "wQ",
        client_data: "xQ",
        attestation_object: "xg",
        transports: ["internal"],
      },
    });
  });

  test("that is enrolled is shown with its words, and a spare is advised", async () => {
    await enrol();
    expect(state()).toBe("done");
    expect(text("fingerprint")).toBe("babab-kukuk");
    expect(text("passkeys")).toBe("1 passkey");
    expect(at("#spare").hidden).toBe(false);
    expect(document.activeElement?.textContent).toContain("Passkey enrolled");
  });

  test("that is the second one needs no spare", async () => {
    vault.reply("/enrol", { body: { ...ENROLLED, passkeys: 2 } });
    await enrol();
    expect(text("passkeys")).toBe("2 passkeys");
    expect(at("#spare").hidden).toBe(true);
  });

  test.each([
    ["dismissed", { error: "NotAllowedError" }],
    ["none_here", { error: "NotAllowedError", afterMs: 5 }],
    ["timed_out", { error: "NotAllowedError", afterMs: 120_000 }],
    ["made_already", { error: "InvalidStateError" }],
    ["unverified", { error: "ConstraintError" }],
    ["forbidden", { error: "SecurityError" }],
    ["unsupported", { error: "NotSupportedError" }],
    ["failed", { error: "UnknownError" }],
  ] as const)(
    "that was %s is explained at the button, and can be tried again",
    async (reason, fate) => {
      passkeys.fates = [fate, "answers"];
      await enrol();
      expect([state(), complaint()]).toEqual(["offer", MAKING[reason]]);
      expect(document.activeElement).toBe(at("#passkey"));
      expect(vault.paths).toEqual(["/enrol/invitation"]);
      at("#passkey").click();
      await until(() => state() === "done");
    },
  );

  test("that the vault refuses is made anew, for a new challenge", async () => {
    vault.reply("/enrol", refused("passkey_refused"), { body: ENROLLED });
    vault.reply(
      "/enrol/invitation",
      { body: INVITATION },
      { body: { ...INVITATION, challenge: "BwgJ" } },
    );
    await enrol();
    expect([state(), complaint()]).toEqual(["offer", "It is passkey_refused. Do this."]);
    at("#passkey").click();
    await until(() => state() === "done");
    expect(passkeys.asked[1]?.challenge).toEqual(bytesOf("070809"));
  });

  test("that may not have arrived is sent again, and none is made anew", async () => {
    vault.reply("/enrol", "no answer", { body: ENROLLED });
    await enrol();
    expect(text("problem-title")).toBe(ENROLMENT.undelivered.title);
    vi.advanceTimersByTime(3_600_000);
    expect(text("problem-title")).toBe(ENROLMENT.undelivered.title);
    at("#problem-again").click();
    await until(() => state() === "done");
    expect(vault.calls[2]).toEqual(vault.calls[1]);
    expect(passkeys.asked).toHaveLength(1);
  });

  test("whose first try may have arrived sends its person to ask", async () => {
    vault.reply("/enrol", "no answer", refused("invitation_unknown", 404));
    await enrol();
    at("#problem-again").click();
    await until(() => text("problem-title") === ENROLMENT.spent.title);
  });

  test("that the vault cannot store now is explained in its words and sent again", async () => {
    vault.reply("/enrol", refused("vault_unavailable", 503), { body: ENROLLED });
    await enrol();
    expect(shownText()).toContain("It is vault_unavailable. Do this.");
    at("#problem-again").click();
    await until(() => state() === "done");
  });
});

describe("the document", () => {
  test("has one script, no inline style or handler, and asks nobody else for anything", () => {
    expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
    expect(html.match(/<script.*?<\/script>/g)).toEqual([
      '<script type="module" src="/assets/enrol.js" integrity="{{script_integrity}}"></script>',
    ]);
    expect(html.match(/(src|href)="[^"]*"/g)).toEqual([
      'href="/assets/seal.svg"',
      'href="/assets/sealing.css"',
      'src="/assets/enrol.js"',
    ]);
  });

  test("announces what goes wrong and what goes on", () => {
    expect(at("#passkey-problem").getAttribute("role")).toBe("alert");
    expect(at("#status").getAttribute("role")).toBe("status");
  });
});
