import type { Client } from "./client.js";
import type { Clock } from "./clock.js";
import type { Exclusive } from "./lock.js";
import type { components } from "./openapi.js";
import type { Tokens, Vault } from "./storage.js";
/** For work that holds the lock already. */
export declare const alreadyExclusive: Exclusive;
export type Listener = (userId: string | undefined) => void;
/** Holds the tokens, which other tabs change too, and replaces them in time. */
export declare class TokenKeeper {
    #private;
    constructor(client: Client, clock: Clock, vault: Vault);
    get userId(): string | undefined;
    onChange(listener: Listener): () => void;
    /** Tells the app if another user, or none, is signed in by now. */
    look(): void;
    /** Returns the tokens of the user that the app was told of: a request that this user made must not be sent as another one. */
    held(userId?: string | undefined): Tokens;
    /** Starts a session, whatever was held before. */
    begin(tokens: Tokens): void;
    /** Keeps an answer only if what was sent for it is still held. Otherwise a slow answer would replace newer tokens. */
    replace(sent: Tokens, next: Tokens): void;
    /** Forgets tokens that the service takes no more, unless others are held by now. */
    end(sent: Tokens): void;
    /** Forgets whatever is held, and returns it. */
    forget(): Tokens | undefined;
    /** Calls `act` with tokens that are valid for a while. After a 401 it refreshes, and calls `act` once more. */
    asUser<T>(exclusive: Exclusive, act: (tokens: Tokens) => Promise<T>): Promise<T>;
    /** Returns tokens that are valid for a while. If the service cannot give new ones, the present ones do until they expire. */
    fresh(exclusive: Exclusive): Promise<Tokens>;
    /** Returns the tokens that follow `stale`: those that another tab got meanwhile, or new ones. */
    successor(stale: Tokens, exclusive: Exclusive): Promise<Tokens>;
}
/** Reads the tokens of an answer. They expire by this device's clock, counted from when the request was sent. */
export declare function tokensOf(userId: string, answer: components["schemas"]["Refreshed"], sentAt: number): Tokens;
