import { NoAnswer, Problem } from "./errors.js";
/** The waits before the second, third and fourth try after a lost answer, in milliseconds. */
const WAITS = [300, 1_000, 3_000];
/** The longest `Retry-After` that is waited for. The app is told of longer ones. */
const LONGEST = 10;
/**
 * Tries again after a lost answer, a failure of the service and a short `Retry-After`.
 *
 * With `onlyRefused` it tries again only if the service refused: a second request would do more than the first one.
 */
export async function repeated(clock, attempt, onlyRefused = false) {
    for (const wait of WAITS) {
        try {
            return await attempt();
        }
        catch (error) {
            const pause = pauseAfter(error, wait, onlyRefused);
            if (pause === undefined)
                throw error;
            await clock.sleep(pause);
        }
    }
    return attempt();
}
/** Returns how many milliseconds to wait before the next try, or `undefined` if there is to be none. */
function pauseAfter(error, wait, onlyRefused) {
    const isRefused = error instanceof Problem && error.status === 429;
    if (onlyRefused && !isRefused)
        return undefined;
    if (error instanceof NoAnswer)
        return wait;
    if (!(error instanceof Problem) || !(isRefused || [500, 502, 503, 504].includes(error.status)))
        return undefined;
    if (error.retryAfter === undefined)
        return wait;
    return error.retryAfter <= LONGEST ? error.retryAfter * 1_000 : undefined;
}
