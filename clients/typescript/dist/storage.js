/** Keeps tokens until the page or the process ends. Each tab has a session of its own. */
export class MemoryStorage {
    #items = new Map();
    getItem(key) {
        return this.#items.get(key) ?? null;
    }
    setItem(key, value) {
        this.#items.set(key, value);
    }
    removeItem(key) {
        this.#items.delete(key);
    }
}
/** Reads and writes the tokens. It keeps no copy: other tabs change them too. */
export class Vault {
    storage;
    key;
    constructor(storage, key) {
        this.storage = storage;
        this.key = key;
    }
    read() {
        const text = this.storage.getItem(this.key);
        try {
            const tokens = JSON.parse(text ?? "null");
            return areTokens(tokens) ? tokens : undefined;
        }
        catch {
            return undefined;
        }
    }
    write(tokens) {
        this.storage.setItem(this.key, JSON.stringify(tokens));
    }
    clear() {
        this.storage.removeItem(this.key);
    }
    /** The newest device token. It stays when the user signs out. */
    get deviceToken() {
        return this.storage.getItem(`${this.key}.device`);
    }
    set deviceToken(token) {
        if (token === null)
            this.storage.removeItem(`${this.key}.device`);
        else
            this.storage.setItem(`${this.key}.device`, token);
    }
}
function areTokens(value) {
    if (typeof value !== "object" || value === null)
        return false;
    const { userId, accessToken, refreshToken, expiresAt } = value;
    return [userId, accessToken, refreshToken].every((text) => typeof text === "string") && typeof expiresAt === "number";
}
