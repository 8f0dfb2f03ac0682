// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ComposerController } from "./composer-controller.ts";
import { ConnectionController } from "./connection-controller.ts";
import { NativeField } from "./native-field.ts";
import { BareHost } from "./testing/bare-host.ts";
import {
  DONE,
  event,
  json,
  ME,
  refusal,
  ScriptedProxy,
  streamOf,
} from "./testing/scripted-proxy.ts";
import { Wording } from "./texts.ts";

const LANGUAGES = [
  "Czech",
  "Dutch",
  "English",
  "French",
  "German",
  "Italian",
  "Polish",
  "Spanish",
  "Thai",
];
const MAY_PROMPT = { ...ME, rights: { prompt: true, follow_ups: 2 } };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date", "performance"] });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

/** A composer on a text area, connected to a proxy that answers `me` first and these texts then. */
async function composing(value: string, me: unknown, ...texts: string[]) {
  const element = document.createElement("textarea");
  element.value = value;
  document.body.append(element);
  const field = new NativeField(element);
  const host = new BareHost();
  const proxy = new ScriptedProxy().answers(json(me));
  const emitted: [string, unknown][] = [];
  const emit = (name: string, detail: unknown) => emitted.push([name, detail]);
  const connection = new ConnectionController(host, emit, proxy.fetch);
  connection.use({ proxy: "https://p.example", getSession: async () => "t", sessionUrl: null });
  const wording = new Wording({}, "en");
  const finished = vi.fn();
  const composer = new ComposerController(host, emit, connection, {
    field: () => field,
    wording: () => wording,
    finished,
    viewChanged: () => undefined,
  });
  for (const text of texts) proxy.answers(streamOf(event("delta", { text }), DONE));
  await composer.load();
  const settled = () => vi.waitFor(() => expect(composer.run.attempt?.state).not.toBe("writing"));
  return { composer, connection, proxy, field, host, emitted, finished, settled };
}

const bodies = (proxy: ScriptedProxy) => proxy.calls.slice(1).map(({ body }) => body);

describe("the composer", () => {
  it("asks in the user's own words, and forgets them once they are sent", async () => {
    const { composer, proxy, settled } = await composing("one two", MAY_PROMPT, "1 2");
    composer.write("  as digits ");
    composer.ask();
    await settled();
    expect(bodies(proxy)).toEqual([
      { prompt: "as digits", text: "one two", history: [], locale: "en" },
    ]);
    expect(composer).toMatchObject({ view: "result", prompt: "", action: null });
  });

  it.each(["", "  \n"])("does not ask %j", async (prompt) => {
    const { composer, proxy } = await composing("one", MAY_PROMPT);
    composer.write(prompt);
    composer.ask();
    expect(proxy.calls).toHaveLength(1);
  });

  it("refines the version on show, not the newest", async () => {
    const texts = ["first", "second", "third"];
    const { composer, proxy, settled } = await composing("one", MAY_PROMPT, ...texts);
    composer.write("a");
    composer.ask();
    await settled();
    composer.writeFollowUp("b");
    composer.refine();
    await settled();
    composer.show(-1);
    expect(composer.told).toBe("Version 1 of 2");
    composer.writeFollowUp("c");
    composer.refine();
    await settled();
    expect(bodies(proxy).at(-1)).toMatchObject({
      prompt: "c",
      history: [{ prompt: "a", answer: "first" }],
    });
    expect(composer.run.position).toEqual({ n: 3, total: 3 });
  });

  it("tells a follow-up of an action what was chosen", async () => {
    const { composer, connection, proxy, settled } = await composing("one", MAY_PROMPT, "1", "2");
    const [shorten] = connection.catalogue?.actions ?? [];
    if (shorten) composer.choose(shorten);
    composer.begin();
    await settled();
    composer.writeFollowUp("warmer");
    composer.refine();
    await settled();
    expect(bodies(proxy)[1]).toMatchObject({
      history: [{ prompt: "Shorten. How much: By half", answer: "1" }],
    });
  });

  it.each([
    [{ prompt: false }, false, false],
    [{ prompt: true, follow_ups: 0 }, true, false],
    [{ prompt: true }, true, true],
  ])("with the rights %j may prompt: %s, may follow up: %s", async (rights, first, next) => {
    const { composer } = await composing("one", { ...ME, rights });
    expect([composer.canPrompt, composer.canFollowUp]).toEqual([first, next]);
  });

  it("forgets versions and words when it starts over", async () => {
    const { composer, settled } = await composing("one", MAY_PROMPT, "1");
    composer.write("a");
    composer.ask();
    await settled();
    composer.writeFollowUp("b");
    composer.startOver();
    expect(composer).toMatchObject({ view: "menu", followUp: "", told: "Started over." });
    expect(composer.run.position.total).toBe(0);
  });

  it("takes the choice that was probably meant, and says how many match", async () => {
    const choices = LANGUAGES.map((label) => ({ value: label.slice(0, 2).toLowerCase(), label }));
    const parameter = { id: "language", label: "Into", choices, default: "en" };
    const translate = { id: "translate", label: "Translate", parameters: [parameter] };
    const { composer, connection } = await composing("one", { ...ME, actions: [translate] });
    const [action] = connection.catalogue?.actions ?? [];
    const [language] = action?.parameters ?? [];
    if (!action || !language) throw new Error("the catalogue has the action");
    composer.choose(action);
    composer.find(language, "ish");
    expect(composer.told).toBe("3 matches");
    expect(composer.values).toEqual({ language: "en" });
    composer.find(language, "pol");
    expect(composer.values).toEqual({ language: "po" });
    composer.find(language, "klingon");
    expect(composer.values).toEqual({ language: "po" });
    expect(composer.told).toBe("Nothing here by that name.");
  });

  it("waits where nothing is left, asks afresh when the time is over, and begins nothing meanwhile", async () => {
    const allowance = (remaining: number) => ({
      requests: { limit: 60, remaining, window_s: 60, reset_s: 60 },
    });
    const { composer, proxy } = await composing("one", { ...MAY_PROMPT, allowance: allowance(0) });
    expect(composer.waitS).toBe(1);
    composer.write("a");
    composer.ask();
    expect(proxy.calls).toHaveLength(1);
    proxy.answers(json({ ...MAY_PROMPT, allowance: allowance(2) }));
    vi.advanceTimersByTime(1000);
    await vi.waitFor(() => expect(proxy.calls).toHaveLength(2));
    expect(composer.waitS).toBe(0);
    expect(composer.told).toBe("You can try again now.");
  });

  it("keeps what was said where the service refuses, and waits as long as it says", async () => {
    const { composer, proxy, settled } = await composing("one", MAY_PROMPT);
    const error = { code: "rate_limited", who: "time", message: "", hint: "" };
    proxy.answers(refusal(429, error, { "retry-after": "24" }));
    composer.write("a");
    composer.ask();
    await settled();
    expect(composer.problem?.code).toBe("rate_limited");
    expect(composer.waitS).toBe(24);
    composer.back();
    expect(composer).toMatchObject({ view: "menu", prompt: "a" });
  });

  it("goes back from a follow-up that brought nothing to the version before", async () => {
    const { composer, proxy, settled } = await composing("one", MAY_PROMPT, "1");
    composer.write("a");
    composer.ask();
    await settled();
    proxy.answers(refusal(502, { code: "provider_failed", who: "time" }));
    composer.writeFollowUp("b");
    composer.refine();
    await settled();
    composer.back();
    expect(composer).toMatchObject({ view: "result", followUp: "b" });
    expect(composer.run.attempt?.text).toBe("1");
  });

  it("tells the page how a prompt's result was used", async () => {
    const { composer, field, emitted, finished, settled } = await composing("", MAY_PROMPT, "new");
    composer.write("a");
    composer.ask();
    await settled();
    composer.replace();
    expect(field.text).toBe("new");
    expect(composer.told).toBe("Inserted.");
    expect(finished).toHaveBeenCalledTimes(1);
    expect(emitted.at(-1)).toMatchObject([
      "sealgate-applied",
      { action: null, mode: "replace", text: "new", generatedBy: "ai" },
    ]);
  });
});
