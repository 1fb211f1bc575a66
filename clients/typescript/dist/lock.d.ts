import type { Clock } from "./clock.js";
import type { TokenStorage } from "./storage.js";
/** Runs `work` while no other tab runs its own under the same name. */
export type Exclusive = <T>(work: () => Promise<T>) => Promise<T>;
/** The part of `navigator.locks` that is used. */
export type Locks = Pick<LockManager, "request">;
/**
 * Uses Web Locks. After 20 seconds it goes on without the lock: the protocol allows it, and a tab that hangs must not stop the
 * others.
 */
export declare function byWebLocks(locks: Locks, name: string): Exclusive;
/** Uses a lease in the storage, where there are no Web Locks: in Node 20, and in a page without HTTPS. */
export declare function byLease(storage: TokenStorage, key: string, clock: Clock): Exclusive;
