// What the console does with JavaScript: live parts of a page, and buttons that submit a form only once.
"use strict";

const POLL_INTERVAL = 2000; // milliseconds
const CONNECTED_FOR = 6000; // milliseconds that "Connected again." stays

// The storage of the tab has the key of the reference's forms, for one session: an end of the session in another tab, or
// a switch to another workspace, changes the token of the page's forms.
const session = document.querySelector('input[name="form_token"]')?.value;
if (sessionStorage.getItem("session") !== session) sessionStorage.clear();

function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// --- The connection: a line on top of the page while the service does not answer.

const connection = {
  line: document.getElementById("connection"),

  lost() {
    clearTimeout(this.timer);
    this.show("The connection to the service is lost. This page tries again.", true);
  },

  works() {
    if (this.line.hidden || !this.line.classList.contains("lost")) return;
    this.show("Connected again.", false);
    this.timer = setTimeout(() => (this.line.hidden = true), CONNECTED_FOR);
  },

  show(text, lost) {
    if (!this.line.hidden && this.line.textContent === text) return;
    this.line.textContent = text;
    this.line.classList.toggle("lost", lost);
    this.line.hidden = false;
  },
};

window.addEventListener("offline", () => connection.lost());
window.addEventListener("online", () => connection.works());

// --- Times: in the zone of the reader, with UTC as the title.

const day = { day: "numeric", month: "short", year: "numeric" };
const minute = { ...day, hour: "2-digit", minute: "2-digit" };
const second = { ...minute, second: "2-digit" };
const [dayFormat, minuteFormat, secondFormat] = [day, minute, second].map(
  (options) => new Intl.DateTimeFormat("en-GB", options),
);

function timeFormat(time) {
  if ("day" in time.dataset) return dayFormat;
  return "seconds" in time.dataset ? secondFormat : minuteFormat;
}

function showLocalTimes(element) {
  for (const time of element.querySelectorAll("time[datetime]")) {
    if (time.title) continue;
    time.title = time.textContent;
    time.textContent = timeFormat(time).format(new Date(time.dateTime));
  }
}

showLocalTimes(document);

// --- The workspace of this page: another tab may have switched to another one.

const workspaceOf = (page) => page.querySelector('meta[name="workspace"]')?.content;

// --- Live parts: the service streams them as they change; a page that gets no stream polls.

class Live {
  constructor(element) {
    this.element = element;
    const query = new URLSearchParams(element.dataset.query);
    query.set("workspace", workspaceOf(document));
    this.query = "?" + query;
    this.outcome = this.currentOutcome();
    this.points = [];
    document.addEventListener("visibilitychange", () => this.update());
    window.addEventListener("pagehide", () => this.stop());
    this.update();
  }

  // A hidden page keeps no connection: a browser opens at most six to one host.
  update() {
    if (document.hidden) {
      this.stop();
    } else if (!this.ended && !this.source && !this.timer) {
      this.stream();
    }
  }

  stop() {
    if (this.source) this.source.close();
    clearTimeout(this.timer);
    this.source = this.timer = null;
  }

  stream() {
    this.source = new EventSource(this.element.dataset.live + "/live" + this.query);
    this.source.addEventListener("open", () => connection.works());
    this.source.addEventListener("part", (event) => this.show(event.data));
    this.source.addEventListener("end", (event) => {
      if (event.data === "final") this.end().catch(() => this.pollLater());
      else this.pollLater();
    });
    this.source.addEventListener("error", () => this.pollLater());
  }

  pollLater() {
    this.stop();
    if (!document.hidden) this.timer = setTimeout(() => this.poll(), POLL_INTERVAL);
  }

  async poll() {
    try {
      const response = await fetch(this.element.dataset.live + "/part" + this.query, { redirect: "error" });
      connection.works();
      if (response.status === 401) return location.reload();
      if (response.ok) {
        this.show(await response.text());
        if (response.headers.has("X-Final")) return await this.end();
      }
    } catch {
      connection.lost();
    }
    this.pollLater();
  }

  show(html) {
    const focused = document.activeElement && this.element.contains(document.activeElement) && document.activeElement.id;
    this.element.innerHTML = html;
    showLocalTimes(this.element);
    if (focused) document.getElementById(focused)?.focus();
    const outcome = this.currentOutcome();
    if (outcome !== this.outcome) this.showOutcome(outcome);
    this.outcome = outcome;
    this.addPoint();
  }

  currentOutcome() {
    return this.element.querySelector("[data-outcome]")?.dataset.outcome || "";
  }

  showOutcome(outcome) {
    const badge = document.querySelector("h1 .badge");
    badge.className = `badge ${outcome.toLowerCase().replaceAll(" ", "-")}`;
    badge.textContent = outcome;
    announce(outcome);
  }

  // A point of the speed graph: the time so far, and the rows so far.
  addPoint() {
    const progress = this.element.querySelector("[data-rows]");
    if (!progress) return;
    this.points.push([Number(progress.dataset.elapsed), Number(progress.dataset.rows)]);
    drawSpeed(this.points);
  }

  // A final part also changes the rest of the page: refused rows, downloads.
  async end() {
    this.stop();
    const response = await fetch(location.href);
    if (!response.ok || response.redirected) return location.reload();
    this.ended = true;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (workspaceOf(page) !== workspaceOf(document)) return location.reload();
    const focused = document.querySelector("main").contains(document.activeElement);
    document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
    showLocalTimes(document.querySelector("main"));
    document.title = page.title;
    if (focused) document.querySelector("main").focus();
    announce(page.title.split(" · ")[0]);
    drawSpeed(this.points);
  }
}

// The graph of rows per second between one point and the next.
function drawSpeed(points) {
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
  const highestText = Math.round(1000 * highest).toLocaleString("en");
  figure.querySelector("figcaption").textContent = `Rows per second over time, ${highestText} at most`;
  figure.hidden = false;
}

// --- The form of an upload: the service keeps each change, so that a reload loses none.

document.querySelectorAll("form[data-choices]").forEach((form) => {
  let saved = Promise.resolve();
  form.addEventListener("change", () => {
    const body = new URLSearchParams(new FormData(form));
    saved = saved.then(() => fetch(form.dataset.choices, { method: "POST", body, keepalive: true })).catch(() => {});
  });
});

// --- Lists to choose from: a search hides the entries that do not have its text.

document.querySelectorAll("[data-search-list]").forEach((search) => {
  const entries = [...document.getElementById(search.dataset.searchList).children];
  search.querySelector("input").addEventListener("input", (event) => {
    const text = event.target.value.trim().toLowerCase();
    for (const entry of entries) {
      entry.hidden = !entry.textContent.toLowerCase().includes(text) && !entry.querySelector(":checked");
    }
  });
  search.querySelector("input").addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it would submit the form
  });
  search.querySelector("input").addEventListener("change", (event) => event.stopPropagation());
});

// --- What works with JavaScript only.

document.querySelectorAll("[data-scripted]").forEach((element) => (element.hidden = false));

// --- Code: a button that copies it.

document.querySelectorAll("pre > code").forEach((code) => {
  const button = document.createElement("button");
  button.className = "quiet-button copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      announce("Copied");
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // without TLS there is no clipboard
      button.textContent = "Press Ctrl+C";
    }
  });
  code.parentElement.prepend(button);
});

// --- Forms: a second click on a button does not submit the form again.

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  if (event.target.getAttribute("action").endsWith("/sign-out")) sessionStorage.clear();
  setTimeout(() => event.target.querySelectorAll("button").forEach((button) => (button.disabled = true)));
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // the page comes from the browser's history and may be outdated
});

document.querySelectorAll("[data-live]").forEach((element) => new Live(element));

// --- The list of subscribers: choose everybody on the page, and say how many are chosen.

const people = document.getElementById("chosen-people");
if (people) {
  const page = document.getElementById("page-all");
  const all = document.getElementById("all");
  const boxes = [...people.querySelectorAll('[name="subscriber"]')];
  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    page.checked = chosen === boxes.length;
    page.indeterminate = chosen > 0 && chosen < boxes.length;
    document.getElementById("chosen").textContent = all.checked || !chosen ? "" : chosen + " chosen";
  };
  page.hidden = false;
  page.addEventListener("change", () => boxes.forEach((box) => (box.checked = page.checked)));
  people.addEventListener("change", count);
  count();
}
