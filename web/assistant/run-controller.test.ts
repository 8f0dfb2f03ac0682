import { describe, expect, it, vi } from "vitest";
import { type Catalogue, readCatalogue } from "./catalogue.ts";
import { ProxyClient } from "./client.ts";
import { type Order, RunController } from "./run-controller.ts";
import { SessionKeeper } from "./session.ts";
import { BareHost } from "./testing/bare-host.ts";
import {
  DONE,
  event,
  LiveStream,
  ME,
  refusal,
  ScriptedProxy,
  streamOf,
} from "./testing/scripted-proxy.ts";

const [action] = (readCatalogue(ME) as Catalogue).actions;
if (!action) throw new Error("the catalogue has an action");

const ORDER: Order = {
  task: { kind: "action", action, values: { amount: "half" } },
  origin: { value: "one two three", range: { start: 4, end: 7 }, selection: { start: 4, end: 7 } },
  locale: "en",
};

function setUp() {
  const host = new BareHost();
  const proxy = new ScriptedProxy();
  const emitted: [string, unknown][] = [];
  const states: string[] = [];
  const remaining = vi.fn();
  const run = new RunController(host, (name, detail) => emitted.push([name, detail]), {
    remaining,
    changed: (attempt) => states.push(attempt.state),
  });
  const client = new ProxyClient(
    "https://proxy.example",
    new SessionKeeper(async () => "t"),
    proxy.fetch,
  );
  const names = () => emitted.map(([name]) => name);
  return { host, proxy, run, client, emitted, names, states, remaining };
}

/** A run that has received its first words and waits for more. */
async function writing() {
  const all = setUp();
  const live = new LiveStream();
  all.proxy.answers(live.response);
  const finished = all.run.start(all.client, ORDER);
  live.push(event("delta", { text: "Half of" }));
  await vi.waitFor(() => expect(all.run.attempt?.text).toBe("Half of"));
  return { ...all, live, finished };
}

describe("a run", () => {
  it("sends the original's text alone, and gathers what streams back", async () => {
    const { proxy, run, client, names, states, remaining } = setUp();
    proxy.answers(streamOf(event("delta", { text: "2" }), event("delta", { text: "!\n" }), DONE));
    await run.start(client, ORDER);
    expect(proxy.calls[0]?.body).toEqual({
      text: "two",
      parameters: { amount: "half" },
      locale: "en",
    });
    expect(run.attempt).toMatchObject({
      state: "done",
      text: "2!",
      finishReason: "stop",
      requestId: "req_a",
    });
    expect(states).toEqual(["writing", "done"]);
    expect(remaining).toHaveBeenCalledWith(16);
    expect(names()).toEqual([
      "sealgate-generating",
      "sealgate-chunk",
      "sealgate-chunk",
      "sealgate-generated",
    ]);
  });

  it("that is stopped ends the exchange and keeps the text so far", async () => {
    const { run, live, finished, emitted, states } = await writing();
    run.stop();
    await live.cancelled;
    await finished;
    expect(run.attempt).toMatchObject({ state: "stopped", text: "Half of" });
    expect(run.isWriting).toBe(false);
    expect(states).toEqual(["writing", "stopped"]);
    expect(emitted.at(-1)).toEqual([
      "sealgate-stopped",
      { action: "shorten", parameters: { amount: "half" }, scope: "selection", text: "Half of" },
    ]);
  });

  it("that is stopped before the proxy answered has nothing to keep", async () => {
    const { run, proxy, client } = setUp();
    proxy.answers(
      ({ init }) =>
        new Promise((_, reject) => {
          init.signal?.addEventListener("abort", () =>
            reject(new DOMException("aborted", "AbortError")),
          );
        }),
    );
    const finished = run.start(client, ORDER);
    await vi.waitFor(() => expect(proxy.calls).toHaveLength(1));
    run.stop();
    await finished;
    expect(run.attempt).toMatchObject({ state: "stopped", text: "", problem: null });
  });

  it("that fails midway keeps the text so far and says why", async () => {
    const { run, live, finished, names } = await writing();
    live.push(
      event("error", { error: { code: "provider_failed", who: "time", message: "It broke off." } }),
    );
    await finished;
    expect(run.attempt).toMatchObject({
      state: "failed",
      text: "Half of",
      problem: { code: "provider_failed" },
    });
    expect(names()).toContain("sealgate-error");
  });

  it("keeps earlier versions when it is tried again, and shows the newest", async () => {
    const { run, proxy, client } = setUp();
    proxy.answers(
      streamOf(event("delta", { text: "first" }), DONE),
      streamOf(event("delta", { text: "second" }), DONE),
    );
    await run.start(client, ORDER);
    await run.again(client);
    expect(run.position).toEqual({ n: 2, total: 2 });
    run.show(-1);
    expect(run.attempt?.text).toBe("first");
    run.show(-1);
    expect(run.attempt?.text).toBe("first");
  });

  it("writes a further version without touching the one that was on show", async () => {
    const { run, proxy, client } = setUp();
    for (const text of ["first", "second", "third"])
      proxy.answers(streamOf(event("delta", { text }), DONE));
    await run.start(client, ORDER);
    await run.again(client);
    run.show(-1);
    await run.again(client);
    expect(run.attempt?.text).toBe("third");
    run.show(-1);
    expect(run.attempt?.text).toBe("second");
  });

  it("writes a follow-up as a further version, and another try of the version that is on show", async () => {
    const { run, proxy, client, emitted } = setUp();
    for (const text of ["first", "second", "third"])
      proxy.answers(streamOf(event("delta", { text }), DONE));
    const history = [{ prompt: "Shorten", answer: "first" }];
    const followUp: Order = { ...ORDER, task: { kind: "prompt", prompt: "Warmer", history } };
    await run.start(client, ORDER);
    await run.extend(client, followUp);
    expect(proxy.calls[1]).toMatchObject({
      url: "https://proxy.example/assistant/v1/prompt",
      body: { prompt: "Warmer", text: "two", history, locale: "en" },
    });
    expect(emitted.at(-1)).toMatchObject([
      "sealgate-generated",
      { action: null, parameters: {}, scope: "selection", text: "second" },
    ]);
    expect(run.position).toEqual({ n: 2, total: 2 });
    run.show(-1);
    await run.again(client);
    expect(proxy.calls[2]?.url).toBe("https://proxy.example/assistant/v1/actions/shorten");
    expect(run.position).toEqual({ n: 3, total: 3 });
  });

  it("sends no text along with a prompt where there is none", async () => {
    const { run, proxy, client } = setUp();
    proxy.answers(streamOf(DONE));
    const nowhere = { start: 0, end: 1 };
    await run.start(client, {
      task: { kind: "prompt", prompt: "A toast", history: [] },
      origin: { value: " ", range: nowhere, selection: nowhere },
      locale: undefined,
    });
    expect(proxy.calls[0]?.body).toEqual({ prompt: "A toast", history: [] });
  });

  it("does not count versions that brought no text", async () => {
    const { run, proxy, client } = setUp();
    proxy.answers(
      refusal(429, { code: "rate_limited", who: "time" }),
      streamOf(event("delta", { text: "x" }), DONE),
    );
    await run.start(client, ORDER);
    expect(run.attempt?.problem?.code).toBe("rate_limited");
    await run.again(client);
    expect(run.position).toEqual({ n: 1, total: 1 });
    expect(run.attempt?.problem).toBeNull();
  });

  it("is not begun twice at the same time", async () => {
    const { run, client, proxy, live, finished } = await writing();
    await run.again(client);
    expect(proxy.calls).toHaveLength(1);
    live.push(DONE);
    await finished;
  });

  it("leaves nothing running and nothing behind when its element goes", async () => {
    const { run, host, live, finished } = await writing();
    host.disconnect();
    await live.cancelled;
    await finished;
    expect(run.attempt).toBeNull();
    expect(run.order).toBeNull();
  });
});
