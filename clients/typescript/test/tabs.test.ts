// Several tabs, lost answers, expiry: what a session does by itself. Tabs are sessions over one storage.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStorage, NoAnswer, Problem, Session, SignedOut, type SessionOptions } from "@latchkey/client";
import { server } from "./server.js";
import { noLocks, TestClock, webLocks, Wire } from "./wire.js";

const PASSWORD = "correct horse battery staple";
const NEW_PASSWORD = "violet harbour 47 teapot";
const url = await server();
let people = 0;

/** A browser with two tabs. Ada is signed in. */
class Browser {
  readonly email = `tabs${people++}.${Date.now()}@example.com`;
  readonly clock = new TestClock();
  readonly storage = new MemoryStorage();
  readonly wire = new Wire();
  readonly slow = new Wire();
  readonly tab: Session;
  readonly other: Session;

  constructor(options: SessionOptions = { locks: webLocks() }) {
    const common = { baseUrl: url, clock: this.clock, storage: this.storage, ...options };
    this.tab = new Session({ ...common, fetch: this.wire.fetch });
    this.other = new Session({ ...common, fetch: this.slow.fetch });
  }

  static async signedIn(options?: SessionOptions): Promise<Browser> {
    const browser = new Browser(options);
    await browser.tab.register({ email: browser.email, password: PASSWORD });
    browser.other.onChange(() => undefined);
    await browser.other.me();
    return browser;
  }

  get tokens(): { accessToken: string; refreshToken: string } {
    return JSON.parse(this.storage.getItem("latchkey") ?? "{}");
  }

  /** Has the service refuse the access token, as it does when the token's session has ended. */
  spoilAccessToken(): void {
    const tokens = { ...this.tokens, accessToken: "eyJ.eyJ.x" };
    this.storage.setItem("latchkey", JSON.stringify(tokens));
  }
}

for (const [name, options] of [
  ["web locks", () => ({ locks: webLocks() })],
  ["a lease in the storage", () => ({ locks: null })],
] as const) {
  test(`with ${name}, tabs that need a new token at once send one refresh`, async () => {
    const browser = await Browser.signedIn(options());
    browser.clock.pass(14.5 * 60);
    await Promise.all([browser.tab.me(), browser.other.me(), browser.tab.sessions(), browser.other.sessions()]);
    assert.equal(browser.wire.count("/refresh") + browser.slow.count("/refresh"), 1);
    assert.equal(await browser.tab.accessToken(), browser.tokens.accessToken);
  });
}

test("a tab that dies with the lease does not stop the others", async () => {
  const browser = await Browser.signedIn({ locks: null });
  for (const left of [60, 3_600_000]) { // soon over, and from before the clock was set back
    browser.storage.setItem("latchkey.lock", `gone ${browser.clock.now() + left}`);
    const held = browser.wire.hold("/refresh");
    const refreshed = browser.tab.refresh();
    await held.arrived;
    assert.doesNotMatch(browser.storage.getItem("latchkey.lock") ?? "gone", /gone/, "the lease is this tab's");
    held.release();
    await refreshed;
    assert.equal(browser.storage.getItem("latchkey.lock"), null);
  }
  browser.storage.setItem("latchkey.lock", `hangs ${browser.clock.now() + 20_000}`);
  const refreshed = browser.tab.refresh();
  browser.clock.pass(21);
  await refreshed;
});

test("a web lock that is never granted does not stop a refresh", async (context) => {
  context.mock.method(AbortSignal, "timeout", (milliseconds: number) => {
    assert.ok(milliseconds >= 15_000);
    return milliseconds === 20_000 ? AbortSignal.abort() : new AbortController().signal;
  });
  const request = async (_: string, options: { signal: AbortSignal }): Promise<never> => options.signal.throwIfAborted() as never;
  const browser = await Browser.signedIn({ locks: { request: request as unknown as LockManager["request"] } });
  await browser.tab.refresh();
});

test("without any lock a slow answer does not replace newer tokens", async () => {
  const browser = await Browser.signedIn({ locks: noLocks() });
  const held = browser.slow.hold("/refresh");
  const slow = browser.other.refresh();
  await held.arrived;
  await browser.tab.refresh(); // the same successor
  await browser.tab.refresh(); // and the one after it
  const newest = browser.tokens;
  held.release();
  await slow;
  assert.deepEqual(browser.tokens, newest);
  await browser.other.refresh();
  assert.notEqual(browser.tab.userId, undefined);
});

test("a slow answer does not sign in a user who has signed out meanwhile", async () => {
  const browser = await Browser.signedIn({ locks: noLocks() });
  const held = browser.slow.hold("/refresh");
  const slow = browser.other.refresh();
  await held.arrived;
  await browser.tab.logout();
  held.release();
  await assert.rejects(slow, SignedOut);
  assert.equal(browser.storage.getItem("latchkey"), null);
});

test("a slow refusal does not sign out a user who has signed in again meanwhile", async () => {
  const browser = await Browser.signedIn({ locks: noLocks() });
  await new Session({ baseUrl: url }).client.call("logout", { body: { refreshToken: browser.tokens.refreshToken } });
  const held = browser.slow.hold("/refresh");
  const slow = browser.other.refresh();
  await held.arrived;
  await browser.tab.login({ email: browser.email, password: PASSWORD });
  held.release();
  await slow;
  assert.equal((await browser.other.me()).email, browser.email);
});

for (const fault of ["lose", "cut", "drop"] as const) {
  test(`a refresh recovers after an answer is gone (${fault})`, async () => {
    const browser = await Browser.signedIn();
    browser.wire[fault]("/refresh");
    await browser.tab.refresh();
    await browser.tab.refresh();
    assert.equal((await browser.tab.me()).email, browser.email);
    const sent = browser.wire.requests.filter(({ path }) => path.endsWith("/refresh")).map(({ body }) => body);
    assert.equal(sent[0], sent[1], "the same token is sent again");
    assert.equal(sent.length, 3);
  });
}

test("a refresh whose answers are all lost is no sign-out, and works later", async () => {
  const browser = await Browser.signedIn();
  for (let n = 0; n < 4; n++) browser.wire.lose("/refresh");
  await assert.rejects(browser.tab.refresh(), NoAnswer);
  browser.clock.pass(3_600);
  assert.equal((await browser.tab.me()).email, browser.email);
});

test("an account is opened once although the answer is lost, by the session or by the user's next try", async () => {
  const browser = new Browser();
  const body = { email: browser.email, password: PASSWORD };
  for (let n = 0; n < 5; n++) browser.wire.lose("/register");
  await assert.rejects(browser.tab.register(body), NoAnswer);
  const user = await browser.tab.register(body);
  assert.equal(user.email, browser.email);
  const keys = () => new Set(browser.wire.requests.map(({ headers }) => headers.get("Idempotency-Key")));
  assert.equal(keys().size, 1);
  await assert.rejects(browser.tab.register({ ...body, name: "Ada" }), Problem);
  assert.equal(keys().size, 2, "another registration has another key");
});

test("a password is changed once although the answer is lost, and the session goes on", async () => {
  const browser = await Browser.signedIn();
  browser.wire.lose("/password/change");
  browser.wire.cut("/password/change");
  await browser.tab.changePassword({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD });
  await browser.tab.refresh();
  assert.equal((await browser.other.me()).email, browser.email);
});

test("an account is deleted although the answer is lost", async () => {
  const browser = await Browser.signedIn();
  browser.wire.lose("/account/delete");
  await browser.tab.deleteAccount({ password: PASSWORD });
  await assert.rejects(browser.other.me(), SignedOut);
});

test("a tab does not refresh while another one changes the password", async () => {
  const browser = await Browser.signedIn();
  const held = browser.wire.hold("/password/change");
  const changed = browser.tab.changePassword({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD });
  await held.arrived; // the old session has ended by now
  browser.clock.pass(14.5 * 60);
  const read = browser.other.me();
  held.release();
  await changed;
  assert.equal((await read).email, browser.email);
  assert.equal(browser.slow.count("/refresh"), 0);
});

test("a request that would send another mail is not repeated", async () => {
  const browser = await Browser.signedIn();
  browser.wire.lose("/email/verification");
  await assert.rejects(browser.tab.sendVerificationEmail(), NoAnswer);
  assert.equal(browser.wire.count("/email/verification"), 1);
});

test("a token that the service refuses is replaced once, and the request repeated once", async () => {
  const browser = await Browser.signedIn();
  browser.spoilAccessToken();
  assert.equal((await browser.tab.me()).email, browser.email);
  assert.deepEqual([browser.wire.count("/refresh"), browser.wire.count("/me")], [1, 2]);
});

test("a service that refuses every token is asked twice, and no more", async () => {
  const browser = await Browser.signedIn();
  for (let n = 0; n < 9; n++) browser.wire.answer("/me", 401, "Invalid token");
  await assert.rejects(browser.tab.me(), Problem);
  assert.deepEqual([browser.wire.count("/refresh"), browser.wire.count("/me")], [1, 2]);
  for (let n = 0; n < 9; n++) browser.wire.answer("/orders", 401, "no");
  assert.equal((await browser.tab.fetch(`${url}/orders`)).status, 401);
  assert.equal(browser.wire.count("/orders"), 2);
});

test("an expired token is replaced before another service sees it", async () => {
  const browser = await Browser.signedIn();
  browser.clock.pass(3_600);
  assert.equal((await browser.tab.fetch(`${url}/api/auth/me`)).status, 200);
  assert.deepEqual([browser.wire.count("/refresh"), browser.wire.count("/me")], [1, 1]);
  browser.spoilAccessToken();
  assert.equal((await browser.tab.fetch(`${url}/api/auth/me`)).status, 200);
  assert.deepEqual([browser.wire.count("/refresh"), browser.wire.count("/me")], [2, 3]);
});

test("a session that ended elsewhere signs out once, and both tabs are told", async () => {
  const browser = await Browser.signedIn();
  const told: string[] = [];
  browser.tab.onChange((userId) => told.push(`tab ${userId}`));
  browser.other.onChange((userId) => told.push(`other ${userId}`));
  await browser.tab.client.call("logout", { body: { refreshToken: browser.tokens.refreshToken } });
  await assert.rejects(browser.tab.changeName("Ada"), SignedOut);
  await assert.rejects(browser.other.me(), SignedOut);
  assert.deepEqual(told, ["tab undefined", "other undefined"]);
  assert.equal(browser.wire.count("/refresh"), 1);
});

test("a deleted account signs out", async () => {
  const browser = await Browser.signedIn();
  const phone = new Session({ baseUrl: url });
  await phone.login({ email: browser.email, password: PASSWORD });
  await phone.deleteAccount({ password: PASSWORD });
  const error: unknown = await browser.tab.me().catch((error: unknown) => error);
  assert.ok(error instanceof Problem && error.is("User not found"));
  assert.equal(browser.tab.userId, undefined);
});

test("a request of one user is never sent as another one", async () => {
  const browser = await Browser.signedIn();
  const grace = { email: `grace.${browser.email}`, password: PASSWORD };
  const first = browser.tokens;
  await browser.tab.register(grace);
  await assert.rejects(browser.other.changeName("Ada"), SignedOut); // this tab still shows Ada
  assert.equal((await browser.other.me()).email, grace.email, "it has been told of Grace by now");

  browser.storage.setItem("latchkey", JSON.stringify({ ...first, accessToken: "eyJ.eyJ.x" }));
  const held = browser.wire.hold("/me");
  const tab = browser.tab.me().catch(() => browser.tab.me()); // told of Ada, then as Ada
  await held.arrived;
  await browser.other.login(grace);
  held.release();
  await assert.rejects(tab, SignedOut);
  assert.equal(browser.wire.requests.at(-1)!.headers.get("Authorization"), "Bearer eyJ.eyJ.x");
});

test("a short Retry-After is waited for, a long one is told and kept", async () => {
  const browser = await Browser.signedIn();
  browser.wire.answer("/me", 503, "Service unavailable", { "Retry-After": "2" });
  await browser.tab.me();
  assert.deepEqual(browser.clock.slept, [2_000]);

  browser.clock.pass(3_600);
  browser.wire.answer("/refresh", 503, "Service unavailable", { "Retry-After": "60" });
  for (let n = 0; n < 3; n++) {
    const error: unknown = await browser.tab.me().catch((error: unknown) => error);
    assert.ok(error instanceof Problem && error.retryAfter === 60);
  }
  assert.equal(browser.wire.count("/refresh"), 1, "nothing is sent before its time");
  browser.clock.pass(61);
  assert.equal((await browser.tab.me()).email, browser.email);

  browser.wire.answer("/login", 429, "Too many requests", { "Retry-After": "900" });
  await assert.rejects(browser.tab.login({ email: browser.email, password: PASSWORD }), { retryAfter: 900 });
  assert.equal(browser.wire.count("/login"), 1);
});

test("a token in its last minute still does if the service has no new one", async () => {
  const browser = await Browser.signedIn();
  browser.clock.pass(14.5 * 60);
  browser.wire.answer("/refresh", 503, "Service unavailable", { "Retry-After": "60" });
  assert.equal((await browser.tab.me()).email, browser.email);
});

test("the device token outlives a sign-out, and goes with the next login and the next reset", async () => {
  const browser = await Browser.signedIn();
  await browser.tab.logout();
  await browser.tab.forgotPassword(browser.email);
  await browser.tab.login({ email: browser.email, password: PASSWORD });
  for (const path of ["/password/forgot", "/login"]) {
    const { body } = browser.wire.requests.find((request) => request.path.endsWith(path))!;
    assert.match(JSON.parse(body).deviceToken, /^lkd1\./, path);
  }
});

test("a sign-out works without a connection, but one everywhere does not pretend", async () => {
  const browser = await Browser.signedIn();
  for (let n = 0; n < 8; n++) browser.wire.drop("/logout");
  await assert.rejects(browser.tab.logout({ everywhere: true }), NoAnswer);
  assert.notEqual(browser.tab.userId, undefined);
  await assert.rejects(browser.tab.logout(), NoAnswer);
  assert.equal(browser.tab.userId, undefined);
  await assert.rejects(browser.other.me(), SignedOut);
});
