// Leaving quickly: the button, or Escape three times. Works without this file too, by the form itself.
"use strict";

const leaving = document.querySelector("form[data-leave]");

const posted = (form, more = {}) => {
  const body = new URLSearchParams(new FormData(form));
  Object.entries(more).forEach(([name, value]) => body.set(name, value));
  // A form may have a button that is called action, so its address is asked as an attribute.
  return fetch(form.getAttribute("action"), { method: "POST", body, keepalive: true, redirect: "manual" }).catch(() => undefined);
};
const atMost = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

// Nothing is to be seen at once. What was typed in a draft is kept first, because the session ends after that.
const leave = async () => {
  const draft = document.querySelector("form[data-keep]");
  const kept = draft ? posted(draft, { action: "later" }) : Promise.resolve();
  if (draft) draft.dispatchEvent(new Event("submit")); // It asks no more whether what was typed may be lost.
  const ended = leaving;
  document.title = "…";
  document.body.replaceChildren();
  await Promise.race([kept, atMost(1500)]);
  posted(ended);
  window.location.replace(ended.dataset.leave || ended.getAttribute("action"));
};

if (leaving) {
  leaving.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    leave();
  });
  let pressed = [];
  document.addEventListener("keydown", (event) => {
    pressed = event.key === "Escape" && !event.repeat ? [...pressed, event.timeStamp].slice(-3) : [];
    if (pressed.length === 3 && pressed[2] - pressed[0] < 2000) leave();
  });
}
