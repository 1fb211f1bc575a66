import { Client } from "./client.js";
import { systemClock } from "./clock.js";
import { Problem } from "./errors.js";
import { TokenKeeper, alreadyExclusive, tokensOf } from "./keeper.js";
import { byLease, byWebLocks } from "./lock.js";
import { repeated } from "./repeat.js";
import { ROUTES } from "./routes.js";
import { MemoryStorage, Vault } from "./storage.js";
/** A repeated request of these sends one more mail, and makes the earlier code useless. */
const SENDS_MAIL = ["forgotPassword", "changeEmail", "sendVerificationEmail"];
/**
 * The user's session. It replaces tokens in time, one tab after the other, and sends a request again if its answer was lost.
 *
 * Methods throw a `Problem`, a `NoAnswer` or `SignedOut`.
 */
export class Session {
    client;
    #fetch;
    #clock;
    #vault;
    #keeper;
    #exclusive;
    /** The last registration whose answer did not come, and its key. */
    #registration;
    constructor(options = {}) {
        this.client = new Client(options);
        this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
        this.#clock = options.clock ?? systemClock;
        this.#vault = new Vault(options.storage ?? new MemoryStorage(), options.key ?? "latchkey");
        this.#keeper = new TokenKeeper(this.client, this.#clock, this.#vault);
        const locks = options.locks === undefined ? globalThis.navigator?.locks : options.locks;
        const { storage, key } = this.#vault;
        this.#exclusive = locks ? byWebLocks(locks, `${key}.lock`) : byLease(storage, `${key}.lock`, this.#clock);
    }
    /** The id of the signed-in user. */
    get userId() {
        return this.#keeper.userId;
    }
    /** Calls `listener` when a user signs in or out, in this tab or in another one. Returns a function that ends it. */
    onChange(listener) {
        return this.#keeper.onChange(listener);
    }
    /** Opens an account. After a `NoAnswer` call it again with the same body: it opens no second account. */
    async register(body) {
        const text = JSON.stringify(body);
        if (this.#registration?.body !== text)
            this.#registration = { body: text, key: randomKey() };
        const idempotencyKey = this.#registration.key;
        try {
            const user = await this.#signIn(() => this.client.call("register", { body, idempotencyKey }));
            this.#registration = undefined;
            return user;
        }
        catch (error) {
            if (error instanceof Problem && error.status < 500)
                this.#registration = undefined;
            throw error;
        }
    }
    /** Logs in, as a known device if a user has logged in here before. */
    login(body) {
        return this.#signIn(() => this.client.call("login", { body: { ...body, deviceToken: this.#vault.deviceToken } }));
    }
    /**
     * Signs the user out, in every tab. With `everywhere`, every session of the user ends.
     *
     * An ordinary sign-out forgets the tokens first, so that it works without a connection. Signing out everywhere waits for
     * the service's answer. Without it the user stays signed in, and can try again.
     */
    async logout({ everywhere = false } = {}) {
        const tell = (held) => repeated(this.#clock, () => this.client.call("logout", {
            body: { refreshToken: held.refreshToken, everywhere },
            keepalive: true,
        }));
        const forgotten = await this.#exclusive(async () => {
            if (everywhere)
                await tell(this.#keeper.held());
            return this.#keeper.forget();
        });
        if (forgotten && !everywhere)
            await tell(forgotten);
    }
    /** Asks for a mail with a code and, if the deployment has a page for it, a link. Keep `flow` for the code. */
    forgotPassword(email) {
        return this.call("forgotPassword", { body: { email, deviceToken: this.#vault.deviceToken } });
    }
    /** Sets a new password. Log in with it afterwards. */
    async resetPassword(body) {
        const answer = await repeated(this.#clock, () => this.client.call("resetPassword", { body }));
        this.#vault.deviceToken = answer.deviceToken;
    }
    /** Sets a new password, and goes on with a new session. All others end. */
    changePassword(body) {
        return this.#renewed("changePassword", body);
    }
    /** Changes the address to the one that got the code, and goes on with a new session. All others end. */
    confirmEmail(body) {
        return this.#renewed("confirmEmail", body);
    }
    /** Deletes the account, and forgets the user. */
    async deleteAccount(body) {
        await this.#exclusive(() => this.#keeper.asUser(alreadyExclusive, async (held) => {
            await this.#send("deleteAccount", { body }, held);
            this.#vault.deviceToken = null;
            this.#keeper.end(held);
        }));
    }
    /** Verifies the address, and gets an access token that says so. */
    async verifyEmail(body) {
        const { user } = await this.call("verifyEmail", { body });
        await this.refresh().catch(() => undefined); // the address is verified all the same
        return user;
    }
    /** Asks to change the address. The answer has the user if only the spelling differs. Otherwise a code was sent. */
    changeEmail(body) {
        return this.call("changeEmail", { body });
    }
    sendVerificationEmail() {
        return this.call("sendVerificationEmail");
    }
    sendWelcomeEmail() {
        return this.call("sendWelcomeEmail", { idempotencyKey: randomKey() });
    }
    async me() {
        return (await this.call("me")).user;
    }
    async changeName(name) {
        return (await this.call("changeName", { body: { name } })).user;
    }
    async sessions() {
        return (await this.call("sessions")).sessions;
    }
    /** Ends a session. One that has ended already is no error. */
    async endSession(id) {
        try {
            await this.call("endSession", { path: { id } });
        }
        catch (error) {
            if (!(error instanceof Problem && error.is("Session not found")))
                throw error;
        }
    }
    exportAccount(body) {
        return this.call("exportAccount", { body });
    }
    /** Calls an operation by its id, with the access token if the operation wants one. */
    call(id, ...rest) {
        const call = rest[0] ?? {};
        if (ROUTES[id][2] === "open")
            return this.#send(id, call);
        return this.#keeper.asUser(this.#exclusive, (held) => this.#send(id, call, held));
    }
    /** Calls another service with the access token. After a 401 it refreshes and calls once more: the body cannot be a stream. */
    async fetch(url, init = {}) {
        const once = (tokens) => {
            const headers = new Headers(init.headers);
            headers.set("Authorization", `Bearer ${tokens.accessToken}`);
            return this.#fetch(url, { ...init, headers });
        };
        const held = await this.#keeper.fresh(this.#exclusive);
        const response = await once(held);
        return response.status === 401 ? once(await this.#keeper.successor(held, this.#exclusive)) : response;
    }
    /** Returns an access token that is valid for a while. */
    async accessToken() {
        return (await this.#keeper.fresh(this.#exclusive)).accessToken;
    }
    /** Gets new tokens, although the present ones are valid. */
    async refresh() {
        await this.#keeper.successor(this.#keeper.held(), this.#exclusive);
    }
    /** Sends a request until it is answered. */
    #send(id, call, held) {
        const client = this.client;
        const accessToken = held && { accessToken: held.accessToken };
        return repeated(this.#clock, () => client.call(id, { ...call, ...accessToken }), SENDS_MAIL.includes(id));
    }
    async #signIn(request) {
        return this.#exclusive(async () => {
            const sentAt = this.#clock.now();
            const answer = await repeated(this.#clock, request);
            this.#vault.deviceToken = answer.deviceToken;
            this.#keeper.begin(tokensOf(answer.user.id, answer, sentAt));
            return answer.user;
        });
    }
    /** Sends a request whose answer is a new session in the place of the one that asked. Meanwhile no tab refreshes the old one. */
    #renewed(id, body) {
        return this.#exclusive(() => this.#keeper.asUser(alreadyExclusive, async (held) => {
            const sentAt = this.#clock.now();
            const answer = await this.#send(id, { body }, held);
            this.#vault.deviceToken = answer.deviceToken;
            this.#keeper.replace(held, tokensOf(answer.user.id, answer, sentAt));
            return answer.user;
        }));
    }
}
/** Returns a key that is hard to guess. (`crypto.randomUUID` needs HTTPS.) */
function randomKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
