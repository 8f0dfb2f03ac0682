// Gives the assistant its session: the part of this page to copy.
// Its counterpart is assistant_session.py on the server. It never sees a provider key, and it stores no token.

const csrfToken = document.querySelector('meta[name="csrf-token"]').content;

async function getSession() {
  const response = await fetch("/assistant/session", {
    method: "POST",
    headers: { "X-CSRF-Token": csrfToken },
  });
  if (!response.ok) throw new Error(`no session: ${response.status}`);
  return (await response.json()).token;
}

customElements.whenDefined("sealgate-assistant").then(() => {
  for (const assistant of document.querySelectorAll("sealgate-assistant")) {
    assistant.getSession = getSession;
  }
});
