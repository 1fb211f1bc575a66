import { Client, type Answer, type Body, type Call, type ClientOptions, type OperationId, type Rest } from "./client.js";
import { type Clock } from "./clock.js";
import { type Listener } from "./keeper.js";
import { type Locks } from "./lock.js";
import type { components } from "./openapi.js";
import { type TokenStorage } from "./storage.js";
export type User = components["schemas"]["User"];
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
type Special = "register" | "login" | "refresh" | "logout" | "changePassword" | "confirmEmail" | "resetPassword" | "deleteAccount";
/**
 * The user's session. It replaces tokens in time, one tab after the other, and sends a request again if its answer was lost.
 *
 * Methods throw a `Problem`, a `NoAnswer` or `SignedOut`.
 */
export declare class Session {
    #private;
    readonly client: Client;
    constructor(options?: SessionOptions);
    /** The id of the signed-in user. */
    get userId(): string | undefined;
    /** Calls `listener` when a user signs in or out, in this tab or in another one. Returns a function that ends it. */
    onChange(listener: Listener): () => void;
    /** Opens an account. After a `NoAnswer` call it again with the same body: it opens no second account. */
    register(body: Body<"register">): Promise<User>;
    /** Logs in, as a known device if a user has logged in here before. */
    login(body: Omit<Body<"login">, "deviceToken">): Promise<User>;
    /**
     * Signs the user out, in every tab. With `everywhere`, every session of the user ends.
     *
     * An ordinary sign-out forgets the tokens first, so that it works without a connection. Signing out everywhere waits for
     * the service's answer. Without it the user stays signed in, and can try again.
     */
    logout({ everywhere }?: {
        everywhere?: boolean | undefined;
    }): Promise<void>;
    /** Asks for a mail with a code and, if the deployment has a page for it, a link. Keep `flow` for the code. */
    forgotPassword(email: string): Promise<Answer<"forgotPassword">>;
    /** Sets a new password. Log in with it afterwards. */
    resetPassword(body: Body<"resetPassword">): Promise<void>;
    /** Sets a new password, and goes on with a new session. All others end. */
    changePassword(body: Body<"changePassword">): Promise<User>;
    /** Changes the address to the one that got the code, and goes on with a new session. All others end. */
    confirmEmail(body: Body<"confirmEmail">): Promise<User>;
    /** Deletes the account, and forgets the user. */
    deleteAccount(body: Body<"deleteAccount">): Promise<void>;
    /** Verifies the address, and gets an access token that says so. */
    verifyEmail(body: Body<"verifyEmail">): Promise<User>;
    /** Asks to change the address. The answer has the user if only the spelling differs. Otherwise a code was sent. */
    changeEmail(body: Body<"changeEmail">): Promise<Answer<"changeEmail">>;
    sendVerificationEmail(): Promise<Answer<"sendVerificationEmail">>;
    sendWelcomeEmail(): Promise<Answer<"sendWelcomeEmail">>;
    me(): Promise<User>;
    changeName(name: string | null): Promise<User>;
    sessions(): Promise<Answer<"sessions">["sessions"]>;
    /** Ends a session. One that has ended already is no error. */
    endSession(id: string): Promise<void>;
    exportAccount(body: Body<"exportAccount">): Promise<Answer<"exportAccount">>;
    /** Calls an operation by its id, with the access token if the operation wants one. */
    call<Id extends Exclude<OperationId, Special>>(id: Id, ...rest: Rest<Call<Id>>): Promise<Answer<Id>>;
    /** Calls another service with the access token. After a 401 it refreshes and calls once more: the body cannot be a stream. */
    fetch(url: string | URL, init?: RequestInit): Promise<Response>;
    /** Returns an access token that is valid for a while. */
    accessToken(): Promise<string>;
    /** Gets new tokens, although the present ones are valid. */
    refresh(): Promise<void>;
}
export {};
