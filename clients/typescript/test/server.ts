// `cargo local` for the tests of one file. With LATCHKEY_URL they use one that runs already, with its limits raised.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after } from "node:test";

const LIMITS = {
  REGISTRATIONS_PER_NETWORK: "100000",
  LOGINS_PER_NETWORK: "100000",
  RESET_REQUESTS_PER_NETWORK: "10000",
};

/** Returns the URL of a running `cargo local`, which ends with the tests. */
export async function server(): Promise<string> {
  const { url, stop } = await start();
  after(stop);
  return url;
}

/** Starts a `cargo local` whose limits are high, unless LATCHKEY_URL names one. */
export async function start(): Promise<{ url: string; stop: () => void }> {
  const running = process.env["LATCHKEY_URL"];
  if (running) return { url: running, stop: () => undefined };
  const local = spawn("cargo", ["run", "--quiet", "--package", "tests", "--bin", "local"], {
    cwd: new URL("../../..", import.meta.url),
    env: { ...process.env, ...LIMITS, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface(local.stdout);
  let url = "";
  for await (const line of lines) {
    url = /^Latchkey is at (.*)$/.exec(line)?.[1] ?? url;
    if (line.startsWith("Ctrl-C")) break;
  }
  if (!url) throw new Error("cargo local did not start");
  local.stdout.resume();
  return { url, stop: () => void local.kill("SIGINT") };
}

interface Mail { to: string; text: string }

/** Returns the newest code that was mailed to an address, once the queue is empty. */
export async function codeFor(url: string, address: string): Promise<string> {
  for (;;) {
    const { mails, queued } = await (await fetch(`${url}/_local/mail`)).json() as { mails: Mail[]; queued: number };
    const texts = mails.filter((mail) => mail.to === address).map((mail) => mail.text);
    const codes = texts.flatMap((text) => /(?<![\w-])[0-9A-Z]{4}-[0-9A-Z]{4}(?![\w-])/.exec(text) ?? []);
    const newest = codes.at(-1);
    if (queued === 0 && newest) return newest;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
