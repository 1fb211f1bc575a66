import type { Client } from "./client.js";
import type { Clock } from "./clock.js";
import { Problem, SignedOut } from "./errors.js";
import type { Exclusive } from "./lock.js";
import type { components } from "./openapi.js";
import { repeated } from "./repeat.js";
import type { Tokens, Vault } from "./storage.js";

/** How long before its end an access token is replaced, in milliseconds. */
const MARGIN = 60_000;

/** For work that holds the lock already. */
export const alreadyExclusive: Exclusive = (work) => work();

export type Listener = (userId: string | undefined) => void;

/** Holds the tokens, which other tabs change too, and replaces them in time. */
export class TokenKeeper {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #vault: Vault;
  readonly #listeners = new Set<Listener>();
  /** The user that the app was told of. */
  #userId: string | undefined;
  /** Until when the service wants no refresh, and how it said so. */
  #pause: { until: number; problem: Problem } | undefined;

  constructor(client: Client, clock: Clock, vault: Vault) {
    this.#client = client;
    this.#clock = clock;
    this.#vault = vault;
    this.#userId = vault.read()?.userId;
    if (typeof document === "undefined") return;
    // A page that slept got no events of the storage, so it looks when it wakes up.
    for (const type of ["storage", "pageshow", "focus"]) addEventListener(type, () => this.look());
    document.addEventListener("visibilitychange", () => this.look());
  }

  get userId(): string | undefined {
    return this.#userId;
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the app if another user, or none, is signed in by now. */
  look(): void {
    const userId = this.#vault.read()?.userId;
    if (userId === this.#userId) return;
    this.#userId = userId;
    for (const listener of this.#listeners) queueMicrotask(() => listener(userId));
  }

  /** Returns the tokens of the user that the app was told of: a request that this user made must not be sent as another one. */
  held(userId = this.#userId): Tokens {
    this.look();
    const tokens = this.#vault.read();
    if (tokens === undefined || tokens.userId !== (userId ?? tokens.userId)) throw new SignedOut();
    return tokens;
  }

  /** Starts a session, whatever was held before. */
  begin(tokens: Tokens): void {
    this.#vault.write(tokens);
    this.look();
  }

  /** Keeps an answer only if what was sent for it is still held. Otherwise a slow answer would replace newer tokens. */
  replace(sent: Tokens, next: Tokens): void {
    if (this.#vault.read()?.refreshToken === sent.refreshToken) this.#vault.write(next);
    this.look();
  }

  /** Forgets tokens that the service takes no more, unless others are held by now. */
  end(sent: Tokens): void {
    if (this.#vault.read()?.refreshToken === sent.refreshToken) this.#vault.clear();
    this.look();
  }

  /** Forgets whatever is held, and returns it. */
  forget(): Tokens | undefined {
    const tokens = this.#vault.read();
    this.#vault.clear();
    this.look();
    return tokens;
  }

  /** Calls `act` with tokens that are valid for a while. After a 401 it refreshes, and calls `act` once more. */
  async asUser<T>(exclusive: Exclusive, act: (tokens: Tokens) => Promise<T>): Promise<T> {
    const tokens = await this.fresh(exclusive);
    try {
      return await this.#acting(tokens, act);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      return this.#acting(await this.successor(tokens, exclusive), act);
    }
  }

  async #acting<T>(tokens: Tokens, act: (tokens: Tokens) => Promise<T>): Promise<T> {
    try {
      return await act(tokens);
    } catch (error) {
      if (error instanceof Problem && error.is("User not found")) this.end(tokens);
      throw error;
    }
  }

  /** Returns tokens that are valid for a while. If the service cannot give new ones, the present ones do until they expire. */
  async fresh(exclusive: Exclusive): Promise<Tokens> {
    const held = this.held();
    const left = held.expiresAt - this.#clock.now();
    if (left > MARGIN) return held;
    try {
      return await this.successor(held, exclusive);
    } catch (error) {
      if (error instanceof SignedOut || left <= 0) throw error;
      return held;
    }
  }

  /** Returns the tokens that follow `stale`: those that another tab got meanwhile, or new ones. */
  async successor(stale: Tokens, exclusive: Exclusive): Promise<Tokens> {
    if (this.#pause && this.#clock.now() < this.#pause.until) throw this.#pause.problem;
    try {
      return await repeated(this.#clock, () => exclusive(() => this.#refresh(stale)));
    } catch (error) {
      if (error instanceof Problem && error.retryAfter !== undefined) {
        this.#pause = { until: this.#clock.now() + error.retryAfter * 1_000, problem: error };
      }
      throw error;
    }
  }

  async #refresh(stale: Tokens): Promise<Tokens> {
    const held = this.held(stale.userId);
    if (held.accessToken !== stale.accessToken) return held;
    const sentAt = this.#clock.now();
    try {
      const answer = await this.#client.call("refresh", { body: { refreshToken: held.refreshToken } });
      this.replace(held, tokensOf(held.userId, answer, sentAt));
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      this.end(held);
    }
    return this.held(stale.userId);
  }
}

/** Reads the tokens of an answer. They expire by this device's clock, counted from when the request was sent. */
export function tokensOf(userId: string, answer: components["schemas"]["Refreshed"], sentAt: number): Tokens {
  const { accessToken, refreshToken, expiresIn } = answer;
  return { userId, accessToken, refreshToken, expiresAt: sentAt + expiresIn * 1_000 };
}
