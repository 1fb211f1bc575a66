// What lies between a session and the service: it counts requests and spoils answers. And a clock, and locks, for tabs in one process.

import type { Clock } from "@latchkey/client";

type Fault = (send: () => Promise<Response>) => Promise<Response>;

export class Wire {
  /** Method, path and what was sent, of each request. */
  readonly requests: { path: string; headers: Headers; body: string }[] = [];
  readonly #faults: { path: string; fault: Fault }[] = [];

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { pathname } = new URL(String(input));
    this.requests.push({ path: pathname, headers: new Headers(init.headers), body: String(init.body) });
    const at = this.#faults.findIndex(({ path }) => pathname.endsWith(path));
    const send = (): Promise<Response> => fetch(input, init);
    return at < 0 ? send() : this.#faults.splice(at, 1)[0]!.fault(send);
  };

  count(path: string): number {
    return this.requests.filter((request) => request.path.endsWith(path)).length;
  }

  /** Loses the next answer, after the service has carried the request out. */
  lose(path: string): void {
    this.#next(path, async (send) => {
      await send();
      throw new TypeError("the connection was reset");
    });
  }

  /** Cuts the next answer off in the middle. */
  cut(path: string): void {
    this.#next(path, async (send) => {
      const answer = await send();
      const text = await answer.text();
      return new Response(text.slice(0, text.length / 2), { status: answer.status, headers: answer.headers });
    });
  }

  /** Never reaches the service. */
  drop(path: string): void {
    this.#next(path, async () => {
      throw new TypeError("no connection");
    });
  }

  /** Answers in the service's place. */
  answer(path: string, status: number, title: string, headers: Record<string, string> = {}): void {
    this.#next(path, async () => new Response(JSON.stringify({ title, status }), { status, headers }));
  }

  /** Holds the next answer back until the returned function is called. `arrived` resolves when the service has answered. */
  hold(path: string): { arrived: Promise<void>; release: () => void } {
    const gate = promise();
    const arrived = promise();
    this.#next(path, async (send) => {
      const answer = await send();
      const text = await answer.text();
      arrived.resolve();
      await gate.promise;
      return new Response(text, { status: answer.status, headers: answer.headers });
    });
    return { arrived: arrived.promise, release: gate.resolve };
  }

  #next(path: string, fault: Fault): void {
    this.#faults.push({ path, fault });
  }
}

function promise(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  return { promise: new Promise<void>((done) => (resolve = done)), resolve: () => resolve() };
}

/** Passes by itself, without waiting. Only the short waits of a lease are real, because the service answers in real time. */
export class TestClock implements Clock {
  #ahead = 0;
  readonly slept: number[] = [];

  now(): number {
    return Date.now() + this.#ahead;
  }

  pass(seconds: number): void {
    this.#ahead += seconds * 1_000;
  }

  async sleep(milliseconds: number): Promise<void> {
    const isShort = milliseconds < 100;
    if (!isShort) {
      this.slept.push(milliseconds);
      this.#ahead += milliseconds;
    }
    await new Promise((resolve) => setTimeout(resolve, isShort ? milliseconds : 0));
  }
}

type Ask = (name: string, options: { signal?: AbortSignal }, callback: () => Promise<unknown>) => Promise<unknown>;

/** What `navigator.locks` does, for tabs in one process. */
export function webLocks(): Pick<LockManager, "request"> {
  let last: Promise<unknown> = Promise.resolve();
  const request: Ask = (_name, _options, callback) => {
    const result = last.then(callback);
    last = result.catch(() => undefined);
    return result;
  };
  return { request: request as LockManager["request"] };
}

/** Locks that keep no one out, as if a browser granted one twice. */
export function noLocks(): Pick<LockManager, "request"> {
  const request: Ask = (_name, _options, callback) => callback();
  return { request: request as LockManager["request"] };
}
