// Small comforts. Every task works without this file.
"use strict";

// A form that was sent once is not sent again by a second click; coming back with the browser's button frees it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

// Printing needs a script, so the button shows only where there is one.
document.querySelectorAll("button[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});

// Folded texts belong on paper too.
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("main details:not([open]):not(.st-filter)")];
  unfolded.forEach((details) => { details.open = true; });
});
window.addEventListener("afterprint", () => unfolded.forEach((details) => { details.open = false; }));

// Escape closes the menu and gives the focus back to its button.
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".st-menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Some browsers do not honour autofocus on a block: the list of errors is where reading has to start.
window.addEventListener("load", () => setTimeout(() => {
  const errors = document.getElementById("errors");
  if (errors && document.activeElement === document.body) errors.focus();
}, 300));

// On a small screen a picture is wider than its frame: begin at the thing it is about.
document.querySelectorAll(".st-picture__frame").forEach((frame) => {
  const current = frame.querySelector(".pic-node--current");
  if (!current || frame.scrollWidth <= frame.clientWidth) return;
  const here = current.getBoundingClientRect();
  const room = frame.getBoundingClientRect();
  frame.scrollLeft += here.left + here.width / 2 - room.left - room.width / 2;
});

// Typed text that was not saved: leaving the page by a link or the language button asks first.
document.querySelectorAll("form[data-keep]").forEach((form) => {
  let typed = false;
  form.addEventListener("input", () => { typed = true; });
  form.addEventListener("submit", () => { typed = false; });
  window.addEventListener("beforeunload", (event) => { if (typed) event.preventDefault(); });
});
