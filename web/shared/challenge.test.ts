/** What a passkey signs agrees with the text vectors, and no two deposits have it in common. */
import { expect, test } from "vitest";
import { depositChallenge } from "./challenge.ts";
import { decodeText } from "./envelope.ts";
import { hexOf, loadVectors } from "./vectors.ts";

const VECTORS = loadVectors("challenge");

test.each(VECTORS.map((vector) => [vector.about, vector] as const))(
  "the challenge is the vector's: %s",
  async (_, { field }) => {
    const challenge = await depositChallenge({
      instance: field("instance"),
      organization: field("organization"),
      application: field("application"),
      credential: field("credential"),
      version: Number(field("version")),
      provider: field("provider"),
      origin: field("origin"),
      ticket: field("ticket"),
      envelope: decodeText(field("envelope")),
    });
    expect(hexOf(challenge)).toBe(field("challenge"));
  },
);

test("every field counts, and every border between two", () => {
  expect(VECTORS.length).toBeGreaterThan(12);
  expect(new Set(VECTORS.map((vector) => vector.field("challenge"))).size).toBe(VECTORS.length);
});
