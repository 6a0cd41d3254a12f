// The upload form with a progress bar and a place to drop a file. Without this script the form still works.
// It sends the bare file to the page's own address. With data-upload="form" it sends the form to the form's action.
"use strict";

const form = document.querySelector("[data-upload]");

if (form) {
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button");
  const dropZone = form.querySelector("[data-drop]");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const status = form.querySelector("[data-status]");
  const problem = form.querySelector("[data-problem]");

  const showProblem = (message) => {
    button.disabled = input.disabled = false;
    progress.hidden = true;
    status.textContent = "";
    problem.textContent = message;
    problem.hidden = false;
    input.focus();
  };

  // A page that this service has not made comes from a proxy in front of it.
  const errorMessage = (request, file) => {
    try {
      return JSON.parse(request.responseText).error.message;
    } catch {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const element = page.querySelector("[data-problem]:not([hidden]), main .lead");
      if (element) return element.textContent;
      if (request.status === 413) return tooLargeForProxy(file);
      return "The file could not be uploaded; try again.";
    }
  };

  const tooLargeForProxy = (file) => {
    const megabytes = Math.max(1, Math.ceil(file.size / 1e6)).toLocaleString("en");
    return `The proxy in front of the service takes no file of ${megabytes} MB. Its operator can raise the limit; in nginx it is client_max_body_size.`;
  };

  // Opens the request and returns the body to send.
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
      showProblem(form.dataset.tooLarge); // the service refuses it too, but may close the connection first
      return;
    }
    const request = new XMLHttpRequest();
    let announced = 0;
    request.upload.addEventListener("progress", (event) => {
      const percent = event.total ? Math.floor((100 * event.loaded) / event.total) : 0;
      bar.value = percent;
      if (percent >= announced + 10) {
        announced = percent - (percent % 10); // a screen reader reads out every 10 %
        status.textContent = `${announced} % uploaded`;
      }
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      status.textContent = "Uploaded. The service is reading the file…";
    });
    request.addEventListener("load", () => {
      if (request.status !== 200) {
        showProblem(errorMessage(request, file));
      } else if (form.dataset.upload === "form") {
        window.location.assign(request.responseURL);
      } else {
        window.location.reload();
      }
    });
    request.addEventListener("error", () => showProblem("The connection was lost; try again."));
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

  for (const type of ["dragenter", "dragover"]) {
    dropZone.addEventListener(type, (event) => {
      event.preventDefault();
      dropZone.classList.add("over");
    });
  }
  for (const type of ["dragleave", "drop"]) {
    dropZone.addEventListener(type, () => dropZone.classList.remove("over"));
  }
  dropZone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length && !button.disabled) {
      send(event.dataTransfer.files[0]);
    }
  });
}
