/** Where a session keeps its tokens: `localStorage` is one. */
export interface TokenStorage {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
}
/** Keeps tokens until the page or the process ends. Each tab has a session of its own. */
export declare class MemoryStorage implements TokenStorage {
    #private;
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
}
/** The tokens of a session. */
export interface Tokens {
    userId: string;
    accessToken: string;
    refreshToken: string;
    /** When the access token expires, in milliseconds of this device's clock. */
    expiresAt: number;
}
/** Reads and writes the tokens. It keeps no copy: other tabs change them too. */
export declare class Vault {
    readonly storage: TokenStorage;
    readonly key: string;
    constructor(storage: TokenStorage, key: string);
    read(): Tokens | undefined;
    write(tokens: Tokens): void;
    clear(): void;
    /** The newest device token. It stays when the user signs out. */
    get deviceToken(): string | null;
    set deviceToken(token: string | null);
}
