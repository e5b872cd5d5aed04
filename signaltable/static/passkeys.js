// Passkeys: asks the device and puts its answer into the form. Every task works without this file, in the other ways.
"use strict";

(() => {
  const able = window.isSecureContext && window.PublicKeyCredential
    && PublicKeyCredential.parseCreationOptionsFromJSON && PublicKeyCredential.parseRequestOptionsFromJSON;
  if (!able) return;

  // The challenge is made when it is needed, and asked with the token of the form.
  const ask = async (block, form) => {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    const reply = await fetch(block.dataset.ask, { method: "POST", body, redirect: "error", cache: "no-store" });
    if (!reply.ok) throw new Error("not asked");
    return reply.json();
  };

  const answer = (kind, asked) => kind === "make"
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });

  // Browsers tell "stopped", "nothing found" and "too late" by one name, so that sites learn nothing; the clock tells the last.
  const problem = (error, late) => ({
    NotAllowedError: late ? "late" : "stopped",
    AbortError: "stopped",
    InvalidStateError: "there",
    ConstraintError: "unable",
    NotSupportedError: "unable",
    SecurityError: "elsewhere",
  })[error.name] || "failed";

  const send = (block, form) => {
    const ways = form.querySelectorAll("button[type=submit]");
    if (ways.length < 2) form.requestSubmit();
    else block.querySelector("[data-said]").textContent = block.dataset.proved;
  };

  document.querySelectorAll("[data-passkey]").forEach((block) => {
    const kind = block.dataset.passkey;
    const form = block.closest("form");
    const field = block.querySelector("input");
    const said = block.querySelector("[data-said]");
    let busy = false;
    block.hidden = false;
    block.querySelector("button").addEventListener("click", async () => {
      if (busy) return;
      // A passkey without the rest of its form would lie about on the device: what is missing is told first.
      if (kind === "make" && [...form.querySelectorAll("[aria-required]")].some((one) => !one.value.trim())) {
        form.requestSubmit();
        return;
      }
      busy = true;
      said.textContent = "";
      let until = Infinity;
      try {
        const asked = await ask(block, form);
        until = Date.now() + asked.timeout;
        field.value = JSON.stringify((await answer(kind, asked)).toJSON());
        send(block, form);
      } catch (error) {
        field.value = "";
        said.textContent = block.dataset[problem(error, Date.now() >= until)];
      }
      busy = false;
    });
  });
  // An answer counts once: coming back to a page must not send it again.
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("[data-passkey] input").forEach((field) => { field.value = ""; });
  });
  document.querySelectorAll("[data-with-passkey]").forEach((one) => { one.hidden = false; });
  document.querySelectorAll("[data-without-passkey]").forEach((one) => { one.hidden = true; });
})();
