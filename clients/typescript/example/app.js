// A page for the whole life of an account. What an app needs of the client is in `session` and in `actions`.

import { Session } from "../dist/index.js";
import { bind, element, say, words } from "./forms.js";
import { button, watch } from "./mailbox.js";

const session = new Session({ storage: localStorage });

/** The reset that this tab asked for, or the token of a link. @type {{flow: string} | {token: string} | undefined} */
let reset;
/** The user as last read. @type {import("../dist/index.js").User | undefined} */
let user;
/** Whether this tab itself signs in or out at the moment. */
let isActing = false;

/** @type {Parameters<typeof bind>[0]} */
const actions = {
  async login({ email = "", password = "" }) {
    await acting(session.login({ email, password }));
    return `You are signed in as ${email}.`;
  },
  async register({ email = "", password = "", name }) {
    await acting(session.register({ email, password, name: name || null }));
    return "Your account is open. A mail with a code is on its way.";
  },
  async forgot({ email = "" }) {
    reset = await session.forgotPassword(email);
    open("reset");
    return `If ${email} has an account, a mail with a code is on its way.`;
  },
  async reset({ code = "", newPassword = "" }) {
    await session.resetPassword({ ...(reset && "flow" in reset ? { ...reset, code } : { token: reset?.token ?? "" }), newPassword });
    reset = undefined;
    open("login");
    return "The new password is set. Log in with it.";
  },
  async logout() {
    await acting(session.logout());
    return "You are signed out.";
  },
  async logoutEverywhere() {
    await acting(session.logout({ everywhere: true }));
    return "You are signed out everywhere.";
  },
  async verify({ code = "" }) {
    show(await session.verifyEmail({ code }));
    element("account-title").focus();
    return "The address is verified.";
  },
  async sendCode() {
    return `${(await session.sendVerificationEmail()).message}.`;
  },
  async refresh() {
    await session.refresh();
    await list();
    return "The session has new tokens.";
  },
  async rename({ name }) {
    show(await session.changeName(name || null));
    return "The name is changed.";
  },
  async changePassword({ currentPassword = "", newPassword = "" }) {
    show(await session.changePassword({ currentPassword, newPassword }));
    await list();
    return "The password is changed, and all other sessions have ended.";
  },
  async changeEmail({ newEmail = "", password = "" }) {
    const answer = await session.changeEmail({ newEmail, password });
    if ("user" in answer) show(answer.user);
    return "user" in answer ? "The address is changed." : `A mail to ${newEmail} is on its way.`;
  },
  async confirmEmail({ code = "" }) {
    show(await session.confirmEmail({ code }));
    await list();
    return "The address is changed, and all other sessions have ended.";
  },
  async exportData({ password = "" }) {
    const data = JSON.stringify(await session.exportAccount({ password }), null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data], { type: "application/json" }));
    link.download = `latchkey-${new Date().toISOString().slice(0, 10)}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
    return `${link.download} is saved.`;
  },
  async deleteAccount({ password = "" }) {
    await acting(session.deleteAccount({ password }));
    return "The account is deleted.";
  },
};

/** @template T @param {Promise<T>} action */
async function acting(action) {
  isActing = true;
  try {
    return await action;
  } finally {
    isActing = false;
  }
}

/** Shows one view, and moves the focus to its heading. @param {string} view */
function open(view) {
  for (const part of document.querySelectorAll("[data-view]")) {
    if (part instanceof HTMLElement) part.hidden = part.dataset["view"] !== view;
  }
  element("doors").hidden = view === "account";
  for (const link of document.querySelectorAll("#doors a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  element("reset-code").hidden = !!reset && "token" in reset;
  element(`${view}-title`).focus();
}

/** Shows the view of the address bar, or the account if a user is signed in. */
async function route() {
  const fragment = location.hash.slice(1);
  const token = new URLSearchParams(fragment.slice(fragment.indexOf("?") + 1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search); // out of the history, and of sight
    reset = { token };
    return open("reset");
  }
  if (session.userId === undefined) {
    return open(["login", "register", "forgot"].includes(fragment) ? fragment : "login");
  }
  open("account");
  try {
    show(await session.me());
    await list();
  } catch (error) {
    say(words(error));
  }
}

/** @param {import("../dist/index.js").User} read */
function show(read) {
  user = read;
  element("email").textContent = read.email;
  element("verified").textContent = read.emailVerified ? "yes" : "not yet";
  element("name").textContent = read.name ?? "none";
  element("mail-status").textContent = read.emailStatus;
  element("verify").hidden = read.emailVerified;
  for (const input of document.querySelectorAll("input[name=username]")) input.setAttribute("value", read.email);
}

async function list() {
  const items = (await session.sessions()).map(({ id, current, createdAt, userAgent, network }) => {
    const item = document.createElement("li");
    const text = document.createElement("div");
    const since = new Date(createdAt).toLocaleString();
    text.append(current ? "This session" : "Another session", Object.assign(document.createElement("small"), {
      textContent: `since ${since}, from ${network ?? "an unknown network"}, ${userAgent ?? "an unknown program"}`,
    }));
    item.append(text);
    if (!current) {
      const end = button("End", () => void ended(id));
      end.setAttribute("aria-label", `End the session since ${since}`);
      item.append(end);
    }
    return item;
  });
  element("sessions").replaceChildren(...items);
}

/** @param {string} id */
async function ended(id) {
  try {
    await session.endSession(id);
    await list();
    element("sessions-title").focus();
    say("The session has ended.");
  } catch (error) {
    say(words(error));
  }
}

bind(actions);
session.onChange((userId) => {
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  if (!isActing) say(userId ? "You are signed in by another tab." : "You are signed out: by another tab, or because the session ended.");
  void route();
});
addEventListener("hashchange", () => {
  if (location.hash !== "#main") void route();
});
void route();
void watch({
  useCode(code, to) {
    const form = session.userId === undefined ? "reset" : to === user?.email ? "verify" : "confirmEmail";
    const input = document.querySelector(`form[data-action=${form}] input[name=code]`);
    if (!(input instanceof HTMLInputElement) || input.closest("[hidden]")) return say("No form here wants this code.");
    input.value = code;
    input.focus();
  },
  useLink(token) {
    location.hash = `token=${token}`;
  },
  onMail(mail) {
    say(`${element("status").textContent ?? ""} New mail to ${mail.to}: ${mail.subject}`.trim());
  },
});
