// Keys for the screen in a meeting, and for the remote of a presenter. Every task works without this file.
"use strict";

const WRITING = "input, textarea, select";
const panel = document.querySelector("details.sc-decide");
const form = document.querySelector("form[data-decide]");

const follow = (rel) => {
  const link = document.querySelector(`.sc-way a[rel="${rel}"]`);
  // Before a case that somebody leaves the room for, going on means saying so, which stays an act of its own.
  if (link) link.click();
};
const moreBelow = () => window.innerHeight + window.scrollY < document.documentElement.scrollHeight - 4;

// A digit opens the form with that decision, and goes to what it needs next.
const choose = (digit) => {
  const choices = form ? [...form.querySelectorAll('input[name="decision"]')] : [];
  const chosen = choices[digit - 1];
  if (!chosen) return;
  panel.open = true;
  chosen.checked = true;
  const needsSomebody = ["refer", "enrich"].includes(chosen.value);
  const boxes = form.querySelectorAll('input[name="destinations"]');
  const nowhere = chosen.value === "refer" && ![...boxes].some((one) => one.checked);
  const next = nowhere ? boxes[0] : form.querySelector(needsSomebody ? '[name="holder"]' : '[name="reason"]');
  next.focus();
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey && form && form.contains(event.target)) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (event.key === "Escape" && panel && panel.open) {
    panel.open = false;
    panel.querySelector("summary").focus();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest(WRITING)) return;
  if (panel && panel.open) return; // What was typed is not left by a key that slipped.
  if (event.key === "ArrowRight" || (event.key === "PageDown" && !moreBelow())) {
    event.preventDefault();
    follow("next");
  } else if (event.key === "ArrowLeft" || (event.key === "PageUp" && window.scrollY === 0)) {
    event.preventDefault();
    follow("prev");
  } else if (/^[1-9]$/.test(event.key)) {
    event.preventDefault();
    choose(Number(event.key));
  } else if (event.key === "?") {
    const keys = document.getElementById("toetsen");
    keys.open = !keys.open;
  }
});
