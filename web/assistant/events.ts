/**
 * The events of `<sealgate-assistant>`, typed; all bubble and cross shadow roots.
 * Their counterpart is the host page, which may show, count or keep what happens.
 * They never carry the session token.
 */
import type { Action, Values } from "./catalogue.ts";
import type { FinishReason, Usage } from "./client.ts";
import type { Problem } from "./problem.ts";

export interface Ordered {
  /** The action's id; null for what the user asked in their own words. */
  readonly action: string | null;
  readonly parameters: Values;
  readonly scope: "selection" | "field";
}

export interface AssistantEvents {
  /** The actions of this session are known. */
  "sealgate-ready": { readonly actions: readonly Action[] };
  "sealgate-opened": Record<string, never>;
  "sealgate-generating": Ordered;
  /** One piece of the answer, as it arrived. */
  "sealgate-chunk": { readonly text: string };
  "sealgate-generated": Ordered & {
    readonly text: string;
    readonly finishReason: FinishReason;
    readonly usage: Usage | null;
    readonly requestId: string | null;
  };
  /** The result was used. `generatedBy` lets the host keep the text's provenance. */
  "sealgate-applied": Ordered & {
    readonly mode: "replace" | "insert" | "copy";
    readonly text: string;
    readonly requestId: string | null;
    readonly generatedBy: "ai";
  };
  /** The user stopped the writing; `text` is what was kept. */
  "sealgate-stopped": Ordered & { readonly text: string };
  /** Requests run low or are used up: a good moment to offer more. Told once each time it comes to that. */
  "sealgate-limit": {
    readonly standing: "low" | "used-up";
    readonly remaining: number;
    readonly limit: number;
    /** The time that the limit is for, in seconds. */
    readonly windowS: number;
    /** Seconds until the next request fits; zero while some are left. */
    readonly retryAfterS: number;
  };
  "sealgate-error": { readonly problem: Problem };
}

export type Emit = <Name extends keyof AssistantEvents>(
  name: Name,
  detail: AssistantEvents[Name],
) => void;

export function emitter(element: EventTarget): Emit {
  return (name, detail) => {
    element.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  };
}

type Dispatched = { [Name in keyof AssistantEvents]: CustomEvent<AssistantEvents[Name]> };

declare global {
  interface HTMLElementEventMap extends Dispatched {}
}
