import { describe, expect, it, vi } from "vitest";
import { ProxyClient, type RunEvent } from "./client.ts";
import { ProblemError } from "./problem.ts";
import { SessionKeeper } from "./session.ts";
import {
  DONE,
  event,
  json,
  LiveStream,
  ME,
  refusal,
  ScriptedProxy,
  streamOf,
} from "./testing/scripted-proxy.ts";

const ORDER = { text: "Some words.", parameters: { amount: "half" } };

function connect(proxy: ScriptedProxy, tokens = ["first", "second", "third"]) {
  const ask = vi.fn(async () => tokens.shift() ?? "last");
  return {
    ask,
    client: new ProxyClient("https://proxy.example/", new SessionKeeper(ask), proxy.fetch),
  };
}

async function collect(run: AsyncGenerator<RunEvent, void>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const each of run) events.push(each);
  return events;
}

async function problemOf(work: Promise<unknown>) {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProblemError);
  return (error as ProblemError).problem;
}

const still = () => new AbortController().signal;

describe("the client", () => {
  it("asks the proxy what may be done, with the session token and nothing else of the user's", async () => {
    const proxy = new ScriptedProxy().answers(json(ME));
    const catalogue = await connect(proxy).client.me(still());
    expect(catalogue.actions.map(({ id }) => id)).toEqual(["shorten", "simplify"]);
    expect(catalogue.allowance).toEqual({ limit: 20, remaining: 17, windowS: 60, resetS: 9 });
    const [call] = proxy.calls;
    expect(call?.url).toBe("https://proxy.example/assistant/v1/me");
    expect(call?.authorization).toBe("Bearer first");
    expect(call?.init).toMatchObject({
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
    });
  });

  it("sends an action's id, text and parameters, and streams what comes back", async () => {
    const proxy = new ScriptedProxy().answers(
      streamOf(
        event("delta", { text: "Few" }),
        event("news", {}),
        event("delta", { text: "er." }),
        DONE,
      ),
    );
    const events = await collect(connect(proxy).client.run("shorten", ORDER, still()));
    expect(events).toEqual([
      { type: "started", requestId: "req_a", remaining: 16 },
      { type: "delta", text: "Few" },
      { type: "delta", text: "er." },
      {
        type: "done",
        finishReason: "stop",
        usage: { inputTokens: 8, outputTokens: 3, estimated: false },
      },
    ]);
    expect(proxy.calls[0]?.url).toBe("https://proxy.example/assistant/v1/actions/shorten");
    expect(proxy.calls[0]?.body).toEqual(ORDER);
  });

  it("keeps characters whole that the stream cuts in two", async () => {
    const bytes = new TextEncoder().encode(event("delta", { text: "Grüße 👋" }) + DONE);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const proxy = new ScriptedProxy().answers(new Response(body));
    const events = await collect(connect(proxy).client.run("shorten", ORDER, still()));
    expect(events[1]).toEqual({ type: "delta", text: "Grüße 👋" });
  });

  it("asks for a fresh session once when the proxy refuses the last, and nobody hears of it", async () => {
    const proxy = new ScriptedProxy().answers(
      refusal(401, { code: "session_expired", who: "user" }),
      json(ME),
    );
    const { client, ask } = connect(proxy);
    await client.me(still());
    expect(proxy.calls.map(({ authorization }) => authorization)).toEqual([
      "Bearer first",
      "Bearer second",
    ]);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("reports a session that is refused twice", async () => {
    const refused = () => refusal(401, { code: "invalid_session", who: "user", message: "No." });
    const proxy = new ScriptedProxy().answers(refused(), refused());
    expect(await problemOf(connect(proxy).client.me(still()))).toMatchObject({
      code: "invalid_session",
      who: "user",
      canRetry: true,
    });
    expect(proxy.calls).toHaveLength(2);
  });

  it("reports a refusal with who can fix it and how long to wait", async () => {
    const error = { code: "rate_limited", who: "time", message: "Too many. Wait.", hint: "Wait." };
    const proxy = new ScriptedProxy().answers(refusal(429, error, { "retry-after": "24" }));
    expect(await problemOf(collect(connect(proxy).client.run("shorten", ORDER, still())))).toEqual({
      code: "rate_limited",
      who: "time",
      message: "Too many.",
      hint: "Wait.",
      retryAfterS: 24,
      canRetry: true,
      requestId: "req_a",
    });
  });

  it("passes on what came before an error in the stream", async () => {
    const proxy = new ScriptedProxy().answers(
      streamOf(
        event("delta", { text: "Half" }),
        event("error", { error: { code: "provider_failed", who: "time" } }),
      ),
    );
    const seen: RunEvent[] = [];
    const run = async () => {
      for await (const each of connect(proxy).client.run("shorten", ORDER, still()))
        seen.push(each);
    };
    expect(await problemOf(run())).toMatchObject({ code: "provider_failed", canRetry: true });
    expect(seen.at(-1)).toEqual({ type: "delta", text: "Half" });
  });

  it.each([
    ["ends without a word", streamOf(event("delta", { text: "Half" })), "interrupted"],
    ["is garbled", streamOf("event: error\ndata: {{{\n\n"), "interrupted"],
    ["is a page of somebody else", new Response("<html>", { status: 502 }), "unexpected_answer"],
  ])("reports an answer that %s", async (_name, answer, code) => {
    const proxy = new ScriptedProxy().answers(answer);
    const work = collect(connect(proxy).client.run("shorten", ORDER, still()));
    expect(await problemOf(work)).toMatchObject({ code });
  });

  it("reports a connection that breaks midway", async () => {
    const live = new LiveStream();
    const work = collect(
      connect(new ScriptedProxy().answers(live.response)).client.run("shorten", ORDER, still()),
    );
    live.push(event("delta", { text: "Half" }));
    live.cut();
    expect(await problemOf(work)).toMatchObject({ code: "interrupted", who: "time" });
  });

  it("reports a proxy that cannot be reached", async () => {
    const work = connect(new ScriptedProxy()).client.me(still());
    expect(await problemOf(work)).toMatchObject({
      code: "unreachable",
      who: "time",
      canRetry: true,
    });
  });

  it("reports an answer that is no catalogue", async () => {
    const work = connect(new ScriptedProxy().answers(json(["?"]))).client.me(still());
    expect(await problemOf(work)).toMatchObject({
      code: "unexpected_answer",
      who: "administrator",
    });
  });

  it("lets go of the connection when it is aborted, and calls that no problem", async () => {
    const live = new LiveStream();
    const stop = new AbortController();
    const run = connect(new ScriptedProxy().answers(live.response)).client.run(
      "shorten",
      ORDER,
      stop.signal,
    );
    await run.next();
    live.push(event("delta", { text: "Half" }));
    await run.next();
    stop.abort();
    await expect(run.next()).rejects.toMatchObject({ name: "AbortError" });
    await live.cancelled;
  });

  it("lets go of the connection when its reader leaves", async () => {
    const live = new LiveStream();
    const run = connect(new ScriptedProxy().answers(live.response)).client.run(
      "shorten",
      ORDER,
      still(),
    );
    await run.next();
    live.push(event("delta", { text: "Half" }));
    await run.next();
    await run.return();
    await live.cancelled;
  });
});
