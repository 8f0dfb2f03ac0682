import { describe, expect, it, vi } from "vitest";
import { ConnectionController, type Endpoint } from "./connection-controller.ts";
import { BareHost } from "./testing/bare-host.ts";
import { json, ME, refusal, ScriptedProxy } from "./testing/scripted-proxy.ts";

const ENDPOINT: Endpoint = {
  proxy: "https://proxy.example",
  getSession: async () => "t",
  sessionUrl: null,
};

function connect(endpoint: Endpoint = ENDPOINT) {
  const host = new BareHost();
  const proxy = new ScriptedProxy();
  const emitted: string[] = [];
  const details: unknown[] = [];
  const emit = (name: string, detail: unknown) => {
    emitted.push(name);
    details.push(detail);
  };
  const connection = new ConnectionController(host, emit, proxy.fetch);
  connection.use(endpoint);
  return { host, proxy, emitted, details, connection };
}

describe("the connection", () => {
  it("asks nothing before somebody is interested", () => {
    expect(connect().proxy.calls).toEqual([]);
  });

  it("asks once for all who want to know at the same time, and not again while the answer is fresh", async () => {
    const { connection, proxy, emitted } = connect();
    proxy.answers(json(ME));
    await Promise.all([connection.load(), connection.load()]);
    await connection.load();
    expect(proxy.calls).toHaveLength(1);
    expect(emitted).toEqual(["sealgate-ready"]);
  });

  it("asks again after a failure", async () => {
    const { connection, proxy, emitted } = connect();
    proxy.answers(
      refusal(503, { code: "configuration_unavailable", who: "administrator" }),
      json(ME),
    );
    await connection.load();
    expect(connection.problem).toMatchObject({ who: "administrator" });
    await connection.load();
    expect(connection.problem).toBeNull();
    expect(connection.catalogue?.actions).toHaveLength(2);
    expect(emitted).toEqual(["sealgate-error", "sealgate-ready"]);
  });

  it("forgets what another proxy answered", async () => {
    const { connection, proxy } = connect();
    proxy.answers(json(ME), json({ actions: [] }));
    await connection.load();
    connection.use({ ...ENDPOINT, proxy: "https://other.example" });
    expect(connection.catalogue).toBeNull();
    await connection.load();
    expect(connection.catalogue?.actions).toEqual([]);
  });

  it("is not given what another proxy answers late", async () => {
    const { connection, proxy } = connect();
    const late = Promise.withResolvers<Response>();
    proxy.answers(() => late.promise, json({ actions: [] }));
    const first = connection.load();
    await vi.waitFor(() => expect(proxy.calls).toHaveLength(1));
    connection.use({ ...ENDPOINT, proxy: "https://other.example" });
    await connection.load();
    late.resolve(json(ME));
    await first;
    expect(connection.catalogue?.actions).toEqual([]);
  });

  it("shows the allowance as the latest answer told it", async () => {
    const { connection, proxy } = connect();
    proxy.answers(json(ME));
    await connection.load();
    connection.noteRemaining(3);
    connection.noteRemaining(null);
    expect(connection.catalogue?.allowance).toMatchObject({ limit: 20, remaining: 3 });
  });

  it("asks the host's URL for a session where there is no callback", async () => {
    const { connection, proxy } = connect({
      ...ENDPOINT,
      getSession: null,
      sessionUrl: "/session",
    });
    proxy.answers(json({ token: "from-url" }), json(ME));
    await connection.load();
    expect(proxy.calls.map(({ url }) => url)).toEqual([
      "/session",
      "https://proxy.example/assistant/v1/me",
    ]);
    expect(proxy.calls[1]?.authorization).toBe("Bearer from-url");
  });

  it("says so where the page gives no way to a session", async () => {
    const { connection } = connect({ ...ENDPOINT, getSession: null });
    await connection.load();
    expect(connection.problem?.code).toBe("session_unavailable");
  });

  it("does not report what was given up because its element went", async () => {
    const { connection, host, proxy, emitted } = connect();
    proxy.answers(
      ({ init }) =>
        new Promise((_, reject) => {
          init.signal?.addEventListener("abort", () =>
            reject(new DOMException("aborted", "AbortError")),
          );
        }),
    );
    const loading = connection.load();
    host.disconnect();
    await loading;
    expect(connection.problem).toBeNull();
    expect(emitted).toEqual([]);
  });

  it("tells once when requests run low, and once when they are used up", async () => {
    const { connection, proxy, emitted } = connect();
    proxy.answers(json(ME));
    await connection.load();
    for (const remaining of [16, 4, 3, 2, null, 0, 0]) connection.noteRemaining(remaining);
    expect(emitted).toEqual(["sealgate-ready", "sealgate-limit", "sealgate-limit"]);
  });

  it("tells that they are used up with the wait that a refusal named", async () => {
    const { connection, proxy, details } = connect();
    proxy.answers(json(ME));
    await connection.load();
    connection.noteRemaining(0, 24);
    expect(details.at(-1)).toEqual({
      standing: "used-up",
      remaining: 0,
      limit: 20,
      windowS: 60,
      retryAfterS: 24,
    });
  });
});
