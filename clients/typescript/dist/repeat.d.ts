import type { Clock } from "./clock.js";
/**
 * Tries again after a lost answer, a failure of the service and a short `Retry-After`.
 *
 * With `onlyRefused` it tries again only if the service refused: a second request would do more than the first one.
 */
export declare function repeated<T>(clock: Clock, attempt: () => Promise<T>, onlyRefused?: boolean): Promise<T>;
