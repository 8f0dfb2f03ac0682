/**
 * The assistant's one module: loading it defines `<sealgate-assistant>`, unless a page loads it twice.
 * Its counterpart is the proxy, which serves the built file from a stable and an immutable address.
 * It does nothing else when loaded: no request, no storage.
 */
import { SealgateAssistant } from "./sealgate-assistant.ts";

export type { Action, Catalogue, Choice, Parameter, Values } from "./catalogue.ts";
export type { FinishReason, Usage } from "./client.ts";
export type { AssistantEvents, Ordered } from "./events.ts";
export type { Problem } from "./problem.ts";
export type { GetSession } from "./session.ts";
export { ENGLISH as TEXTS, type Text, type Texts } from "./texts.ts";
export { SealgateAssistant };

if (!customElements.get("sealgate-assistant")) {
  customElements.define("sealgate-assistant", SealgateAssistant);
}
