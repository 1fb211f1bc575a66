import type { operations } from "./openapi.js";
import { ROUTES } from "./routes.js";
export type OperationId = keyof typeof ROUTES & keyof operations;
type Json<Part> = Part extends {
    content: {
        "application/json": infer Type;
    };
} ? Type : undefined;
type Responses<Id extends OperationId> = operations[Id]["responses"];
type Success<Id extends OperationId> = keyof Responses<Id> & (200 | 201 | 202 | 204);
type IfAny<Value, Name extends string> = undefined extends Value ? unknown : Record<Name, Value>;
/** The body that an operation takes; `undefined` if it takes none. */
export type Body<Id extends OperationId> = operations[Id] extends {
    requestBody: infer Content;
} ? Json<Content> : undefined;
/** The body of an operation's successful answers; `undefined` if they have none. */
export type Answer<Id extends OperationId> = {
    [Status in Success<Id>]: Json<Responses<Id>[Status]>;
}[Success<Id>];
type Path<Id extends OperationId> = operations[Id]["parameters"] extends {
    path: infer Path;
} ? Path : undefined;
/** What one call of an operation sends, without the access token. */
export type Call<Id extends OperationId> = IfAny<Body<Id>, "body"> & IfAny<Path<Id>, "path"> & {
    idempotencyKey?: string;
    /** Lets the request outlive the page. */
    keepalive?: boolean;
};
type Token<Id extends OperationId> = (typeof ROUTES)[Id][2] extends "bearer" ? {
    accessToken: string;
} : unknown;
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
export declare class Client {
    #private;
    readonly baseUrl: string;
    constructor(options?: ClientOptions);
    /** Returns the answer's body. Throws a `Problem` or a `NoAnswer`. */
    call<Id extends OperationId>(id: Id, ...rest: Rest<Call<Id> & Token<Id>>): Promise<Answer<Id>>;
}
export {};
