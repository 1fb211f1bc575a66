export { Client } from "./client.js";
export { NoAnswer, Problem, SignedOut } from "./errors.js";
export { Session } from "./session.js";
export { MemoryStorage } from "./storage.js";
