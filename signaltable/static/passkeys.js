// Passkeys: asks the device and puts its answer into the form. Every task works without this file, in the other ways.
"use strict";

(() => {
  const able = window.isSecureContext && window.PublicKeyCredential
    && PublicKeyCredential.parseCreationOptionsFromJSON && PublicKeyCredential.parseRequestOptionsFromJSON;

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

  // Browsers tell "stopped", "nothing found" and "too late" by one name, so that sites learn nothing; the time tells one apart.
  const problem = (error, late) => ({
    NotAllowedError: late ? "late" : "stopped",
    AbortError: "stopped",
    InvalidStateError: "there",
    ConstraintError: "unable",
    NotSupportedError: "unable",
    SecurityError: "elsewhere",
  })[error.name] || "failed";

  document.querySelectorAll("[data-passkey]").forEach((block) => {
    const form = block.closest("form");
    const button = block.querySelector("button");
    const field = block.querySelector("input");
    const said = block.querySelector("[data-said]");
    if (!able) {
      said.textContent = block.dataset.old || "";
      return;
    }
    let busy = false;
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (busy) return;
      busy = true;
      said.textContent = "";
      let until = Infinity;
      try {
        const asked = await ask(block, form);
        until = Date.now() + asked.timeout;
        field.value = JSON.stringify((await answer(block.dataset.passkey, asked)).toJSON());
        const ways = form.querySelectorAll("button[type=submit]");
        if (ways.length > 1) said.textContent = block.dataset.proved;
        else form.requestSubmit();
      } catch (error) {
        field.value = "";
        said.textContent = block.dataset[problem(error, Date.now() >= until)];
      }
      busy = false;
    });
  });
})();
