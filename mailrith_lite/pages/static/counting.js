// Forms with a count: it follows each change. In a segment, the buttons of the conditions replace the conditions alone.
"use strict";

const COUNT_DELAY = 400; // milliseconds after the last change

class Builder {
  constructor(form) {
    this.form = form;
    this.count = document.getElementById("count");
    form.querySelector('[value="count"]').hidden = true; // the count follows each change
    form.addEventListener("input", () => this.countLater());
    form.addEventListener("submit", (event) => this.submit(event));
    this.nameCountries();
    const complete = !form.querySelector("#conditions") || form.querySelector(".condition");
    if (complete && !this.count.querySelector("b")) this.countNow();
  }

  countLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.countNow(), COUNT_DELAY);
  }

  // A newer count ends the one before.
  async countNow() {
    this.counting?.abort();
    this.counting = new AbortController();
    this.count.setAttribute("aria-busy", "true");
    try {
      const body = new URLSearchParams(new FormData(this.form));
      const response = await fetch(this.form.dataset.count, { method: "POST", body, signal: this.counting.signal });
      connection.works();
      if (response.status === 401) return location.reload();
      if (response.ok) this.count.innerHTML = await response.text();
      this.count.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") connection.lost();
    }
  }

  // The buttons for the count and those of the conditions need no new page; the others submit the form.
  async submit(event) {
    const button = event.submitter;
    const counts = button?.value === "count";
    if (!counts && !button?.closest("#conditions")) return;
    event.preventDefault();
    if (counts) return this.countNow();
    const body = new URLSearchParams(new FormData(this.form, button));
    try {
      const response = await fetch(this.form.getAttribute("action"), { method: "POST", body });
      if (!response.ok) return location.reload();
      this.replace(new DOMParser().parseFromString(await response.text(), "text/html"));
      connection.works();
      this.countLater();
    } catch {
      connection.lost();
    }
  }

  replace(page) {
    const conditions = document.adoptNode(page.getElementById("conditions"));
    document.getElementById("conditions").replaceWith(conditions);
    this.nameCountries();
    conditions.querySelector("[autofocus]")?.focus();
  }

  // The service lists codes; the browser knows the names.
  nameCountries() {
    const names = new Intl.DisplayNames("en", { type: "region" });
    for (const option of document.querySelectorAll("#list-country option")) {
      if (/^[A-Z]{2}$/.test(option.value)) option.label = names.of(option.value);
    }
  }
}

// The counts of a list that were not there in time, one after another.
async function fillCounts() {
  for (const cell of document.querySelectorAll("td[data-count]")) {
    const response = await fetch(cell.dataset.count, { redirect: "error" });
    if (response.ok) cell.innerHTML = await response.text();
  }
}

document.querySelectorAll("form[data-count]").forEach((form) => new Builder(form));
fillCounts().catch(() => connection.lost());
