// Takes the session's guards out, one by one, and expects the tests to fail each time. It wants `npm test` to have been run. A word
// picks the guards whose names have it.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { start } from "../build/server.js";

/** A guard, the file that has it, its code, and the code without it. */
const GUARDS = [
  ["one refresh at a time", "session.js", "this.#exclusive = locks ?", "this.#exclusive = alreadyExclusive; locks ?"],
  ["the tokens of another tab are used", "keeper.js", "if (held.accessToken !== stale.accessToken)", "if (false)"],
  ["an answer is kept only for the token that is held", "keeper.js",
    "if (this.#vault.read()?.refreshToken === sent.refreshToken)\n            this.#vault.write(next)", "this.#vault.write(next)"],
  ["a refusal ends only the tokens that were sent", "keeper.js",
    "if (this.#vault.read()?.refreshToken === sent.refreshToken)\n            this.#vault.clear()", "this.#vault.clear()"],
  ["a request of one user is not sent as another", "keeper.js", "tokens.userId !== (userId ?? tokens.userId)", "false"],
  ["a deleted account signs out", "keeper.js", "error.is(\"User not found\")", "false"],
  ["a token is replaced before it expires", "keeper.js", "if (left > MARGIN)", "if (true)"],
  ["a token in its last minute still does", "keeper.js", "error instanceof SignedOut || left <= 0", "true"],
  ["a 401 refreshes", "keeper.js", "if (!(error instanceof Problem && error.status === 401))\n                throw error;\n            return",
    "throw error;\n            return"],
  ["a second 401 is final", "keeper.js", "return this.#acting(await this.successor(tokens, exclusive), act)",
    "await this.successor(tokens, exclusive); return this.asUser(exclusive, act)"],
  ["a long Retry-After is kept", "keeper.js", "if (this.#pause &&", "if (false &&"],
  ["a short Retry-After is waited for", "repeat.js", "error.retryAfter * 1_000 :", "0 :"],
  ["a long Retry-After is told", "repeat.js", "error.retryAfter <= LONGEST", "true"],
  ["a lost answer is asked for again", "repeat.js", "if (error instanceof NoAnswer)\n        return wait;", ""],
  ["half an answer is none", "client.js", "if (body === undefined)\n            throw", "if (false)\n            throw"],
  ["a mail is not sent again", "session.js", "SENDS_MAIL.includes(id)", "false"],
  ["a registration has a key", "session.js", "{ body, idempotencyKey }", "{ body }"],
  ["a repeated registration has the same key", "session.js", "if (this.#registration?.body !== text)", ""],
  ["no refresh while the session is replaced", "session.js", "return this.#exclusive(() => this.#keeper.asUser(alreadyExclusive",
    "return alreadyExclusive(() => this.#keeper.asUser(this.#exclusive"],
  ["the device token is sent", "session.js", "...body, deviceToken: this.#vault.deviceToken", "...body"],
  ["a sign-out works without a connection", "session.js", "if (everywhere)\n                await tell", "if (true)\n                await tell"],
  ["a sign-out everywhere waits for its answer", "session.js", "if (everywhere)\n                await tell", "if (false)\n                await tell"],
  ["a dead tab's lease ends", "lock.js", "left > 0 &&", "!(left > PATIENCE) &&"],
  ["a tab that hangs does not stop the others", "lock.js", "return work();\n        }\n    };\n}\n/** Uses a lease",
    "throw error;\n        }\n    };\n}\n/** Uses a lease"],
];

const chosen = GUARDS.filter(([name]) => name.includes(process.argv[2] ?? ""));
const here = new URL("..", import.meta.url).pathname;
const { url, stop } = await start();
const folder = await mkdtemp(join(tmpdir(), "guards-"));
for (const part of ["package.json", "dist", "build"]) await cp(join(here, part), join(folder, part), { recursive: true });

/** Runs the tests of the copy. A test that waits for ever fails too. */
const passes = () => promisify(execFile)("node", ["--test", "--test-timeout=90000", join(folder, "build/tabs.test.js")],
  { env: { ...process.env, LATCHKEY_URL: url } })
  .then(() => true, () => false);

let survived = 0;
try {
  if (!(await passes())) throw new Error("the tests fail with all guards in place");
  for (const [name, file, code, without] of chosen) {
    const path = join(folder, "dist", file);
    const text = await readFile(path, "utf8");
    if (text.split(code).length !== 2) throw new Error(`${name}: its code is not once in dist/${file}`);
    await writeFile(path, text.replace(code, () => without));
    const isMissed = await passes();
    if (isMissed) survived++;
    console.log(`${isMissed ? "NOT CAUGHT" : "caught"}: without "${name}"`);
    await writeFile(path, text);
  }
} finally {
  await rm(folder, { recursive: true });
  stop();
}
console.log(`${chosen.length - survived} of ${chosen.length} caught`);
process.exitCode = survived ? 1 : 0;
