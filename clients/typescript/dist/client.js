import { NoAnswer, Problem } from "./errors.js";
import { ROUTES } from "./routes.js";
/** Calls the operations of `openapi.yaml` by their ids. It keeps nothing and repeats nothing: `Session` does. */
export class Client {
    baseUrl;
    #fetch;
    #timeout;
    constructor(options = {}) {
        this.baseUrl = options.baseUrl ?? "";
        this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
        this.#timeout = options.timeout ?? 15_000;
    }
    /** Returns the answer's body. Throws a `Problem` or a `NoAnswer`. */
    async call(id, ...rest) {
        const call = rest[0] ?? {};
        const [method, template] = ROUTES[id];
        const path = Object.entries(call.path ?? {}).reduce((path, [name, value]) => path.replace(`{${name}}`, encodeURIComponent(String(value))), template);
        const headers = {};
        if (call.accessToken !== undefined)
            headers["Authorization"] = `Bearer ${call.accessToken}`;
        if (call.idempotencyKey !== undefined)
            headers["Idempotency-Key"] = call.idempotencyKey;
        if (call.body !== undefined)
            headers["Content-Type"] = "application/json";
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
        }
        catch (cause) {
            throw new NoAnswer(cause);
        }
        if (response.status === 204)
            return undefined;
        const body = parsed(text);
        if (!response.ok)
            throw problem(response, body);
        if (body === undefined)
            throw new NoAnswer(new SyntaxError("the answer is cut off, or is no JSON"));
        return body;
    }
}
function parsed(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}
/** Reads a problem document, or the `{"message": ...}` of API Gateway. */
function problem(response, body) {
    const document = (typeof body === "object" && body !== null ? body : {});
    const title = document["title"] ?? document["message"] ?? `HTTP ${response.status}`;
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    return new Problem(response.status, String(title), Number.isFinite(seconds) ? seconds : undefined, document);
}
