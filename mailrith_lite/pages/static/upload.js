// A form for a file with progress and a place to drop the file. Without this script the form works by itself.
// It sends the file alone to the page's own address, or, with data-upload="form", the form to where it leads.
"use strict";

const form = document.querySelector("[data-upload]");

if (form) {
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button");
  const drop = form.querySelector("[data-drop]");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const status = form.querySelector("[data-status]");
  const problem = form.querySelector("[data-problem]");

  const refuse = (message) => {
    button.disabled = input.disabled = false;
    progress.hidden = true;
    status.textContent = "";
    problem.textContent = message;
    problem.hidden = false;
    input.focus();
  };

  const messageOf = (request) => {
    try {
      return JSON.parse(request.responseText).error.message;
    } catch {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const told = page.querySelector("[data-problem]:not([hidden]), main .lead");
      return told ? told.textContent : "The file could not be uploaded; try again.";
    }
  };

  // Where it goes; gives what is to be sent there.
  const open = (request, file) => {
    if (form.dataset.upload === "form") {
      const fields = new FormData(form);
      fields.set(input.name, file);
      request.open("POST", form.action);
      return fields;
    }
    const address = new URL(window.location.href);
    address.hash = "";
    address.searchParams.set("file_name", file.name);
    request.open("PUT", address);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    return file;
  };

  const send = (file) => {
    if (file.size > Number(form.dataset.limit)) {
      refuse(form.dataset.tooLarge); // the service would say so, too, but may close the connection first
      return;
    }
    const request = new XMLHttpRequest();
    let said = 0;
    request.upload.addEventListener("progress", (event) => {
      const percent = event.total ? Math.floor((100 * event.loaded) / event.total) : 0;
      bar.value = percent;
      if (percent >= said + 10) {
        said = percent - (percent % 10); // a screen reader says every tenth
        status.textContent = `${said} % uploaded`;
      }
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      status.textContent = "Uploaded. The file is being read…";
    });
    request.addEventListener("load", () => {
      if (request.status !== 200) {
        refuse(messageOf(request));
      } else if (form.dataset.upload === "form") {
        window.location.assign(request.responseURL);
      } else {
        window.location.reload();
      }
    });
    request.addEventListener("error", () => refuse("The connection broke off; try again."));
    request.send(open(request, file));
    button.disabled = input.disabled = true;
    problem.hidden = true;
    progress.hidden = false;
    bar.value = 0;
    status.textContent = `Uploading ${file.name}`;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files.length) {
      send(input.files[0]);
    }
  });

  form.querySelector("[data-drop-hint]").hidden = false;
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length && !button.disabled) {
      send(event.dataTransfer.files[0]);
    }
  });
}
