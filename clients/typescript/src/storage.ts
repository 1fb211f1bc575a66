/** Where a session keeps its tokens: `localStorage` is one. */
export interface TokenStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps tokens until the page or the process ends. Each tab has a session of its own. */
export class MemoryStorage implements TokenStorage {
  readonly #items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
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
export class Vault {
  constructor(readonly storage: TokenStorage, readonly key: string) {}

  read(): Tokens | undefined {
    const text = this.storage.getItem(this.key);
    try {
      const tokens: unknown = JSON.parse(text ?? "null");
      return areTokens(tokens) ? tokens : undefined;
    } catch {
      return undefined;
    }
  }

  write(tokens: Tokens): void {
    this.storage.setItem(this.key, JSON.stringify(tokens));
  }

  clear(): void {
    this.storage.removeItem(this.key);
  }

  /** The newest device token. It stays when the user signs out. */
  get deviceToken(): string | null {
    return this.storage.getItem(`${this.key}.device`);
  }

  set deviceToken(token: string | null) {
    if (token === null) this.storage.removeItem(`${this.key}.device`);
    else this.storage.setItem(`${this.key}.device`, token);
  }
}

function areTokens(value: unknown): value is Tokens {
  if (typeof value !== "object" || value === null) return false;
  const { userId, accessToken, refreshToken, expiresAt } = value as Record<string, unknown>;
  return [userId, accessToken, refreshToken].every((text) => typeof text === "string") && typeof expiresAt === "number";
}
