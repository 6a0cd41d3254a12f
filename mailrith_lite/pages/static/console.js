// What the console can do with JavaScript: live parts, files dropped onto the page, buttons that are pressed once.
"use strict";

const ASK_AGAIN = 2000; // milliseconds

function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// --- Live parts: sent by the service as they change; asked for now and then where the stream cannot be had.

class Live {
  constructor(element) {
    this.element = element;
    this.query = element.dataset.query ? "?" + element.dataset.query : "";
    this.outcome = this.told();
    this.points = [];
    document.addEventListener("visibilitychange", () => this.attend());
    window.addEventListener("pagehide", () => this.leave());
    this.attend();
  }

  // A page that nobody looks at keeps no connection: a browser has six of them for one host.
  attend() {
    if (document.hidden) {
      this.leave();
    } else if (!this.over && !this.source && !this.timer) {
      this.follow();
    }
  }

  leave() {
    if (this.source) this.source.close();
    clearTimeout(this.timer);
    this.source = this.timer = null;
  }

  follow() {
    this.source = new EventSource(this.element.dataset.live + "/live" + this.query);
    this.source.addEventListener("part", (event) => this.show(event.data));
    this.source.addEventListener("end", (event) => {
      if (event.data === "final") this.end().catch(() => this.askLater());
      else this.askLater();
    });
    this.source.addEventListener("error", () => this.askLater());
  }

  askLater() {
    this.leave();
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), ASK_AGAIN);
  }

  async ask() {
    try {
      const answer = await fetch(this.element.dataset.live + "/part" + this.query, { redirect: "error" });
      if (answer.status === 401) return location.reload();
      if (answer.ok) {
        this.show(await answer.text());
        if (answer.headers.has("X-Final")) return await this.end();
      }
    } catch {
      announce("The service does not answer; trying again.");
    }
    this.askLater();
  }

  show(html) {
    const focused = document.activeElement && this.element.contains(document.activeElement) && document.activeElement.id;
    this.element.innerHTML = html;
    if (focused) document.getElementById(focused)?.focus();
    const told = this.told();
    if (told !== this.outcome) this.retitle(told);
    this.outcome = told;
    this.measure();
  }

  told() {
    return this.element.querySelector("[data-outcome]")?.dataset.outcome || "";
  }

  retitle(outcome) {
    const badge = document.querySelector("h1 .badge");
    badge.className = `badge ${outcome.toLowerCase()}`;
    badge.textContent = outcome;
    announce(outcome);
  }

  // Rows a second between one look and the next.
  measure() {
    const shown = this.element.querySelector("[data-rows]");
    if (!shown) return;
    this.points.push([Number(shown.dataset.elapsed), Number(shown.dataset.rows)]);
    draw(this.points);
  }

  // The rest of the page changes with the end: what was refused, what can be downloaded.
  async end() {
    this.leave();
    const answer = await fetch(location.href);
    if (!answer.ok || answer.redirected) return location.reload();
    this.over = true;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = document.querySelector("main").contains(document.activeElement);
    document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
    document.title = page.title;
    if (focused) document.querySelector("main").focus();
    announce(page.title.split(" · ")[0]);
    draw(this.points);
  }
}

function draw(points) {
  const figure = document.querySelector("[data-speed]");
  if (!figure || points.length < 4) return;
  const speeds = points.slice(1).map(([elapsed, rows], place) => {
    const [elapsedBefore, rowsBefore] = points[place];
    return elapsed > elapsedBefore ? (rows - rowsBefore) / (elapsed - elapsedBefore) : 0;
  });
  const highest = Math.max(...speeds);
  if (!highest) return;
  const step = 600 / (speeds.length - 1);
  const line = speeds.map((speed, place) => `${(place * step).toFixed(1)},${(58 - (56 * speed) / highest).toFixed(1)}`);
  figure.querySelector("polyline").setAttribute("points", line.join(" "));
  const most = Math.round(1000 * highest).toLocaleString("en");
  figure.querySelector("figcaption").textContent = `Rows per second over time, ${most} at most`;
  figure.hidden = false;
}

// --- Forms: a button that is pressed twice sends once.

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  setTimeout(() => event.target.querySelectorAll("button").forEach((button) => (button.disabled = true)));
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // back from another page: forms and jobs may be old
});

document.querySelectorAll("[data-live]").forEach((element) => new Live(element));
