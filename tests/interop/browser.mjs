// The page of `cargo local` in a browser. Environment: URL, CHROMIUM, SCREENSHOTS (a folder).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { proxy } from "./proxy.mjs";

const { URL: server, CHROMIUM, SCREENSHOTS } = process.env;
const PASSWORD = "correct horse battery staple";
const NEW_PASSWORD = "violet harbour 47 teapot";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
let people = 0;
const newAddress = () => `ada${people++}.${Date.now()}@example.com`;
before(async () => (browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] })));
after(() => browser.close());

/** Opens a browser of its own, whose tabs share a storage. Its pages must not fail in silence. */
async function visitor(options = {}, url = server) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(120_000); // for a busy machine
  const complaints = [];
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    const isRefusal = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isRefusal) complaints.push(message.text());
  });
  const requests = [];
  context.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const open = async () => {
    const page = await context.newPage();
    await page.goto(`${url}/_local/app`);
    return page;
  };
  const count = (request) => requests.filter((found) => found === request).length;
  const leave = async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  };
  return { context, open, requests, count, leave };
}

const says = (page, text) => page.getByRole("status").getByText(text).waitFor();
const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();
const click = (page, name) => page.getByRole("button", { name, exact: true }).click();
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const field = (page, label) => page.getByLabel(label, { exact: true }).locator("visible=true").first();

async function register(page, email) {
  await page.getByRole("link", { name: "Open an account" }).click();
  await field(page, "Email").fill(email);
  await field(page, "Password").fill(PASSWORD);
  await click(page, "Open an account");
  await heading(page, "Your account");
}

test("two tabs that refresh at once send one request, and both stay signed in", async () => {
  const ada = await visitor();
  const first = await ada.open();
  await register(first, newAddress());
  const second = await ada.open();
  await heading(second, "Your account");
  let gate;
  await ada.context.route("**/api/auth/refresh", async (route) => (await gate, route.continue()));
  for (let round = 1; round <= 3; round++) {
    let release;
    gate = new Promise((resolve) => (release = resolve)); // no answer before both have asked
    await Promise.all([first, second].map((page) => click(page, "Get new tokens")));
    release();
    await Promise.all([first, second].map((page) => says(page, "The session has new tokens.")));
    assert.equal(ada.count("POST /api/auth/refresh"), round);
    await sleep(1_200); // longer than the grace
  }
  for (const page of [first, second, first, second]) {
    await click(page, "Get new tokens");
    await says(page, "The session has new tokens.");
    await sleep(1_200);
  }
  await first.reload();
  await heading(first, "Your account");
  await ada.leave();
});

test("a tab that slept past the expiry refreshes before it asks", async () => {
  const ada = await visitor();
  const page = await ada.open();
  await page.clock.install();
  await register(page, newAddress());
  await page.getByText("This session").waitFor();
  await page.clock.fastForward("08:00:00");
  ada.requests.length = 0;
  await field(page, "Name").fill("Ada King");
  await click(page, "Change the name");
  await says(page, "The name is changed.");
  const asked = ada.requests.filter((request) => request.includes("/api/"));
  assert.deepEqual(asked, ["POST /api/auth/refresh", "PATCH /api/auth/me"]);
  await ada.leave();
});

test("answers that break off are asked for again", async () => {
  const line = await proxy(server);
  const ada = await visitor({}, line.url);
  const page = await ada.open();
  line.cut("POST /api/auth/register");
  await register(page, newAddress());
  assert.equal(ada.count("POST /api/auth/register"), 2);

  line.cut("POST /api/auth/refresh");
  await click(page, "Get new tokens");
  await says(page, "The session has new tokens.");
  assert.equal(ada.count("POST /api/auth/refresh"), 2);

  line.cut("POST /api/auth/password/change");
  await field(page, "Present password").fill(PASSWORD);
  await field(page, "New password").fill(NEW_PASSWORD);
  await click(page, "Change the password");
  await says(page, "The password is changed");
  await sleep(1_200);
  await click(page, "Get new tokens");
  await says(page, "The session has new tokens.");
  await ada.leave();
  line.close();
});

test("signing out in one tab signs the other out", async () => {
  const ada = await visitor();
  const first = await ada.open();
  await register(first, newAddress());
  const second = await ada.open();
  await heading(second, "Your account");
  await click(first, "Sign out");
  await heading(second, "Log in");
  await says(second, "You are signed out: by another tab");
  await says(first, "You are signed out.");
  await ada.leave();
});

test("the whole life of an account by keyboard, and a screen reader is told of each step", async () => {
  const ada = await visitor({ acceptDownloads: true });
  const page = await ada.open();
  const email = newAddress();

  /** Tabs to a control by its name, and checks that the focus can be seen. */
  const reach = async (name, target = field(page, name)) => {
    await target.waitFor();
    for (let presses = 0; presses < 120; presses++) {
      await page.keyboard.press("Tab");
      const isThere = await target.evaluate((element) => element === document.activeElement);
      if (!isThere) continue;
      const outline = await target.evaluate((element) => getComputedStyle(element).outlineStyle);
      return assert.notEqual(outline, "none", `the focus on ${name} can be seen`);
    }
    assert.fail(`the Tab key does not reach ${name}`);
  };
  const press = async (role, name) => {
    await reach(name, page.getByRole(role, { name, exact: true }).first());
    await page.keyboard.press("Enter");
  };
  const type = async (name, text) => {
    await reach(name);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(text);
  };
  const submit = (told) => (page.keyboard.press("Enter"), says(page, told));
  const useCode = async () => {
    await page.getByText("Use the code").first().waitFor();
    const [name] = await page.getByText("Use the code").allTextContents(); // the newest mail is the first
    await press("button", name);
  };
  const mails = async (count) => page.waitForFunction((n) => document.querySelectorAll("#mails > li").length >= n, count);
  const before = await page.evaluate(async () => (await (await fetch("/_local/mail")).json()).mails.length);

  await press("link", "Open an account");
  await type("Email", "ada");
  await type("Password", "short");
  await page.keyboard.press("Enter");
  await page.getByText("Invalid email").waitFor();
  const focused = await page.evaluate(() => [document.activeElement.name, document.activeElement.ariaInvalid,
    document.getElementById(document.activeElement.getAttribute("aria-describedby")).textContent]);
  assert.deepEqual(focused, ["email", "true", "Invalid email"], "the first field at fault has the focus and says why");
  await page.keyboard.press("Control+A");
  await page.keyboard.type(email);
  await type("Password", PASSWORD);
  await submit("Your account is open.");
  const active = await page.evaluate(() => document.activeElement.textContent);
  assert.equal(active, "Your account", "the focus goes to the heading of the new view");

  await mails(Math.min(before + 1, 20));
  await says(page, "New mail");
  await useCode();
  await submit("The address is verified.");
  await type("Name", "Ada King");
  await submit("The name is changed.");
  await press("button", "Get new tokens");
  await says(page, "The session has new tokens.");
  await type("Present password", "not hers");
  await type("New password", NEW_PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The password is wrong.").waitFor();
  await type("Present password", PASSWORD);
  await type("New password", NEW_PASSWORD);
  await submit("The password is changed");

  const moved = newAddress();
  await type("New email", moved);
  const address = page.locator("form[data-action=changeEmail] input[name=password]");
  await page.keyboard.press("Tab");
  assert.ok(await address.evaluate((element) => element === document.activeElement));
  await page.keyboard.type(NEW_PASSWORD);
  await submit(`A mail to ${moved} is on its way.`);
  await page.locator("#mails > li", { hasText: `to ${moved}` }).first().waitFor();
  const code = await page.locator("#mails > li", { hasText: `to ${moved}` }).getByText("Use the code").first().textContent();
  await press("button", code);
  await submit("The address is changed, and all");

  const saved = page.waitForEvent("download");
  await page.locator("form[data-action=exportData] input").focus();
  await page.keyboard.type(NEW_PASSWORD);
  await submit("is saved.");
  assert.match((await saved).suggestedFilename(), /^latchkey-.*\.json$/);

  await press("button", "Sign out");
  await heading(page, "Log in");
  await press("link", "Forgot the password?");
  await type("Email", moved);
  const resets = page.locator("#mails > li", { hasText: `to ${moved}` });
  const known = await resets.count();
  await submit("a mail with a code is on its way.");
  await page.waitForFunction(([to, n]) => [...document.querySelectorAll("#mails > li")]
    .filter((mail) => mail.textContent.includes(`to ${to}`)).length > n, [moved, known]);
  await useCode();
  await type("New password", "granite meadow 82 lantern");
  await submit("The new password is set.");
  await type("Email", moved);
  await type("Password", "granite meadow 82 lantern");
  await submit(`You are signed in as ${moved}.`);
  await press("button", "Sign out everywhere");
  await says(page, "You are signed out everywhere.");
  await type("Email", moved);
  await type("Password", "granite meadow 82 lantern");
  await submit(`You are signed in as ${moved}.`);
  await page.locator("form[data-action=deleteAccount] input").focus();
  await page.keyboard.type("granite meadow 82 lantern");
  await submit("The account is deleted.");
  await heading(page, "Log in");
  await ada.leave();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1200]) {
    test(`the page fits and can be read: ${colorScheme}, ${width} pixels`, async () => {
      const ada = await visitor({ colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" });
      const page = await ada.open();
      const look = async (name) => {
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(overflow, 0, `${name} does not scroll sideways`);
        const { violations } = await page.evaluate(`${axe}; axe.run()`);
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), [], name);
        await page.screenshot({ path: `${SCREENSHOTS}/${name}-${colorScheme}-${width}.png`, fullPage: true });
      };
      await heading(page, "Log in");
      await look("login");
      await field(page, "Email").fill("ada");
      await click(page, "Log in");
      await page.getByText("Invalid email").waitFor();
      await look("error");
      await register(page, newAddress());
      await page.getByText("Use the code").first().waitFor();
      await page.getByText("This session").waitFor();
      await look("account");
      await ada.leave();
    });
  }
}
