// The list of devices stays true while it is looked at. Nothing moves under the pointer or the focus:
// what has ended is greyed in its place, what is new stands at the end.
"use strict";
{
  const EVERY = 30_000;
  const list = document.querySelector(".devices");
  const policy = window.trustedTypes?.createPolicy("live", { createHTML: (ours) => ours });
  const parse = (html) => new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  const items = (root) => new Map([...root.querySelectorAll("[data-device]")].map((item) => [item.dataset.device, item]));
  let tag = "";
  let timer;

  const say = (text) => { document.getElementById("live").textContent = text; };
  const touched = (part) => part.matches(":hover, :focus-within");

  // Signed out elsewhere: nothing private stays on the screen.
  const leave = () => {
    clearInterval(timer);
    timer = undefined;
    document.querySelector("main").replaceChildren(document.getElementById("gone").content.cloneNode(true));
    document.querySelectorAll(".top form, .tabs").forEach((part) => part.remove());
    document.querySelector("h1").focus();
    document.title = document.querySelector("h1").textContent;
  };

  const grey = (item) => {
    item.classList.add("gone");
    item.querySelector("[data-seen]").textContent = list.dataset.ended;
  };

  const merge = (page) => {
    const fresh = items(page);
    let changed = false;
    for (const [id, item] of items(list)) {
      const now = fresh.get(id);
      fresh.delete(id);
      if (now) item.querySelector("[data-seen]").replaceWith(now.querySelector("[data-seen]"));
      else if (!item.classList.contains("gone")) { grey(item); changed = true; }
    }
    const all = document.querySelector("[data-all]");
    const still = !touched(all);
    if (still) {
      for (const item of fresh.values()) { list.append(item); changed = true; }
      all.replaceWith(page.querySelector("[data-all]"));
    }
    if (changed) say(list.dataset.changed);
    return still;
  };

  const look = async () => {
    if (document.hidden || !timer) return;
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html", "If-None-Match": tag } });
    if (answer.redirected) leave();
    else if (answer.ok) {
      const whole = merge(parse(await answer.text()));
      tag = whole ? answer.headers.get("ETag") ?? "" : "";
    }
  };
  const again = () => look().catch(() => {}); // offline: the next look will tell

  timer = setInterval(again, EVERY);
  document.addEventListener("visibilitychange", again);
  new BroadcastChannel("sign-out").addEventListener("message", leave);
}
