import { Client, type Answer, type Body, type Call, type ClientOptions, type OperationId, type Rest } from "./client.js";
import { systemClock, type Clock } from "./clock.js";
import { Problem } from "./errors.js";
import { TokenKeeper, alreadyExclusive, tokensOf, type Listener } from "./keeper.js";
import { byLease, byWebLocks, type Exclusive, type Locks } from "./lock.js";
import type { components } from "./openapi.js";
import { repeated } from "./repeat.js";
import { ROUTES } from "./routes.js";
import { MemoryStorage, Vault, type Tokens, type TokenStorage } from "./storage.js";

export type User = components["schemas"]["User"];
type SignedIn = components["schemas"]["SignedIn"];

export interface SessionOptions extends ClientOptions {
  /**
   * Where the tokens are. With `localStorage` all tabs share a session, which outlives them. The default is memory. Do not
   * use `sessionStorage`: a browser copies it when it duplicates a tab, and two holders of one token look like a theft.
   */
  storage?: TokenStorage;
  /** The name of the tokens in the storage. */
  key?: string;
  /** Takes the place of `navigator.locks`. With `null`, tabs take turns by a lease in the storage. */
  locks?: Locks | null;
  /** Takes the place of the system's clock, in tests. */
  clock?: Clock;
}

/** Operations that change what the session holds. They have methods of their own. */
type Special =
  "register" | "login" | "refresh" | "logout" | "changePassword" | "confirmEmail" | "resetPassword" | "deleteAccount";

/** A repeated request of these sends one more mail, and makes the earlier code useless. */
const SENDS_MAIL: readonly OperationId[] = ["forgotPassword", "changeEmail", "sendVerificationEmail"];

/**
 * The user's session. It replaces tokens in time, one tab after the other, and sends a request again if its answer was lost.
 *
 * Methods throw a `Problem`, a `NoAnswer` or `SignedOut`.
 */
export class Session {
  readonly client: Client;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;
  readonly #vault: Vault;
  readonly #keeper: TokenKeeper;
  readonly #exclusive: Exclusive;
  /** The last registration whose answer did not come, and its key. */
  #registration: { body: string; key: string } | undefined;

  constructor(options: SessionOptions = {}) {
    this.client = new Client(options);
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#clock = options.clock ?? systemClock;
    this.#vault = new Vault(options.storage ?? new MemoryStorage(), options.key ?? "latchkey");
    this.#keeper = new TokenKeeper(this.client, this.#clock, this.#vault);
    const locks = options.locks === undefined ? (globalThis.navigator as Navigator | undefined)?.locks : options.locks;
    const { storage, key } = this.#vault;
    this.#exclusive = locks ? byWebLocks(locks, `${key}.lock`) : byLease(storage, `${key}.lock`, this.#clock);
  }

  /** The id of the signed-in user. */
  get userId(): string | undefined {
    return this.#keeper.userId;
  }

  /** Calls `listener` when a user signs in or out, in this tab or in another one. Returns a function that ends it. */
  onChange(listener: Listener): () => void {
    return this.#keeper.onChange(listener);
  }

  /** Opens an account. After a `NoAnswer` call it again with the same body: it opens no second account. */
  async register(body: Body<"register">): Promise<User> {
    const text = JSON.stringify(body);
    if (this.#registration?.body !== text) this.#registration = { body: text, key: randomKey() };
    const idempotencyKey = this.#registration.key;
    try {
      const user = await this.#signIn(() => this.client.call("register", { body, idempotencyKey }));
      this.#registration = undefined;
      return user;
    } catch (error) {
      if (error instanceof Problem && error.status < 500) this.#registration = undefined;
      throw error;
    }
  }

  /** Logs in, as a known device if a user has logged in here before. */
  login(body: Omit<Body<"login">, "deviceToken">): Promise<User> {
    return this.#signIn(() => this.client.call("login", { body: { ...body, deviceToken: this.#vault.deviceToken } }));
  }

  /**
   * Signs the user out, in every tab. With `everywhere`, every session of the user ends.
   *
   * An ordinary sign-out forgets the tokens first, so that it works without a connection. Signing out everywhere waits for
   * the service's answer. Without it the user stays signed in, and can try again.
   */
  async logout({ everywhere = false } = {}): Promise<void> {
    const tell = (held: Tokens): Promise<undefined> => repeated(this.#clock, () => this.client.call("logout", {
      body: { refreshToken: held.refreshToken, everywhere },
      keepalive: true,
    }));
    const forgotten = await this.#exclusive(async () => {
      if (everywhere) await tell(this.#keeper.held());
      return this.#keeper.forget();
    });
    if (forgotten && !everywhere) await tell(forgotten);
  }

  /** Asks for a mail with a code and, if the deployment has a page for it, a link. Keep `flow` for the code. */
  forgotPassword(email: string): Promise<Answer<"forgotPassword">> {
    return this.call("forgotPassword", { body: { email, deviceToken: this.#vault.deviceToken } });
  }

  /** Sets a new password. Log in with it afterwards. */
  async resetPassword(body: Body<"resetPassword">): Promise<void> {
    const answer = await repeated(this.#clock, () => this.client.call("resetPassword", { body }));
    this.#vault.deviceToken = answer.deviceToken;
  }

  /** Sets a new password, and goes on with a new session. All others end. */
  changePassword(body: Body<"changePassword">): Promise<User> {
    return this.#renewed("changePassword", body);
  }

  /** Changes the address to the one that got the code, and goes on with a new session. All others end. */
  confirmEmail(body: Body<"confirmEmail">): Promise<User> {
    return this.#renewed("confirmEmail", body);
  }

  /** Deletes the account, and forgets the user. */
  async deleteAccount(body: Body<"deleteAccount">): Promise<void> {
    await this.#exclusive(() => this.#keeper.asUser(alreadyExclusive, async (held) => {
      await this.#send("deleteAccount", { body }, held);
      this.#vault.deviceToken = null;
      this.#keeper.end(held);
    }));
  }

  /** Verifies the address, and gets an access token that says so. */
  async verifyEmail(body: Body<"verifyEmail">): Promise<User> {
    const { user } = await this.call("verifyEmail", { body });
    await this.refresh().catch(() => undefined); // the address is verified all the same
    return user;
  }

  /** Asks to change the address. The answer has the user if only the spelling differs. Otherwise a code was sent. */
  changeEmail(body: Body<"changeEmail">): Promise<Answer<"changeEmail">> {
    return this.call("changeEmail", { body });
  }

  sendVerificationEmail(): Promise<Answer<"sendVerificationEmail">> {
    return this.call("sendVerificationEmail");
  }

  sendWelcomeEmail(): Promise<Answer<"sendWelcomeEmail">> {
    return this.call("sendWelcomeEmail", { idempotencyKey: randomKey() });
  }

  async me(): Promise<User> {
    return (await this.call("me")).user;
  }

  async changeName(name: string | null): Promise<User> {
    return (await this.call("changeName", { body: { name } })).user;
  }

  async sessions(): Promise<Answer<"sessions">["sessions"]> {
    return (await this.call("sessions")).sessions;
  }

  /** Ends a session. One that has ended already is no error. */
  async endSession(id: string): Promise<void> {
    try {
      await this.call("endSession", { path: { id } });
    } catch (error) {
      if (!(error instanceof Problem && error.is("Session not found"))) throw error;
    }
  }

  exportAccount(body: Body<"exportAccount">): Promise<Answer<"exportAccount">> {
    return this.call("exportAccount", { body });
  }

  /** Calls an operation by its id, with the access token if the operation wants one. */
  call<Id extends Exclude<OperationId, Special>>(id: Id, ...rest: Rest<Call<Id>>): Promise<Answer<Id>> {
    const call = rest[0] ?? {};
    if (ROUTES[id][2] === "open") return this.#send(id, call);
    return this.#keeper.asUser(this.#exclusive, (held) => this.#send(id, call, held));
  }

  /** Calls another service with the access token. After a 401 it refreshes and calls once more: the body cannot be a stream. */
  async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const once = (tokens: Tokens): Promise<Response> => {
      const headers = new Headers(init.headers);
      headers.set("Authorization", `Bearer ${tokens.accessToken}`);
      return this.#fetch(url, { ...init, headers });
    };
    const held = await this.#keeper.fresh(this.#exclusive);
    const response = await once(held);
    return response.status === 401 ? once(await this.#keeper.successor(held, this.#exclusive)) : response;
  }

  /** Returns an access token that is valid for a while. */
  async accessToken(): Promise<string> {
    return (await this.#keeper.fresh(this.#exclusive)).accessToken;
  }

  /** Gets new tokens, although the present ones are valid. */
  async refresh(): Promise<void> {
    await this.#keeper.successor(this.#keeper.held(), this.#exclusive);
  }

  /** Sends a request until it is answered. */
  #send<Id extends OperationId>(id: Id, call: object, held?: Tokens): Promise<Answer<Id>> {
    const client = this.client as unknown as { call(id: Id, call: object): Promise<Answer<Id>> };
    const accessToken = held && { accessToken: held.accessToken };
    return repeated(this.#clock, () => client.call(id, { ...call, ...accessToken }), SENDS_MAIL.includes(id));
  }

  async #signIn(request: () => Promise<SignedIn>): Promise<User> {
    return this.#exclusive(async () => {
      const sentAt = this.#clock.now();
      const answer = await repeated(this.#clock, request);
      this.#vault.deviceToken = answer.deviceToken;
      this.#keeper.begin(tokensOf(answer.user.id, answer, sentAt));
      return answer.user;
    });
  }

  /** Sends a request whose answer is a new session in the place of the one that asked. Meanwhile no tab refreshes the old one. */
  #renewed(id: "changePassword" | "confirmEmail", body: object): Promise<User> {
    return this.#exclusive(() => this.#keeper.asUser(alreadyExclusive, async (held) => {
      const sentAt = this.#clock.now();
      const answer: SignedIn = await this.#send(id, { body }, held);
      this.#vault.deviceToken = answer.deviceToken;
      this.#keeper.replace(held, tokensOf(answer.user.id, answer, sentAt));
      return answer.user;
    }));
  }
}

/** Returns a key that is hard to guess. (`crypto.randomUUID` needs HTTPS.) */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
