// @vitest-environment happy-dom
/** The sealing page, with its real document and real cryptography against a vault that can refuse, stall and break off. */
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { decodeText, encodeText, open } from "../shared/envelope.ts";
import { fingerprint, wordsOf } from "../shared/fingerprint.ts";
import { generateKeyPair } from "../shared/hpke.ts";
import { SUITE_1, SUITE_1P } from "../shared/suites.ts";
import { adviceOn } from "./advice.ts";
import { SealingPage } from "./page.ts";
import {
  at,
  type Call,
  openDocument,
  PretendVault,
  type Reply,
  refused,
  state,
  text,
  until,
} from "./pretend.ts";
import { KEY, NOW_MS, receipt, ticket } from "./pretend-ticket.ts";
import { COMMON, PROBLEMS } from "./problems.ts";

let keys: CryptoKeyPair;
let keysP: CryptoKeyPair;
let html: string;
let calls: readonly Call[];
let replies: Record<string, Reply[]>;
let listened: MockInstance<typeof addEventListener>;

beforeEach(async () => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ["setTimeout", "clearTimeout", "Date"] });
  keys = await generateKeyPair(SUITE_1);
  keysP = await generateKeyPair(SUITE_1P);
  listened = vi.spyOn(globalThis, "addEventListener");
  replies = {
    "/deposit/ticket": [{ body: await ticket(keys, keysP) }],
    "/deposit": [{ body: receipt() }],
  };
  calls = new PretendVault(replies).calls;
  vi.spyOn(location, "replace").mockImplementation(() => undefined);
  html = openDocument("sealing.html");
});

afterEach(() => {
  // The window outlives the page of each test.
  for (const [name, listener] of listened.mock.calls) removeEventListener(name, listener);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function begin(fragment = "#ticket=secret-ticket"): Promise<void> {
  history.replaceState(null, "", `/deposit${fragment}`);
  await new SealingPage().begin();
}

const field = () => at<HTMLInputElement>("#key");
const button = () => at("#seal").textContent;
const complaint = () => at("#key-problem").textContent;
function type(value: string): void {
  field().value = value;
  field().dispatchEvent(new Event("input"));
}

function press(): void {
  at("#form").dispatchEvent(new Event("submit", { cancelable: true }));
}

async function sealKey(key = KEY): Promise<void> {
  type(key);
  press();
  await until(() => !field().readOnly);
}

describe("the ticket", () => {
  test("leaves the address bar before anything else happens", async () => {
    const beginning = begin();
    expect(location.hash).toBe("");
    expect(calls).toEqual([]);
    await beginning;
  });

  test("is shown as what the vault's record says, as text and not as markup", async () => {
    await begin();
    expect(calls).toEqual([{ path: "/deposit/ticket", body: { ticket: "secret-ticket" } }]);
    expect(text("organization")).toBe("Larkspur <b>Press</b>");
    expect(text("application")).toBe("Newsletter");
    expect(text("provider")).toBe("OpenAI");
    expect(text("origin")).toBe("https://api.openai.com");
    expect(at("#replaces").hidden).toBe(true);
    expect(at("#stages").hidden).toBe(true);
    expect(document.activeElement).toBe(field());
  });

  test("may be followed by another one in the same tab", async () => {
    await begin();
    type(KEY);
    history.replaceState(null, "", "/deposit#ticket=another");
    window.dispatchEvent(new Event("hashchange"));
    await until(() => calls.length === 2 && state() === "form");
    expect(calls[1]?.body).toEqual({ ticket: "another" });
    expect(field().value).toBe("");
  });

  test("that replaces a key says so", async () => {
    replies["/deposit/ticket"] = [
      { body: { ...(await ticket(keys, keysP)), replaces: true, version: 4 } },
    ];
    await begin();
    expect(at("#replaces").hidden).toBe(false);
    expect(at("#replaces").textContent).toContain("version 4");
  });

  test.each([
    [false, true],
    [true, false],
  ])(
    "that stages a key says so, and whether another one gives way (%j)",
    async (replaces, hidden) => {
      replies["/deposit/ticket"] = [
        { body: { ...(await ticket(keys, keysP)), stage: true, replaces, version: 2 } },
      ];
      await begin();
      expect(text("title")).toBe("Stage a new key");
      expect(at("#replaces").hidden).toBe(true);
      expect(at("#stages").hidden).toBe(false);
      expect(at("#stages").textContent).toContain("version 2 and is staged");
      expect(at("#restages").hidden).toBe(hidden);
    },
  );

  test.each([true, false])(
    "of a staged key (%j) is said again when it is sealed",
    async (stage) => {
      replies["/deposit/ticket"] = [
        { body: { ...(await ticket(keys, keysP)), stage, version: 2 } },
      ];
      await begin();
      await sealKey();
      expect(state()).toBe("done");
      expect(at("#staged").hidden).toBe(!stage);
    },
  );

  test.each([
    ["", PROBLEMS.noTicket],
    ["#other=1", PROBLEMS.noTicket],
    ["#ticket=", PROBLEMS.noTicket],
  ])("is missing in the fragment %j", async (fragment, problem) => {
    await begin(fragment);
    expect(state()).toBe("problem");
    expect(text("problem-title")).toBe(problem.title);
    expect(calls).toEqual([]);
  });

  test.each([
    ["ticket_unknown", PROBLEMS.ticketUnknown],
    ["rate_limited", COMMON.busy],
    ["vault_unavailable", COMMON.refused],
  ])("that the vault refuses as %s is explained", async (code, problem) => {
    replies["/deposit/ticket"] = [refused(code)];
    await begin();
    expect(text("problem-title")).toBe(problem.title);
    expect(at("#problem-return").hidden).toBe(true);
    expect(document.activeElement).toBe(at('[data-text="problem-title"]'));
  });

  test("can be asked about again when the vault did not answer", async () => {
    replies["/deposit/ticket"] = ["no answer", { body: await ticket(keys, keysP) }];
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.unreachable.title);
    at("#problem-again").click();
    await until(() => state() === "form");
  });

  test.each([
    ["a script as the way back", { return_url: "javascript:alert(1)" }],
    ["a suite that is no number", { keys: [{ suite: "1", key_id: "AAAA", public_key: "AAAA" }] }],
    ["a public key that is no text", { keys: [{ suite: 1, key_id: "AAAA", public_key: 7 }] }],
    ["a key id in another alphabet", { keys: [{ suite: 1, key_id: "++++", public_key: "AAAA" }] }],
    ["no organization", { organization: null }],
  ])("with %s is not believed", async (_, change) => {
    replies["/deposit/ticket"] = [{ body: { ...(await ticket(keys, keysP)), ...change } }];
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.unreachable.title);
  });

  test("that expires while the page is open clears the field", async () => {
    await begin();
    type(KEY);
    vi.advanceTimersByTime(600_000);
    expect(text("problem-title")).toBe(PROBLEMS.expired.title);
    expect(field().value).toBe("");
    expect(at<HTMLAnchorElement>("#problem-return").href).toContain("https://console.example/");
  });

  test("is not called expired by a clock that is wrong", async () => {
    replies["/deposit/ticket"] = [{ body: { ...(await ticket(keys, keysP)), expires_at: 1 } }];
    await begin();
    vi.advanceTimersByTime(600_000);
    expect(state()).toBe("form");
    expect(at("#until").hidden).toBe(true);
  });
});

describe("a browser that cannot seal", () => {
  test("is told which can", async () => {
    vi.spyOn(crypto.subtle, "generateKey").mockRejectedValue(new Error("NotSupportedError"));
    await begin();
    expect(text("problem-text")).toMatch(/X25519 or P-256/);
    expect(calls).toEqual([]);
  });

  test("is told so, too, where the vault offers only what it cannot do", async () => {
    const offered = {
      ...(await ticket(keys, keysP)),
      keys: [{ suite: 9, key_id: "AAAA", public_key: "AAAA" }],
    };
    replies["/deposit/ticket"] = [{ body: offered }];
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.unsupported.title);
  });

  test.each([[[]], ["none"], [undefined]])("takes %s for no list of keys", async (offered) => {
    replies["/deposit/ticket"] = [{ body: { ...(await ticket(keys, keysP)), keys: offered } }];
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.unreachable.title);
  });

  test("for want of TLS is told that", async () => {
    vi.stubGlobal("crypto", {});
    await begin();
    expect(text("problem-title")).toBe(PROBLEMS.insecure.title);
  });
});

describe("the key field", () => {
  beforeEach(() => begin());

  test.each([
    ["", "There is no key."],
    ["sk-short", "The key is too short."],
    [`sk-${"x".repeat(508)}`, "The key is too long."],
    [`${KEY} `, "The key contains a space."],
    [`${KEY}\t`, "The key contains an invisible control character."],
    [`${KEY}ü`, "The key contains a character that no provider key has."],
  ])("says what is wrong with %j and sends nothing", async (key, message) => {
    await sealKey(key);
    expect(complaint()).toContain(message);
    expect(field().getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(field());
    expect(calls).toHaveLength(1);
  });

  test.each(["paste", "drop"])("refuses a %s with a line break, and says so", (name) => {
    const given = { getData: () => `${KEY}\n` };
    const event = new Event(name, { cancelable: true });
    Object.assign(event, { clipboardData: given, dataTransfer: given });
    field().dispatchEvent(event);
    expect(event.defaultPrevented).toBe(true);
    expect(complaint()).toContain("The key contains a line break.");
  });

  test("lets a clean paste through, of any length", () => {
    const event = new Event("paste", { cancelable: true });
    Object.assign(event, { clipboardData: { getData: () => "sk-" } });
    field().dispatchEvent(event);
    expect(event.defaultPrevented).toBe(false);
    expect(complaint()).toBe("");
  });

  test("forgets a complaint when the key changes", async () => {
    await sealKey("sk-short");
    type(KEY);
    expect(complaint()).toBe("");
    expect(field().getAttribute("aria-invalid")).toBeNull();
  });

  test("shows and hides the key, and starts hidden", () => {
    expect(field().type).toBe("password");
    at("#reveal").click();
    expect([field().type, at("#reveal").textContent]).toEqual(["text", "Hide the key"]);
    at("#reveal").click();
    expect([field().type, at("#reveal").textContent]).toEqual(["password", "Show the key"]);
  });

  test("has no name and wants no help from the browser", () => {
    expect(field().name).toBe("");
    expect(field().autocomplete).toBe("off");
    expect(at<HTMLFormElement>("#form").autocomplete).toBe("off");
  });

  test("advises once on a key of another look, then seals it anyway", async () => {
    type("another-look-0123456789");
    press();
    expect(complaint()).toContain("sk-");
    expect(button()).toBe("Seal it anyway");
    expect(calls).toHaveLength(1);
    press();
    await until(() => state() === "done");
  });

  test("is cleared when the page is left", () => {
    type(KEY);
    window.dispatchEvent(new Event("pagehide"));
    expect(field().value).toBe("");
  });
});

test.each([
  ["openai", '"sk-proj-0123456789abcdef"', /quotation marks/],
  ["openai", "OPENAI_API_KEY=sk-proj-0123456789", /settings file/],
  ["openai", "sk-ant-0123456789abcdefghij", /another provider/],
  ["openai", "sk-admin-0123456789abcdefghij", /admin key/],
  ["openai", "0123456789abcdefghij", /begin with/],
  ["openai", "sk-or-v1-0123456789abcdefghij", /another provider, OpenRouter/],
  ["openai", "gsk_0123456789abcdefghij", /another provider, Groq/],
  ["openai", "AIza0123456789abcdefghij", /another provider, Google/],
  ["anthropic", "sk-proj-0123456789abcdef", /another provider, OpenAI/],
  ["anthropic", "0123456789abcdefghij", /begin with “sk-ant-”/],
  ["google", "0123456789abcdefghij", /begin with “AIza” or “AQ.”/],
  ["groq", "0123456789abcdefghij", /begin with “gsk_”/],
  ["openrouter", "sk-0123456789abcdefghij", /another provider, OpenAI/],
  ["mistral", "sk-ant-0123456789abcdefghij", /another provider, Anthropic/],
])("advice for %s on %s", (provider, key, advice) => {
  expect(adviceOn(provider, key)).toMatch(advice);
});

test("a usual key gets no advice, and an unknown provider's keys may look as they like", () => {
  expect(adviceOn("openai", KEY)).toBeNull();
  expect(adviceOn("other", "0123456789abcdefghij")).toBeNull();
});

test.each([
  ["anthropic", "sk-ant-0123456789abcdefghij"],
  ["google", "AIza0123456789abcdefghij"],
  ["groq", "gsk_0123456789abcdefghij"],
  ["openrouter", "sk-or-v1-0123456789abcdefghij"],
  ["mistral", "0123456789abcdefghij0123456789ab"],
  ["vllm", "sk-0123456789abcdefghij"],
  ["ollama", "sk-ant-0123456789abcdefghij"],
  ["azure-openai", "0123456789abcdefghij"],
])("no advice for %s on %s", (provider, key) => {
  expect(adviceOn(provider, key)).toBeNull();
});

const PURPOSE = {
  instance: "inst_k7q2m4x6z3b5n8r2t4w6",
  organization: "org_a2b3c4d5e6f7g2h3j4k5",
  application: "app_m2n3p4q5r6s7t2u3v4w5",
  credential: "cred_x2y3z4a5b6c7d2e3f4g5",
  version: 1,
  provider: "openai",
  origin: "https://api.openai.com",
};

describe("a browser without X25519", () => {
  test("seals with P-256 instead, by itself", async () => {
    const real = crypto.subtle.generateKey.bind(crypto.subtle);
    vi.spyOn(crypto.subtle, "generateKey").mockImplementation(((
      algorithm: Algorithm,
      ...more: never[]
    ) =>
      algorithm.name === "X25519"
        ? Promise.reject(new DOMException("unknown", "NotSupportedError"))
        : (real as (...all: unknown[]) => unknown)(algorithm, ...more)) as never);
    await begin();
    await sealKey();
    const envelope = decodeText(calls[1]?.body.envelope as string);
    expect(envelope[1]).toBe(2);
    const context = { ...PURPOSE, keyId: new Uint8Array(16).fill(2) };
    const key = await open(envelope, SUITE_1P, keysP, context);
    expect(new TextDecoder().decode(key)).toBe(KEY);
    expect(state()).toBe("done");
  });
});

describe("sealing", () => {
  beforeEach(() => begin());

  test("sends an envelope that the vault opens, and the key nowhere", async () => {
    await sealKey();
    const sent = calls[1];
    expect(sent?.path).toBe("/deposit");
    expect(Object.keys(sent?.body ?? {})).toEqual(["ticket", "envelope"]);
    expect(JSON.stringify(calls)).not.toContain(KEY);
    const context = {
      ...PURPOSE,
      keyId: new Uint8Array(16),
    };
    const key = await open(decodeText(sent?.body.envelope as string), SUITE_1, keys, context);
    expect(new TextDecoder().decode(key)).toBe(KEY);
  });

  test("shows the sealing keys in the words that the console shows", async () => {
    const offered = [keys, keysP].map(async ({ publicKey }, at) => ({
      suite: at + 1,
      publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)),
    }));
    expect(text("sealing-keys")).toBe(wordsOf(await fingerprint(await Promise.all(offered))));
    expect(text("sealing-keys")).toMatch(/^([a-z]{5}-){7}[a-z]{5}$/);
  });

  test("clears and hides the field before the vault has answered", async () => {
    at("#reveal").click();
    type(KEY);
    press();
    expect([field().value, field().type]).toEqual(["", "password"]);
    expect([button(), field().readOnly]).toEqual(["Sealing…", true]);
    await until(() => state() === "done");
  });

  test("ends with the last four, and the console after two seconds", async () => {
    await sealKey();
    expect(state()).toBe("done");
    expect(text("last-four")).toBe("WXYZ");
    expect(document.activeElement?.textContent).toContain("Key sealed");
    expect(at<HTMLAnchorElement>("#return").href).toBe("https://console.example/applications/1");
    vi.advanceTimersByTime(1999);
    expect(location.replace).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(location.replace).toHaveBeenCalledWith("https://console.example/applications/1");
  });

  test("lets somebody stay who asks to", async () => {
    await sealKey();
    at("#stay").click();
    vi.advanceTimersByTime(60_000);
    expect(location.replace).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(at("#return"));
  });

  test("twice at once sends one envelope", async () => {
    type(KEY);
    press();
    press();
    await until(() => state() === "done");
    expect(calls.map((call) => call.path)).toEqual(["/deposit/ticket", "/deposit"]);
  });

  test.each(["envelope_invalid", "key_format", "too_large"])(
    "that the vault refuses as %s is said at the field",
    async (code) => {
      replies["/deposit"] = [refused(code)];
      await sealKey();
      expect(state()).toBe("form");
      expect(complaint()).toBe(`It is ${code}. Do this.`);
      expect(field().value).toBe("");
    },
  );

  test("sends the same envelope again when no answer came", async () => {
    replies["/deposit"] = ["no answer", { body: receipt() }];
    await sealKey();
    expect(text("problem-title")).toBe(PROBLEMS.undelivered.title);
    expect(at("#problem-return").hidden).toBe(false);
    at("#problem-again").click();
    await until(() => state() === "done");
    expect(calls[2]).toEqual(calls[1]);
  });

  test("with a ticket that expired meanwhile says just that", async () => {
    replies["/deposit"] = [refused("ticket_unknown", 404)];
    await sealKey();
    expect(text("problem-title")).toBe(PROBLEMS.ticketUnknown.title);
  });

  test("that the vault cannot store now is explained in its words and sent again", async () => {
    replies["/deposit"] = [refused("vault_unavailable", 503), { body: receipt() }];
    await sealKey();
    expect(text("problem-text")).toBe("It is vault_unavailable.");
    expect(text("problem-hint")).toBe("Do this.");
    at("#problem-again").click();
    await until(() => state() === "done");
  });

  test("whose first try may have arrived sends the developer to look", async () => {
    replies["/deposit"] = ["no answer", refused("ticket_unknown")];
    await sealKey();
    at("#problem-again").click();
    await until(() => text("problem-title") === PROBLEMS.ticketSpent.title);
  });
});

test("a vault key that cannot be used has nothing sent to it", async () => {
  const zeros = {
    suite: 1,
    key_id: encodeText(new Uint8Array(16)),
    public_key: encodeText(new Uint8Array(32)),
  };
  const broken = { ...(await ticket(keys, keysP)), keys: [zeros] };
  replies["/deposit/ticket"] = [{ body: broken }];
  await begin();
  await sealKey();
  expect(text("problem-title")).toBe(PROBLEMS.sealingFailed.title);
  expect(calls.map((call) => call.path)).toEqual(["/deposit/ticket"]);
});

describe("the document", () => {
  test("has no inline script, style or handler", () => {
    expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).toContain(
      '<script type="module" src="/assets/sealing.js" integrity="{{script_integrity}}"></script>',
    );
  });

  test("asks nobody else for anything", () => {
    expect(html.match(/(src|href)="[^"]*"/g)).toEqual([
      'href="/assets/seal.svg"',
      'href="/assets/sealing.css"',
      'src="/assets/sealing.js"',
      'href="/"',
      'href="/"',
    ]);
  });

  test("ties every message to its field and announces the rest", () => {
    expect(field().getAttribute("aria-describedby")).toBe("key-problem key-note");
    expect(at("#key-problem").getAttribute("role")).toBe("alert");
    expect(at("#status").getAttribute("role")).toBe("status");
    expect(at<HTMLLabelElement>("label").htmlFor).toBe("key");
  });
});
