// @vitest-environment happy-dom
/** What the browser is asked for, and what its errors are taken for. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bytesOf } from "../shared/vectors.ts";
import { MAKING, SIGNING } from "./passkey-words.ts";
import { make, PasskeyError, type PasskeyReason, sign } from "./passkeys.ts";
import { PretendPasskeys, withoutPasskeys } from "./pretend.ts";

const ALLOWED = { rpId: "vault.example", allow: [bytesOf("0a"), bytesOf("0b")] };
const ENROLLING = {
  rp: { id: "vault.example", name: "Sealgate vault" },
  user: { id: bytesOf("01"), name: "Ada" },
  challenge: bytesOf("02"),
  exclude: [bytesOf("0a")],
};

let passkeys: PretendPasskeys;
let withdrawn: AbortController;

beforeEach(() => {
  passkeys = new PretendPasskeys();
  withdrawn = new AbortController();
});

afterEach(() => vi.unstubAllGlobals());

const signed = () => sign(ALLOWED, bytesOf("02"), withdrawn.signal);
const made = () => make(ENROLLING, withdrawn.signal);

async function reasonOf(promise: Promise<unknown>): Promise<PasskeyReason | undefined> {
  const error = await promise.catch((thrown: unknown) => thrown);
  return error instanceof PasskeyError ? error.reason : undefined;
}

test("a signature is asked of the named passkeys alone, from a person who is verified", async () => {
  expect(await signed()).toEqual({
    id: bytesOf("c1"),
    clientData: bytesOf("c2"),
    authenticatorData: bytesOf("c3"),
    signature: bytesOf("c4"),
  });
  expect(passkeys.asked).toEqual([
    {
      challenge: bytesOf("02"),
      rpId: "vault.example",
      allowCredentials: [
        { type: "public-key", id: bytesOf("0a") },
        { type: "public-key", id: bytesOf("0b") },
      ],
      userVerification: "required",
      timeout: 120_000,
    },
  ]);
});

test("a passkey is made for the named person, without attestation, and not twice on one device", async () => {
  expect(await made()).toEqual({
    id: bytesOf("c1"),
    clientData: bytesOf("c5"),
    attestationObject: bytesOf("c6"),
    transports: ["internal"],
  });
  expect(passkeys.asked[0]).toMatchObject({
    rp: ENROLLING.rp,
    user: { id: bytesOf("01"), name: "Ada", displayName: "Ada" },
    pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })),
    excludeCredentials: [{ type: "public-key", id: bytesOf("0a") }],
    authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
    attestation: "none",
  });
});

test.each([
  ["NotAllowedError", 5000, "dismissed"],
  ["NotAllowedError", 10, "none_here"],
  ["NotAllowedError", 120_000, "timed_out"],
  ["InvalidStateError", 5000, "made_already"],
  ["ConstraintError", 5000, "unverified"],
  ["NotSupportedError", 5000, "unsupported"],
  ["SecurityError", 5000, "forbidden"],
  ["UnknownError", 5000, "failed"],
])("%s after %d ms is taken for %s", async (error, afterMs, reason) => {
  passkeys.fates = [{ error, afterMs }];
  expect(await reasonOf(signed())).toBe(reason);
  expect(await reasonOf(made())).toBe(reason);
});

test("a browser without passkeys is not asked", async () => {
  withoutPasskeys();
  expect(await reasonOf(signed())).toBe("unsupported");
  expect(await reasonOf(made())).toBe("unsupported");
  expect(passkeys.asked).toEqual([]);
});

test("a browser that answers with something else has failed", async () => {
  vi.stubGlobal("AuthenticatorAssertionResponse", class {});
  vi.stubGlobal("AuthenticatorAttestationResponse", class {});
  expect(await reasonOf(signed())).toBe("failed");
  expect(await reasonOf(made())).toBe("failed");
  Object.defineProperty(navigator, "credentials", { value: { get: async () => null } });
  expect(await reasonOf(signed())).toBe("failed");
});

test("a question that is withdrawn ends as its signal says", async () => {
  passkeys.fates = ["waits"];
  const asking = signed();
  withdrawn.abort();
  await expect(asking).rejects.toBe(withdrawn.signal.reason);
});

test("every reason has its own words, and no word is a browser's", () => {
  for (const words of [SIGNING, MAKING]) {
    const texts = Object.values(words);
    expect(new Set(texts).size).toBe(texts.length);
    expect(texts.join(" ")).not.toMatch(/WebAuthn|Error|credential/i);
  }
});
