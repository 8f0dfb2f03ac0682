import { describe, expect, it, vi } from "vitest";
import { SessionKeeper, sessionFromUrl } from "./session.ts";
import { json, ScriptedProxy } from "./testing/scripted-proxy.ts";

const unavailable = { problem: { code: "session_unavailable", who: "user" } };

describe("the session token", () => {
  it("is asked for once by callers at the same moment, and kept", async () => {
    const ask = vi.fn(async () => "one");
    const keeper = new SessionKeeper(ask);
    expect(await Promise.all([keeper.token(), keeper.token()])).toEqual(["one", "one"]);
    expect(await keeper.token()).toBe("one");
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("is renewed once for all whose last one was refused", async () => {
    const ask = vi.fn().mockResolvedValueOnce("one").mockResolvedValueOnce("two");
    const keeper = new SessionKeeper(ask);
    const refused = await keeper.token();
    expect(await keeper.renew(refused)).toBe("two");
    expect(await keeper.renew(refused)).toBe("two");
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it.each([
    ["throws", () => Promise.reject(new Error("signed out: user 7"))],
    [
      "throws at once",
      () => {
        throw new Error("signed out");
      },
    ],
    ["gives nothing", () => Promise.resolve("")],
    ["gives something else", () => Promise.resolve({ token: "x" } as unknown as string)],
  ])(
    "is a problem of the user's when the host %s, and asked for again next time",
    async (_name, fail) => {
      const ask = vi
        .fn<() => Promise<string>>()
        .mockImplementationOnce(fail)
        .mockResolvedValueOnce("two");
      const keeper = new SessionKeeper(ask);
      await expect(keeper.token()).rejects.toMatchObject(unavailable);
      expect(await keeper.token()).toBe("two");
    },
  );

  it("comes from a URL of the host by POST with its cookies", async () => {
    const host = new ScriptedProxy().answers(json({ token: "one" }));
    expect(await sessionFromUrl("/assistant/session", host.fetch)()).toBe("one");
    expect(host.calls[0]?.init).toMatchObject({ method: "POST", credentials: "same-origin" });
  });

  it.each([
    ["a refusal", json({ token: "one" }, 403)],
    ["no token", json({})],
    ["a sign-in page", new Response("<html>")],
  ])("from a URL that answers with %s is a problem of the user's", async (_name, answer) => {
    const host = new ScriptedProxy().answers(answer);
    const keeper = new SessionKeeper(sessionFromUrl("/assistant/session", host.fetch));
    await expect(keeper.token()).rejects.toMatchObject(unavailable);
  });
});
