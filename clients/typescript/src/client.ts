import { NoAnswer, Problem } from "./errors.js";
import type { operations } from "./openapi.js";
import { ROUTES } from "./routes.js";

export type OperationId = keyof typeof ROUTES & keyof operations;

type Json<Part> = Part extends { content: { "application/json": infer Type } } ? Type : undefined;
type Responses<Id extends OperationId> = operations[Id]["responses"];
type Success<Id extends OperationId> = keyof Responses<Id> & (200 | 201 | 202 | 204);
type IfAny<Value, Name extends string> = undefined extends Value ? unknown : Record<Name, Value>;

/** The body that an operation takes; `undefined` if it takes none. */
export type Body<Id extends OperationId> =
  operations[Id] extends { requestBody: infer Content } ? Json<Content> : undefined;
/** The body of an operation's successful answers; `undefined` if they have none. */
export type Answer<Id extends OperationId> = { [Status in Success<Id>]: Json<Responses<Id>[Status]> }[Success<Id>];
type Path<Id extends OperationId> = operations[Id]["parameters"] extends { path: infer Path } ? Path : undefined;

/** What one call of an operation sends, without the access token. */
export type Call<Id extends OperationId> = IfAny<Body<Id>, "body"> & IfAny<Path<Id>, "path"> & {
  idempotencyKey?: string;
  /** Lets the request outlive the page. */
  keepalive?: boolean;
};
type Token<Id extends OperationId> = (typeof ROUTES)[Id][2] extends "bearer" ? { accessToken: string } : unknown;
/** A call may be left out if it has no required part. */
export type Rest<Type> = object extends Type ? [call?: Type] : [call: Type];

export interface ClientOptions {
  /** The service's URL without a slash at the end. In a page, the default is the page's own origin. */
  baseUrl?: string;
  /** Takes the place of the global `fetch`. */
  fetch?: typeof fetch;
  /** How many milliseconds to wait for an answer. */
  timeout?: number;
}

/** Calls the operations of `openapi.yaml` by their ids. It keeps nothing and repeats nothing: `Session` does. */
export class Client {
  readonly baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #timeout: number;

  constructor(options: ClientOptions = {}) {
    this.baseUrl = options.baseUrl ?? "";
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#timeout = options.timeout ?? 15_000;
  }

  /** Returns the answer's body. Throws a `Problem` or a `NoAnswer`. */
  async call<Id extends OperationId>(id: Id, ...rest: Rest<Call<Id> & Token<Id>>): Promise<Answer<Id>> {
    const call: { body?: unknown; path?: object; accessToken?: string; idempotencyKey?: string; keepalive?: boolean } =
      rest[0] ?? {};
    const [method, template] = ROUTES[id];
    const path = Object.entries(call.path ?? {}).reduce(
      (path, [name, value]) => path.replace(`{${name}}`, encodeURIComponent(String(value))), template as string);
    const headers: Record<string, string> = {};
    if (call.accessToken !== undefined) headers["Authorization"] = `Bearer ${call.accessToken}`;
    if (call.idempotencyKey !== undefined) headers["Idempotency-Key"] = call.idempotencyKey;
    if (call.body !== undefined) headers["Content-Type"] = "application/json";

    let response, text;
    try {
      response = await this.#fetch(this.baseUrl + path, {
        method,
        headers,
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        cache: "no-store",
        credentials: "omit",
        keepalive: call.keepalive ?? false,
        redirect: "error",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.timeout(this.#timeout),
      });
      text = await response.text();
    } catch (cause) {
      throw new NoAnswer(cause);
    }
    if (response.status === 204) return undefined as Answer<Id>;
    const body = parsed(text);
    if (!response.ok) throw problem(response, body);
    if (body === undefined) throw new NoAnswer(new SyntaxError("the answer is cut off, or is no JSON"));
    return body as Answer<Id>;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads a problem document, or the `{"message": ...}` of API Gateway. */
function problem(response: Response, body: unknown): Problem {
  const document = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const title = document["title"] ?? document["message"] ?? `HTTP ${response.status}`;
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return new Problem(response.status, String(title), Number.isFinite(seconds) ? seconds : undefined, document);
}
