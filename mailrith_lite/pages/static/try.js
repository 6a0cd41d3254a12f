// The page of an operation: sends a request with the key that somebody types. The key stays in the tab.
"use strict";

const KEY = "key"; // in the storage of the tab; console.js clears it when the session is another one
const SHOWN = 100000; // characters of an answer

document.querySelectorAll("form[data-try]").forEach((form) => {
  const key = form.querySelector("[data-key]");
  const answer = form.querySelector("[data-answer]");
  if (key) key.value = sessionStorage.getItem(KEY) || "";

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (key) {
      sessionStorage.setItem("session", session);
      sessionStorage.setItem(KEY, key.value);
    }
    const button = form.querySelector("button.main");
    button.disabled = true;
    const began = performance.now();
    try {
      const response = await fetch(addressOf(form), optionsOf(form, key));
      const text = await response.text();
      const took = Math.round(performance.now() - began);
      const id = response.headers.get("x-mailrith-request-id");
      show(answer, `${response.status} ${response.statusText} · ${took} ms · ${id}`, pretty(text));
    } catch {
      show(answer, "The service did not answer.", "");
    }
    button.disabled = false;
  });
});

function inputs(form, place) {
  return [...form.querySelectorAll(`[data-place="${place}"]`)].filter((input) => input.value);
}

function addressOf(form) {
  let path = form.dataset.path;
  for (const input of inputs(form, "path")) path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
  const query = new URLSearchParams(inputs(form, "query").map((input) => [input.name, input.value]));
  return form.dataset.root + path + (query.size ? `?${query}` : "");
}

function optionsOf(form, key) {
  const headers = {};
  for (const input of inputs(form, "header")) headers[input.name] = input.value;
  if (key) headers.Authorization = `Bearer ${key.value.trim()}`;
  const body = form.querySelector("[data-body]");
  if (body) headers["Content-Type"] = "application/json";
  return { method: form.dataset.method, headers, body: body?.value, credentials: "omit", redirect: "manual" };
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, SHOWN);
  } catch {
    return text.slice(0, SHOWN);
  }
}

function show(answer, line, text) {
  answer.querySelector("p").textContent = line;
  answer.querySelector("code").textContent = text;
  answer.querySelector("pre").hidden = !text;
  answer.hidden = false;
}
