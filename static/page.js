// Conveniences. Every page works without this file.
"use strict";

// Show or hide a password: hidden at first, and hidden again before it is sent.
for (const box of document.querySelectorAll(".box[data-show]")) {
  const input = box.querySelector("input");
  const button = document.createElement("button");
  const word = document.createElement("span");
  const what = document.createElement("span");
  what.className = "unseen";
  what.textContent = ` ${box.dataset.what}`;
  button.type = "button";
  button.append(word, what);
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    word.textContent = visible ? box.dataset.hide : box.dataset.show;
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  show(false);
  box.append(button);
}

// A refused form is answered in place (422), so this page may have come by POST. Written over, it is in
// the history as a plain address: reload and Back fetch it and never ask to send the form again.
history.replaceState(history.state, "");

// Other tabs learn of a sign-out at once; a page out of the browser's memory asks anew.
const channel = new BroadcastChannel("sign-out");
const { body } = document;
if ("signedOut" in body.dataset) channel.postMessage("signed out");
if (body.dataset.private === "") channel.addEventListener("message", () => location.reload());
addEventListener("pageshow", (event) => {
  if (event.persisted && "private" in body.dataset) location.reload();
});

// Every app that must hear of a sign-out has been asked: no need to wait for the clock of the page.
const onward = document.querySelector("[data-after-frames]");
if (onward) {
  const heard = [...document.querySelectorAll("iframe")].map((frame) => new Promise((done) => frame.addEventListener("load", done)));
  Promise.all(heard).then(() => location.replace(onward.href));
}
