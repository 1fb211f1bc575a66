import type { Clock } from "./clock.js";
import type { TokenStorage } from "./storage.js";

/** Runs `work` while no other tab runs its own under the same name. */
export type Exclusive = <T>(work: () => Promise<T>) => Promise<T>;

/** The part of `navigator.locks` that is used. */
export type Locks = Pick<LockManager, "request">;

/** The longest that a holder may take, and the longest that others wait: more than the timeout of a request. */
const PATIENCE = 20_000;
/** How long two tabs that write at once need to see each other's lease. */
const SETTLE = 25;

/**
 * Uses Web Locks. After 20 seconds it goes on without the lock: the protocol allows it, and a tab that hangs must not stop the
 * others.
 */
export function byWebLocks(locks: Locks, name: string): Exclusive {
  return async (work) => {
    let isGranted = false;
    try {
      return await locks.request(name, { signal: AbortSignal.timeout(PATIENCE) }, () => {
        isGranted = true;
        return work();
      });
    } catch (error) {
      if (isGranted) throw error;
      return work();
    }
  };
}

/** Uses a lease in the storage, where there are no Web Locks: in Node 20, and in a page without HTTPS. */
export function byLease(storage: TokenStorage, key: string, clock: Clock): Exclusive {
  return async (work) => {
    const lease = await take(storage, key, clock);
    try {
      return await work();
    } finally {
      if (storage.getItem(key) === lease) storage.removeItem(key);
    }
  };
}

/** Writes a lease when no other one is in force, and looks again whether another tab wrote at the same time. */
async function take(storage: TokenStorage, key: string, clock: Clock): Promise<string> {
  const end = clock.now() + PATIENCE;
  for (;;) {
    const left = Number(storage.getItem(key)?.split(" ")[1]) - clock.now();
    const isHeld = left > 0 && left <= PATIENCE; // a longer one is from before the clock was set back
    if (!isHeld) {
      const lease = `${Math.random()} ${clock.now() + PATIENCE}`;
      storage.setItem(key, lease);
      await clock.sleep(SETTLE);
      if (storage.getItem(key) === lease) return lease;
    }
    if (clock.now() >= end) return "";
    await clock.sleep(SETTLE * (1 + Math.random()));
  }
}
