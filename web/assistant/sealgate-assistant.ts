/**
 * `<sealgate-assistant>`: puts a writing assistant beside a field of the host page.
 * Its counterpart is the proxy's /assistant/v1. What it does is in the controllers; this file joins and draws them.
 * It never stores the session token or any text, and shows generated text as text nodes alone.
 */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { ComposerController } from "./composer-controller.ts";
import { ConnectionController } from "./connection-controller.ts";
import { emitter } from "./events.ts";
import { FieldController } from "./field-controller.ts";
import { PEN } from "./icons.ts";
import { MenuController } from "./menu-controller.ts";
import { menuView } from "./menu-view.ts";
import { optionsView } from "./options-view.ts";
import { PanelController } from "./panel-controller.ts";
import { footerView, headerView } from "./panel-view.ts";
import { problemView } from "./problem-view.ts";
import { promptView } from "./prompt-view.ts";
import { isBlank } from "./range.ts";
import { resultView } from "./result-view.ts";
import { styles } from "./sealgate-assistant.styles.ts";
import type { GetSession } from "./session.ts";
import {
  ariaShortcut,
  isApple,
  isComposing,
  matches,
  parseShortcut,
  type Shortcut,
} from "./shortcut.ts";
import { scopeLine, statusLine } from "./summary-view.ts";
import { type Texts, Wording } from "./texts.ts";

const ITEM = "[role=menuitem]";

/** What gets focus in each view, first that exists. */
const FOCUS = {
  menu: "[part~=prompt] .box, [role=menuitem]",
  options: "[part~=find], input:checked, form button",
  result: "[part~=stop], .passage, .problem, .buttons button",
} as const;

/**
 * A writing assistant for one `<textarea>`, text `<input>` or `contenteditable` element.
 *
 * @attr for - id of the field, in the same document or shadow root
 * @attr proxy - origin of the Sealgate proxy, e.g. `https://proxy.example.com`
 * @attr session-url - URL of the host's own back end that answers POST with `{"token": "…"}`; `getSession` goes before it
 * @attr shortcut - key that opens the panel from the field: `mod+j` (default), `alt+shift+w`, `none`
 * @attr locale - BCP 47 language of numbers and plurals, and of answers to texts too short to tell theirs; the page's by default
 * @attr theme - `light` or `dark`; without it the `color-scheme` of the page counts
 * @prop {() => Promise<string>} getSession - gives a session token; called again when the proxy refuses the last one
 * @prop {HTMLElement | null} target - the field itself, instead of `for`
 * @prop {Texts} texts - overrides for any of the assistant's words (texts.ts)
 *
 * @slot - label of the trigger, instead of "Write with AI"
 *
 * @event sealgate-ready - the actions of this session are known
 * @event sealgate-opened - the panel opened
 * @event sealgate-generating - writing began
 * @event sealgate-chunk - a piece of text arrived
 * @event sealgate-generated - writing ended by itself, with usage
 * @event sealgate-applied - the result was used: `replace`, `insert` or `copy`
 * @event sealgate-stopped - the user stopped the writing
 * @event sealgate-limit - requests run low (under a fifth left) or are used up; told once each time
 * @event sealgate-error - something failed; the detail says who can fix it
 *
 * @csspart trigger - the button beside the field
 * @csspart panel - the popover; in it: header, title, back, start-over, close, content, scope, used-up, footer,
 *   notice, allowance, budget
 * @csspart prompt - the form for the user's own words, `follow-up` the one below a result; in both: prompt-box, send
 * @csspart menu - the list of actions; in it: menu-item, menu-item-label, undo;
 *   `empty` stands in its place while there is nothing to list
 * @csspart options - the form of parameters; in it: parameter, find, choice, begin
 * @csspart status-line - how the writing stands
 * @csspart asked - the user's own words that the result answers
 * @csspart passage - any shown text: also result, changes (with added, removed), original, compare
 * @csspart modes - the choice between result, changes and side by side; in it: mode
 * @csspart buttons - the row of buttons; each is a `button`: stop, replace, insert, copy, again, back, discard, retry,
 *   previous-version, next-version (both in `versions`, around `version`); `primary-button` is the coloured one
 * @csspart remark - what to know before the text is used
 * @csspart problem - an error; in it: problem-who, problem-message, problem-hint, problem-reference
 * @csspart status - the hidden line that screen readers are told
 *
 * @cssproperty --sealgate-accent - primary action; with --sealgate-on-accent for its words
 * @cssproperty --sealgate-surface - panel and controls; with --sealgate-surface-sunken for shown text
 * @cssproperty --sealgate-text - words; with --sealgate-muted for secondary ones
 * @cssproperty --sealgate-border - borders of controls; with --sealgate-rule for lines between parts
 * @cssproperty --sealgate-hover - laid over what the pointer is on
 * @cssproperty --sealgate-focus - focus outline
 * @cssproperty --sealgate-added - ground of added words; with --sealgate-removed for removed ones
 * @cssproperty --sealgate-font - font family, the host's by default; with --sealgate-font-size
 * @cssproperty --sealgate-radius - corners
 * @cssproperty --sealgate-panel-width - 28em by default, never wider than the window
 * @cssproperty --sealgate-shadow - under the panel
 */
export class SealgateAssistant extends LitElement {
  static override readonly styles = styles;
  static override readonly properties = {
    for: { type: String },
    proxy: { type: String },
    sessionUrl: { type: String, attribute: "session-url" },
    shortcut: { type: String },
    locale: { type: String },
    theme: { type: String, reflect: true },
    getSession: { attribute: false },
    target: { attribute: false },
    texts: { attribute: false },
  };

  declare for: string;
  declare proxy: string;
  declare sessionUrl: string | null;
  declare shortcut: string;
  declare locale: string | null;
  declare theme: "light" | "dark" | null;
  declare getSession: GetSession | null;
  declare target: HTMLElement | null;
  declare texts: Texts;

  readonly #emit = emitter(this);
  readonly #connection = new ConnectionController(this, this.#emit, (...call) => fetch(...call));
  readonly #field = new FieldController(this, {
    interest: () => this.#prepare(),
    keydown: (event) => this.#keydownInField(event),
    changed: () => this.#panel.isOpen && this.requestUpdate(),
  });
  readonly #menu = new MenuController(() => this.#all(ITEM));
  readonly #panel = new PanelController(this, {
    panel: () => this.#one(".panel"),
    anchor: () => this.#one(".trigger"),
    text: () => this.#field.field?.element ?? null,
    pressedOutside: (path) => this.#pressedOutside(path),
  });
  readonly #composer = new ComposerController(this, this.#emit, this.#connection, {
    field: () => this.#field.find(),
    wording: () => this.#wording,
    finished: () => this.#panel.close(true),
    viewChanged: () => this.#viewChanged(),
  });

  #wording = new Wording();
  #keys: Shortcut | null = null;
  #wantsFocus = false;
  /** The view that was drawn last. */
  #seen = "";

  constructor() {
    super();
    this.for = "";
    this.proxy = "";
    this.sessionUrl = null;
    this.shortcut = "mod+j";
    this.locale = null;
    this.theme = null;
    this.getSession = null;
    this.target = null;
    this.texts = {};
  }

  /** Opens the panel on the field's selection, or on its whole text. */
  open(): void {
    this.#open(this.#one(".trigger"));
  }

  /** Closes the panel; writing that is under way is stopped and kept. */
  close(): void {
    this.#composer.stop();
    this.#panel.close(true);
  }

  /** Stops the writing; the text so far is kept. */
  stop(): void {
    this.#composer.stop();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const { proxy, getSession, sessionUrl } = this;
    this.#connection.use({ proxy, getSession, sessionUrl });
    if (changed.has("for") || changed.has("target")) this.#field.use(this.target, this.for);
    if (changed.has("shortcut")) {
      this.#keys = parseShortcut(this.shortcut, isApple(navigator.platform));
    }
    if (changed.has("texts") || changed.has("locale")) {
      this.#wording = new Wording(this.texts, this.#language());
    }
  }

  protected override updated(): void {
    this.#beginAtTheTop();
    if (this.#wantsFocus && this.#panel.isOpen) this.#moveFocus();
    if (this.#composer.run.isWriting) this.#followText();
  }

  protected override render(): TemplateResult {
    const { isOpen } = this.#panel;
    return html`
      <button
        type="button"
        part="trigger"
        class="trigger"
        aria-haspopup="dialog"
        aria-expanded=${isOpen ? "true" : "false"}
        aria-keyshortcuts=${this.#keys ? ariaShortcut(this.#keys) : nothing}
        @click=${this.#toggle}
        @keydown=${this.#keydown}
        @pointerenter=${this.#prepare}
        @focus=${this.#prepare}
      >
        ${PEN}<span><slot>${this.#wording.say("trigger")}</slot></span>
      </button>
      <div part="status" class="announcer" role="status">${this.#composer.told}</div>
      <div
        part="panel"
        class="panel"
        role="dialog"
        aria-labelledby="title"
        popover="manual"
        tabindex="-1"
        @keydown=${this.#keydown}
      >
        ${isOpen ? this.#panelContent() : nothing}
      </div>
    `;
  }

  #panelContent(): TemplateResult {
    const { view, action, values } = this.#composer;
    const body = { menu: this.#menuBody, options: this.#optionsBody, result: this.#resultBody };
    return html`
      ${headerView({
        wording: this.#wording,
        view,
        action,
        values,
        back: this.#composer.back,
        startOver: this.#composer.startOver,
        close: () => this.close(),
      })}
      <div class="content ${view}" part="content">${body[view].call(this)}</div>
      ${footerView({
        wording: this.#wording,
        catalogue: this.#connection.catalogue,
        isTold: this.#composer.problem?.code === "rate_limited",
        waitS: this.#composer.waitS,
      })}
    `;
  }

  #menuBody(): TemplateResult | typeof nothing {
    if (this.#composer.problem) return this.#problem(this.#composer.retry);
    const { present, canPrompt, waitS } = this.#composer;
    const hasText = present !== null && !isBlank(present);
    return html`
      ${canPrompt ? this.#prompt(hasText) : nothing} ${this.#scope()}
      ${menuView({
        wording: this.#wording,
        actions: this.#connection.catalogue?.actions ?? null,
        canBegin: hasText && waitS === 0,
        canPrompt,
        canUndo: this.#composer.canUndo,
        choose: (action) => this.#composer.choose(action),
        undo: this.#composer.undo,
        keydown: (event) => this.#menu.handle(event),
      })}
    `;
  }

  #scope(): TemplateResult {
    const { present, canPrompt } = this.#composer;
    const line = present ? scopeLine(this.#wording, present, canPrompt) : nothing;
    return html`<p class="scope" part="scope">${line}</p>`;
  }

  #prompt(hasText: boolean): TemplateResult {
    const { prompt, waitS, write, ask } = this.#composer;
    return promptView({
      part: "prompt",
      label: this.#wording.say(hasText ? "promptText" : "prompt"),
      sendLabel: this.#wording.say("send"),
      text: prompt,
      canSend: waitS === 0,
      write,
      send: ask,
      leave: () => this.#menu.focus(),
    });
  }

  #followUp(): TemplateResult | typeof nothing {
    const { canFollowUp, followUp, waitS, writeFollowUp, refine } = this.#composer;
    if (!canFollowUp) return nothing;
    return promptView({
      part: "follow-up",
      label: this.#wording.say("followUp"),
      sendLabel: this.#wording.say("send"),
      text: followUp,
      canSend: waitS === 0,
      write: writeFollowUp,
      send: refine,
      leave: () => undefined,
    });
  }

  #optionsBody(): TemplateResult {
    const { action, values, queries, waitS } = this.#composer;
    if (!action) return html``;
    return html`
      ${this.#scope()}
      ${optionsView({
        wording: this.#wording,
        action,
        values,
        queries,
        canBegin: waitS === 0,
        set: (parameter, value) => this.#composer.set(parameter, value),
        find: (parameter, query) => this.#composer.find(parameter, query),
        begin: () => this.#composer.begin(),
      })}
    `;
  }

  #resultBody(): TemplateResult {
    const { run, original, mode } = this.#composer;
    const { attempt } = run;
    if (!attempt) return html``;
    const settled = attempt.state !== "writing";
    return resultView({
      act: this.#composer,
      wording: this.#wording,
      attempt,
      original,
      mode,
      statusLine: statusLine(this.#wording, attempt),
      pieces: settled ? this.#composer.pieces : null,
      position: run.position,
      obstacles: {
        replace: settled ? this.#composer.obstacle("replace") : null,
        insert: settled ? this.#composer.obstacle("insert") : null,
      },
      problem: this.#problem(null),
      followUp: this.#followUp(),
      waitS: this.#composer.waitS,
      show: this.#composer.show,
    });
  }

  #problem(retry: (() => void) | null): TemplateResult | typeof nothing {
    const { problem, countdown } = this.#composer;
    if (!problem) return nothing;
    return problemView({ wording: this.#wording, problem, waitS: countdown.remainingS, retry });
  }

  /** Asks ahead, silently: a failure is told once the panel is opened. */
  readonly #prepare = (): void => void this.#connection.load();

  readonly #toggle = (): void => {
    if (this.#panel.isOpen) this.close();
    else this.open();
  };

  #open(returnTo: Pick<HTMLElement, "focus"> | null): void {
    if (!this.#panel.isOpen) {
      this.#panel.open(returnTo);
      void this.#composer.load();
      this.#emit("sealgate-opened", {});
    }
    this.#wantsFocus = true;
    this.requestUpdate();
  }

  readonly #keydown = (event: KeyboardEvent): void => {
    if (isComposing(event)) return;
    if (event.key === "Escape" && this.#panel.isOpen) this.#escape(event);
    else if (matches(this.#keys, event)) {
      event.preventDefault();
      event.stopPropagation();
      this.#toggle();
    }
  };

  #keydownInField(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.#panel.isOpen && !isComposing(event)) this.#escape(event);
    else if (matches(this.#keys, event)) {
      event.preventDefault();
      this.#open(this.#field.field);
    }
  }

  /** Handled here alone: a dialog of the host around us must not close as well. */
  #escape(event: KeyboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    if (this.#composer.run.isWriting) this.#composer.stop();
    else this.#panel.close(true);
  }

  /** Presses elsewhere close what holds no work yet; the field stays free for selecting. */
  #pressedOutside(path: readonly EventTarget[]): void {
    const element = this.#field.field?.element;
    const inField = element !== undefined && path.includes(element);
    if (this.#composer.view !== "result" && !inField) this.#panel.close(false);
  }

  /** Focus follows the view only where it already is in the panel; a user at work in the field keeps it. */
  #viewChanged(): void {
    if (this.#panel.isOpen && this.shadowRoot?.activeElement) this.#wantsFocus = true;
    this.requestUpdate();
  }

  #moveFocus(): void {
    const { view, problem } = this.#composer;
    const target = (view === "menu" && isTouch() && this.#one(ITEM)) || this.#one(FOCUS[view]);
    // The list of actions is still to come: hold focus in the panel until it is there.
    this.#wantsFocus = !target && !problem && !this.#connection.catalogue;
    if (target?.matches(ITEM)) this.#menu.focus();
    else (target ?? this.#one(".problem") ?? this.#one(".panel"))?.focus({ preventScroll: true });
  }

  /** A view that takes another's place is not scrolled as that one was. */
  #beginAtTheTop(): void {
    const { view } = this.#composer;
    const content = this.#one(".content");
    if (content && view !== this.#seen) content.scrollTop = 0;
    this.#seen = view;
  }

  /** Keeps the newest words in sight unless the reader scrolled away from the end. */
  #followText(): void {
    const passage = this.#one(".passage");
    if (!passage) return;
    const fromEnd = passage.scrollHeight - passage.scrollTop - passage.clientHeight;
    if (fromEnd < 80) passage.scrollTop = passage.scrollHeight;
  }

  /** The language around the field, unless the host names another; empty if the page says none. */
  #language(): string {
    return this.locale ?? this.closest<HTMLElement>("[lang]")?.lang ?? "";
  }

  #one(selector: string): HTMLElement | null {
    return this.renderRoot?.querySelector<HTMLElement>(selector) ?? null;
  }

  #all(selector: string): readonly HTMLElement[] {
    return [...(this.renderRoot?.querySelectorAll<HTMLElement>(selector) ?? [])];
  }
}

/** Where a focused text box would bring up a keyboard over the list of actions. */
function isTouch(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

declare global {
  interface HTMLElementTagNameMap {
    "sealgate-assistant": SealgateAssistant;
  }
}
