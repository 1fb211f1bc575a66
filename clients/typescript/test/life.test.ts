// An account's life, and what the service refuses, over the wire.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { Client, MemoryStorage, NoAnswer, Problem, Session, SignedOut } from "@latchkey/client";
import { ROUTES } from "../dist/routes.js";
import { codeFor, server } from "./server.js";

const PASSWORD = "correct horse battery staple";
const url = await server();
let people = 0;
const newAddress = (): string => `ada${people++}.${Date.now()}@example.com`;

const refused = async (promise: Promise<unknown>): Promise<Problem> => {
  const error: unknown = await promise.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof Problem, `a problem, not ${error}`);
  return error;
};

test("an account lives from its registration to its deletion", async () => {
  const email = newAddress();
  const session = new Session({ baseUrl: url });
  const told: (string | undefined)[] = [];
  session.onChange((userId) => told.push(userId));

  const user = await session.register({ email, password: PASSWORD, name: "Ada" });
  assert.deepEqual([session.userId, user.emailVerified], [user.id, false]);
  assert.equal((await session.verifyEmail({ code: await codeFor(url, email) })).emailVerified, true);
  const claims = JSON.parse(atob((await session.accessToken()).split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  assert.equal(claims.email_verified, true, "the session has refreshed");
  assert.deepEqual(await session.sendVerificationEmail(), { message: "Email already verified" });
  assert.deepEqual(await session.sendWelcomeEmail(), { message: "Welcome email queued" });
  assert.equal((await session.changeName("Ada King")).name, "Ada King");

  const phone = new Session({ baseUrl: url });
  await phone.login({ email, password: PASSWORD });
  const other = (await session.sessions()).find(({ current }) => !current)!;
  await session.endSession(other.id);
  await session.endSession(other.id);
  await assert.rejects(phone.refresh(), SignedOut);
  assert.equal(phone.userId, undefined);

  await session.changePassword({ currentPassword: PASSWORD, newPassword: "violet harbour 47 teapot" });
  assert.equal((await session.me()).email, email);
  const moved = newAddress();
  await session.changeEmail({ newEmail: moved, password: "violet harbour 47 teapot" });
  await session.confirmEmail({ code: await codeFor(url, moved) });
  assert.equal((await session.me()).email, moved);

  const { flow } = await session.forgotPassword(moved);
  await session.resetPassword({ flow, code: await codeFor(url, moved), newPassword: "granite meadow 82 lantern" });
  await assert.rejects(session.refresh(), SignedOut);
  await session.login({ email: moved, password: "granite meadow 82 lantern" });
  const document = await session.exportAccount({ password: "granite meadow 82 lantern" });
  assert.deepEqual([document.user.email, document.user.name], [moved, "Ada King"]);

  await phone.login({ email: moved, password: "granite meadow 82 lantern" });
  await session.logout({ everywhere: true });
  await assert.rejects(phone.refresh(), SignedOut);
  await session.login({ email: moved, password: "granite meadow 82 lantern" });
  await session.deleteAccount({ password: "granite meadow 82 lantern" });
  await assert.rejects(session.me(), SignedOut);
  assert.equal(await session.client.call("login", { body: { email: moved, password: "granite meadow 82 lantern" } })
    .catch((error: Problem) => error.title), "Invalid credentials");
  const { id } = user;
  assert.deepEqual(told, [id, undefined, id, undefined, id, undefined]);
});

test("the table of routes is the contract's", async () => {
  const { paths } = await (await fetch(`${url}/openapi.json`)).json();
  const described = Object.entries<Record<string, { operationId: string; security?: object[] }>>(paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, { operationId, security }]) =>
      [operationId, [method.toUpperCase(), path, security?.length ? "bearer" : "open"]]));
  assert.deepEqual(Object.fromEntries(described), ROUTES);
});

test("a thin client calls the open routes", async () => {
  const client = new Client({ baseUrl: url });
  assert.equal((await client.call("health")).status, "ok");
  assert.equal((await client.call("openidConfiguration")).issuer, url);
  assert.equal((await client.call("jwks")).keys[0]!.use, "sig");
});

test("a problem names its title, its fields and its request", async () => {
  const session = new Session({ baseUrl: url });
  const problem = await refused(session.register({ email: "ada", password: "short" }));
  assert.ok(problem.is("Validation failed"));
  assert.deepEqual(problem.details.map(({ path, code }) => [path[0], code]), [["email", "invalid_string"], ["password", "too_small"]]);
  assert.match(problem.instance!, /^urn:request:/);

  const email = newAddress();
  await session.register({ email, password: PASSWORD });
  const other = new Session({ baseUrl: url });
  assert.equal((await refused(other.register({ email, password: PASSWORD }))).title, "User already exists");
  assert.equal((await refused(other.login({ email, password: "not hers" }))).title, "Invalid credentials");
  const wrong = session.changePassword({ currentPassword: "not hers", newPassword: "violet harbour 47 teapot" });
  assert.equal((await refused(wrong)).status, 403);
  assert.equal((await session.me()).email, email, "a wrong password does not sign out");
});

test("an unreachable service is no answer, and a missing session is said before anything is sent", async () => {
  const away = new Client({ baseUrl: "http://127.0.0.1:1" });
  await assert.rejects(away.call("health"), NoAnswer);
  const mute = createServer().listen(0, "127.0.0.1");
  await once(mute, "listening");
  const { port } = mute.address() as AddressInfo;
  await assert.rejects(new Client({ baseUrl: `http://127.0.0.1:${port}`, timeout: 10 }).call("health"), NoAnswer);
  mute.close();
  await assert.rejects(new Session({ baseUrl: "http://127.0.0.1:1" }).me(), SignedOut);
});

test("API Gateway's own answers are problems too", async () => {
  const answers = [
    new Response(JSON.stringify({ message: "Too Many Requests" }), { status: 429 }),
    new Response("<html>", { status: 502 }),
  ];
  const client = new Client({ baseUrl: url, fetch: async () => answers.shift()! });
  const first = await refused(client.call("health"));
  assert.deepEqual([first.status, first.title, first.retryAfter], [429, "Too Many Requests", undefined]);
  assert.equal((await refused(client.call("health"))).title, "HTTP 502");
});

test("a storage with other things under the session's key is a signed-out one", async () => {
  for (const text of ["", "{", "null", "7", "{}", '{"userId":"x","accessToken":1}']) {
    const storage = new MemoryStorage();
    storage.setItem("latchkey", text);
    const session = new Session({ baseUrl: url, storage });
    assert.equal(session.userId, undefined, text);
    await assert.rejects(session.me(), SignedOut);
  }
});
