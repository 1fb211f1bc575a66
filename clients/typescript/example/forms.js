// Forms: what the user sees while a request is under way, and when it fails. Nothing here is about accounts.

import { NoAnswer, Problem, SignedOut } from "../dist/index.js";

/** @param {string} id */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/** @typedef {Record<string, string>} Fields */

/**
 * Calls an action when its form is sent. The action returns what to tell the user.
 * @param {Record<string, (fields: Fields) => Promise<string>>} actions
 */
export function bind(actions) {
  for (const form of document.querySelectorAll("form")) {
    const action = actions[form.dataset["action"] ?? ""];
    if (!action) throw new Error(`no action ${form.dataset["action"]}`);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void send(form, action);
    });
  }
}

/** @param {HTMLFormElement} form @param {(fields: Fields) => Promise<string>} action */
async function send(form, action) {
  const button = form.querySelector("button");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  clear(form);
  const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
  button.setAttribute("aria-disabled", "true"); // a disabled button would lose the focus
  say("");
  try {
    const message = await action(fields);
    form.reset();
    say(message);
  } catch (error) {
    show(form, error);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Tells the user, and screen readers, what happened. @param {string} message */
export function say(message) {
  element("status").textContent = message;
}

/** @param {HTMLFormElement} form */
function clear(form) {
  for (const error of form.querySelectorAll(".error")) error.remove();
  for (const input of form.querySelectorAll("input")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

/** Shows what is wrong at the fields that are at fault, or above the button. @param {HTMLFormElement} form @param {unknown} error */
function show(form, error) {
  const faults = error instanceof Problem ? error.details : [];
  /** @type {HTMLInputElement | undefined} */
  let first;
  for (const { path, message } of faults) {
    const input = form.querySelector(`input[name="${path[0] ?? ""}"]`);
    if (!(input instanceof HTMLInputElement)) continue;
    const note = Object.assign(document.createElement("p"), { className: "error", textContent: message });
    note.id = `${form.dataset["action"]}-${input.name}-error`;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", note.id);
    (input.closest("label") ?? input).after(note);
    first ??= input;
  }
  if (first) return first.focus();
  const note = Object.assign(document.createElement("p"), { className: "error", textContent: words(error) });
  note.setAttribute("role", "alert");
  form.querySelector("button")?.before(note);
}

/** Says what went wrong, and what to do. @param {unknown} error @returns {string} */
export function words(error) {
  if (error instanceof NoAnswer) return "The service does not answer. Check the connection and try again.";
  if (error instanceof SignedOut) return "You are signed out. Log in again.";
  if (!(error instanceof Problem)) throw error;
  if (error.retryAfter !== undefined) return `Too much at once. Try again in ${wait(error.retryAfter)}.`;
  if (error.is("Invalid credentials")) return "The address or the password is wrong.";
  if (error.is("Wrong password")) return "The password is wrong.";
  if (error.is("Invalid code")) return "This code does not work. It may be mistyped, used up or expired: ask for another mail.";
  if (error.is("User already exists")) return "There is an account with this address already. Log in, or take another address.";
  if (error.is("Email address suppressed")) return "Mail to this address came back. Change the address first.";
  return `${error.title}. The service names this request ${error.instance ?? "nowhere"}.`;
}

/** @param {number} seconds */
function wait(seconds) {
  return seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}
