// @vitest-environment happy-dom
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "./index.ts";
import type { SealgateAssistant } from "./sealgate-assistant.ts";
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

let proxy: ScriptedProxy;

beforeEach(() => {
  proxy = new ScriptedProxy();
  vi.stubGlobal("fetch", proxy.fetch);
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

async function setUp(text = "one two three") {
  const field = document.createElement("textarea");
  field.id = "field";
  field.value = text;
  const assistant = document.createElement("sealgate-assistant");
  assistant.for = "field";
  assistant.proxy = "https://proxy.example";
  assistant.getSession = async () => "secret-token";
  document.body.append(field, assistant);
  await assistant.updateComplete;
  return { field, assistant };
}

function part(assistant: SealgateAssistant, name: string): HTMLElement {
  const found = assistant.shadowRoot?.querySelector<HTMLElement>(`[part~="${name}"]`);
  if (!found) throw new Error(`no part ${name}`);
  return found;
}

const shown = (assistant: SealgateAssistant, name: string) =>
  vi.waitFor(() => part(assistant, name));

/** Opens the panel and waits for its menu. */
async function opened(text?: string) {
  const all = await setUp(text);
  proxy.answers(json(ME));
  part(all.assistant, "trigger").click();
  await shown(all.assistant, "menu");
  return all;
}

function item(assistant: SealgateAssistant, action: string): HTMLElement {
  return assistant.shadowRoot?.querySelector(`[data-action="${action}"]`) as HTMLElement;
}

/** Runs the action without parameters, with this answer. */
async function written(text: string, ...pieces: string[]) {
  const all = await opened(text);
  proxy.answers(streamOf(...pieces.map((piece) => event("delta", { text: piece })), DONE));
  item(all.assistant, "simplify").click();
  await shown(all.assistant, "replace");
  return all;
}

describe("the assistant", () => {
  it("asks nothing of anybody before it is used", async () => {
    await setUp();
    expect(proxy.calls).toEqual([]);
  });

  it("asks what may be done when its field gets focus", async () => {
    const { field, assistant } = await setUp();
    const ready = vi.fn();
    assistant.addEventListener("sealgate-ready", ready);
    proxy.answers(json(ME));
    field.focus();
    await vi.waitFor(() => expect(ready).toHaveBeenCalledTimes(1));
  });

  it("puts the result in the original's place and gives focus back to the field", async () => {
    const { field, assistant } = await written("one two three", "1 ", "2 3");
    const applied = vi.fn();
    document.body.addEventListener("sealgate-applied", (e) => applied(e.detail), { once: true });
    part(assistant, "replace").click();
    expect(field.value).toBe("1 2 3");
    expect(document.activeElement).toBe(field);
    expect(applied.mock.calls[0]?.[0]).toEqual({
      action: "simplify",
      parameters: {},
      scope: "field",
      mode: "replace",
      text: "1 2 3",
      requestId: "req_a",
      generatedBy: "ai",
    });
    await assistant.updateComplete;
    expect(part(assistant, "trigger").getAttribute("aria-expanded")).toBe("false");
    expect(part(assistant, "status").textContent).toContain("Replaced");
  });

  it("sends the chosen parameters", async () => {
    const { assistant } = await opened();
    item(assistant, "shorten").click();
    await shown(assistant, "options");
    const [little] = assistant.shadowRoot?.querySelectorAll<HTMLInputElement>("input") ?? [];
    little?.click();
    proxy.answers(streamOf(DONE));
    part(assistant, "begin").click();
    await vi.waitFor(() => expect(proxy.calls).toHaveLength(2));
    expect(proxy.calls[1]?.body).toMatchObject({ parameters: { amount: "little" } });
  });

  it("shows generated markup as the text that it is", async () => {
    const attack = '<img src=x onerror="alert(1)"><script>alert(1)</script>';
    const { assistant } = await written("one", attack);
    expect(part(assistant, "result").textContent).toBe(attack);
    expect(assistant.shadowRoot?.querySelector("img, script")).toBeNull();
  });

  it("tells screen readers how the writing stands, and never its pieces", async () => {
    const { assistant } = await opened();
    const told: (string | null)[] = [];
    const live = new LiveStream();
    proxy.answers(live.response);
    new MutationObserver(() => told.push(part(assistant, "status").textContent)).observe(
      part(assistant, "status"),
      { childList: true, characterData: true, subtree: true },
    );
    item(assistant, "simplify").click();
    await shown(assistant, "stop");
    for (const text of ["one", " two", " three"]) live.push(event("delta", { text }));
    live.push(DONE);
    await shown(assistant, "replace");
    await vi.waitFor(() => expect(new Set(told)).toEqual(new Set(["Writing…", "Done, 3 words"])));
    expect(part(assistant, "result").closest("[aria-live], [role=status], [role=log]")).toBeNull();
  });

  it("stops on Escape, keeps the text, and closes on the next Escape", async () => {
    const { assistant } = await opened();
    const live = new LiveStream();
    proxy.answers(live.response);
    item(assistant, "simplify").click();
    await shown(assistant, "stop");
    live.push(event("delta", { text: "Half of" }));
    await shown(assistant, "result");
    const pressEscape = () =>
      part(assistant, "panel").dispatchEvent(
        new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }),
      );
    pressEscape();
    await live.cancelled;
    await shown(assistant, "replace");
    expect(part(assistant, "result").textContent).toBe("Half of");
    pressEscape();
    await assistant.updateComplete;
    expect(part(assistant, "trigger").getAttribute("aria-expanded")).toBe("false");
  });

  it("does not replace a text that was edited meanwhile, but still inserts and copies", async () => {
    const { field, assistant } = await written("one two three", "1 2 3");
    field.value = "one and two three";
    field.dispatchEvent(new InputEvent("input"));
    await vi.waitFor(() => expect(part(assistant, "replace")).toHaveProperty("disabled", true));
    expect(part(assistant, "remark").textContent).toContain("has changed");
    expect(part(assistant, "insert")).toHaveProperty("disabled", false);
    expect(part(assistant, "copy")).toHaveProperty("disabled", false);
  });

  it("says who can fix an error, and counts down to another try", async () => {
    const { assistant } = await opened();
    const error = { code: "rate_limited", who: "time", message: "Too many.", hint: "Wait." };
    proxy.answers(refusal(429, error, { "retry-after": "24" }));
    item(assistant, "simplify").click();
    await shown(assistant, "problem");
    expect(part(assistant, "problem").dataset.who).toBe("time");
    expect(part(assistant, "again").textContent).toContain("Try again in 24 seconds");
    expect(part(assistant, "again")).toHaveProperty("disabled", true);
    assistant.remove();
  });

  it("says so when its field is not on the page", async () => {
    const { assistant, field } = await setUp();
    field.remove();
    proxy.answers(json(ME));
    part(assistant, "trigger").click();
    await shown(assistant, "problem");
    expect(part(assistant, "problem").dataset).toMatchObject({
      who: "administrator",
      code: "field_missing",
    });
  });

  it("offers nothing to do on an empty field", async () => {
    const { assistant } = await opened("  ");
    item(assistant, "simplify").click();
    expect(item(assistant, "simplify").getAttribute("aria-disabled")).toBe("true");
    expect(proxy.calls).toHaveLength(1);
  });

  it("always shows the notice", async () => {
    const { assistant } = await opened();
    assistant.texts = { notice: "" };
    await assistant.updateComplete;
    expect(part(assistant, "notice").textContent).toBe("Check it.");
  });

  it("works on a field given as an element, in any root", async () => {
    const { assistant } = await setUp();
    const other = document.createElement("input");
    other.value = "other";
    document.body.append(other);
    assistant.target = other;
    await assistant.updateComplete;
    proxy.answers(json(ME), streamOf(event("delta", { text: "another" }), DONE));
    assistant.open();
    await shown(assistant, "menu");
    item(assistant, "simplify").click();
    await shown(assistant, "replace");
    part(assistant, "replace").click();
    expect(other.value).toBe("another");
  });

  it("leaves the token in no place of the page", async () => {
    const { assistant } = await written("one two three", "1");
    const page = document.documentElement.outerHTML + (assistant.shadowRoot?.innerHTML ?? "");
    expect(page).not.toContain("secret-token");
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("secret-token");
  });

  it("puts no style attribute in its markup", async () => {
    const { assistant } = await written("one two three", "1");
    const styled = [...(assistant.shadowRoot?.querySelectorAll("[style]") ?? [])];
    expect(styled.filter((element) => !element.matches("[part~=panel]"))).toEqual([]);
    expect(assistant.shadowRoot?.querySelector("style, link")).toBeNull();
  });
});

describe("the contract in the docstring", () => {
  const read = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
  const contract = read("./sealgate-assistant.ts");
  const views = [
    "sealgate-assistant",
    "menu-view",
    "options-view",
    "panel-view",
    "problem-view",
    "result-view",
  ];
  const markup = views.map((view) => read(`./${view}.ts`)).join("\n");

  it("names every part", () => {
    const parts = [...markup.matchAll(/part="([a-z -]+)"/g)].flatMap(([, names]) =>
      names?.split(" "),
    );
    const documented = contract.slice(
      contract.indexOf("@csspart"),
      contract.indexOf("@cssproperty"),
    );
    expect(parts.filter((name) => name && !new RegExp(`\\b${name}\\b`).test(documented))).toEqual(
      [],
    );
  });

  it("names every custom property, and no other", () => {
    const names = (text: string) => new Set(text.match(/--sealgate-[a-z-]+/g));
    expect(names(contract)).toEqual(names(read("./sealgate-assistant.styles.ts")));
    const guide = read("../../docs/howto/theme-the-assistant.md");
    expect(names(guide)).toEqual(names(contract));
  });

  it("names every event", () => {
    const names = (text: string) => new Set(text.match(/sealgate-(?!assistant)[a-z]+/g));
    const documented = contract.match(/@event sealgate-[a-z]+/g)?.join(" ") ?? "";
    expect(names(documented)).toEqual(names(read("./events.ts")));
  });
});
