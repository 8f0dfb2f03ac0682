/**
 * Makes an Ed25519 key pair in the developer's browser: the private half is shown once, the public half is posted.
 * Counterpart: `session_keys.html` and `applications/session_keys.py` in the console.
 * It must never put the private half into a field, storage or request.
 */
interface Parts {
  readonly form: HTMLFormElement;
  readonly name: HTMLInputElement;
  readonly publicKey: HTMLInputElement;
  readonly makeButtons: HTMLElement;
  readonly make: HTMLButtonElement;
  readonly privateHalf: HTMLElement;
  readonly title: HTMLElement;
  readonly pem: HTMLElement;
  readonly download: HTMLAnchorElement;
  readonly saved: HTMLInputElement;
  readonly register: HTMLButtonElement;
  readonly problem: HTMLElement;
}

/** An Ed25519 pair: the raw public half in base64url, the private half as PKCS#8 PEM (RFC 8410). */
interface Pair {
  readonly publicKey: string;
  readonly privatePem: string;
}

const parts = findParts();
if (parts !== null) start(parts);

function start(page: Parts): void {
  page.makeButtons.hidden = false;
  page.make.addEventListener("click", () => void makeAndShow(page));
  page.saved.addEventListener("change", () => {
    page.register.disabled = !page.saved.checked;
  });
  page.form.addEventListener("submit", (event) => {
    if (page.publicKey.value !== "" && page.saved.checked) return;
    event.preventDefault(); // Enter in the name field means: make the pair
    if (page.publicKey.value === "") page.make.click();
  });
}

async function makeAndShow(page: Parts): Promise<void> {
  if (!page.name.reportValidity()) return;
  try {
    show(page, await makePair());
  } catch {
    page.problem.textContent =
      "This browser cannot make Ed25519 keys. Use Chrome 137, Firefox 129 or Safari 17, or register a key that you made elsewhere.";
    page.problem.hidden = false;
  }
}

function show(page: Parts, pair: Pair): void {
  page.publicKey.value = pair.publicKey;
  page.pem.textContent = pair.privatePem;
  page.download.href = URL.createObjectURL(
    new Blob([pair.privatePem], { type: "application/x-pem-file" }),
  );
  page.makeButtons.hidden = true;
  page.problem.hidden = true;
  page.privateHalf.hidden = false;
  page.title.focus();
}

async function makePair(): Promise<Pair> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const [raw, pkcs8] = await Promise.all([
    crypto.subtle.exportKey("raw", pair.publicKey),
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
  ]);
  const lines = base64(new Uint8Array(pkcs8)).match(/.{1,64}/g) ?? [];
  return {
    publicKey: base64(new Uint8Array(raw))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replace(/=+$/, ""),
    privatePem: `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`,
  };
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function findParts(): Parts | null {
  const form = document.querySelector<HTMLFormElement>("#make-key");
  if (form === null) return null;
  return {
    form,
    name: one(form, "input[name=name]"),
    publicKey: one(form, "input[name=public_key]"),
    makeButtons: one(form, "#make-buttons"),
    make: one(form, "#make-pair"),
    privateHalf: one(form, "#private-half"),
    title: one(form, "#private-title"),
    pem: one(form, "#private-pem"),
    download: one(form, "#download-pem"),
    saved: one(form, "#saved-private"),
    register: one(form, "#register-key"),
    problem: one(form, "#make-problem"),
  };
}

function one<Kind extends Element>(form: HTMLFormElement, selector: string): Kind {
  const found = form.querySelector<Kind>(selector);
  if (found === null) throw new Error(`the page has no ${selector}`);
  return found;
}

export {};
