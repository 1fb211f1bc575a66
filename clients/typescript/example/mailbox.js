// The mailbox of `cargo local`, beside the forms. It has nothing to do with the client: users have a mail program.

import { element } from "./forms.js";

/** @typedef {{to: string, subject: string, text: string, sentAt: string}} Mail */

const CODE = /(?<![\w-])[0-9A-Z]{4}-[0-9A-Z]{4}(?![\w-])/;
const LINK = /[?#]token=(lkr1\.[\w-]+)/;
/** So many mails are shown, the newest first. */
const SHOWN = 20;

let shown = 0;

/**
 * Shows new mails as they come. A button in a mail hands its code or its link over.
 * @param {{useCode: (code: string, to: string) => void, useLink: (token: string) => void, onMail: (mail: Mail) => void}} app
 */
export async function watch(app) {
  for (;;) {
    if (!document.hidden) await look(app).catch(() => undefined); // cargo local has stopped, perhaps to start again
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** @param {Parameters<typeof watch>[0]} app */
async function look(app) {
  /** @type {{mails: Mail[]}} */
  const { mails } = await (await fetch("/_local/mail", { headers: { Accept: "application/json" } })).json();
  if (mails.length === shown) return;
  const isFirst = shown === 0;
  const list = element("mails");
  if (mails.length < shown) list.replaceChildren();
  for (const mail of mails.slice(mails.length < shown ? 0 : shown).slice(-SHOWN)) {
    list.prepend(entry(mail, app));
    if (!isFirst) app.onMail(mail);
  }
  while (list.children.length > SHOWN) list.lastElementChild?.remove();
  shown = mails.length;
  element("mailbox-empty").hidden = shown > 0;
}

/** @param {Mail} mail @param {Parameters<typeof watch>[0]} app */
function entry(mail, app) {
  const item = document.createElement("li");
  const time = new Date(mail.sentAt).toLocaleTimeString();
  item.append(
    Object.assign(document.createElement("h3"), { textContent: mail.subject }),
    Object.assign(document.createElement("small"), { textContent: `to ${mail.to}, ${time}` }),
  );
  const code = CODE.exec(mail.text)?.[0];
  const token = LINK.exec(mail.text)?.[1];
  if (code) item.append(button(`Use the code ${code}`, () => app.useCode(code, mail.to)));
  if (token) item.append(button("Open the link", () => app.useLink(token)));
  const details = document.createElement("details");
  details.append(
    Object.assign(document.createElement("summary"), { textContent: "Read the mail" }),
    Object.assign(document.createElement("pre"), { textContent: mail.text }),
  );
  item.append(details);
  return item;
}

/** @param {string} text @param {() => void} action */
export function button(text, action) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: text });
  made.addEventListener("click", action);
  return made;
}
