import type { components } from "./openapi.js";

type Schemas = components["schemas"];

/** The problems that `openapi.yaml` names. Their `title` tells them apart. */
export type ProblemDocument = Schemas[Exclude<Extract<keyof Schemas, `${string}Problem`>, "Problem" | "FieldProblem">];
export type Title = ProblemDocument["title"];
export type FieldProblem = Schemas["FieldProblem"];

/** The service refused a request, or failed at it. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** Names the request in the service's log. */
  readonly instance: string | undefined;
  /** More about the case, for people. */
  readonly detail: string | undefined;
  /** What is wrong with each field. Empty unless the title is `Validation failed`. */
  readonly details: readonly FieldProblem[];

  constructor(
    readonly status: number,
    /** One of `Title`, or another text: a newer service and API Gateway have their own. */
    readonly title: string,
    /** How many seconds to wait before the next try. */
    readonly retryAfter: number | undefined,
    document: { instance?: unknown; detail?: unknown; details?: unknown },
  ) {
    super(title);
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    this.instance = text(document.instance);
    this.detail = text(document.detail);
    this.details = Array.isArray(document.details) ? document.details : [];
  }

  /** Tells whether this is the problem of that title. The compiler knows all titles. */
  is(title: Title): boolean {
    return this.title === title;
  }
}

/** No answer came, or only a part of one. The request may have been carried out. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";

  constructor(cause: unknown) {
    super("The service did not answer", { cause });
  }
}

/** The request needs a session, and none is held: the user is signed out, or another user signed in meanwhile. */
export class SignedOut extends Error {
  override readonly name = "SignedOut";

  constructor() {
    super("The user is signed out");
  }
}
