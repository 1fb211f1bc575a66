/** The service refused a request, or failed at it. */
export class Problem extends Error {
    status;
    title;
    retryAfter;
    name = "Problem";
    /** Names the request in the service's log. */
    instance;
    /** More about the case, for people. */
    detail;
    /** What is wrong with each field. Empty unless the title is `Validation failed`. */
    details;
    constructor(status, 
    /** One of `Title`, or another text: a newer service and API Gateway have their own. */
    title, 
    /** How many seconds to wait before the next try. */
    retryAfter, document) {
        super(title);
        this.status = status;
        this.title = title;
        this.retryAfter = retryAfter;
        const text = (value) => (typeof value === "string" ? value : undefined);
        this.instance = text(document.instance);
        this.detail = text(document.detail);
        this.details = Array.isArray(document.details) ? document.details : [];
    }
    /** Tells whether this is the problem of that title. The compiler knows all titles. */
    is(title) {
        return this.title === title;
    }
}
/** No answer came, or only a part of one. The request may have been carried out. */
export class NoAnswer extends Error {
    name = "NoAnswer";
    constructor(cause) {
        super("The service did not answer", { cause });
    }
}
/** The request needs a session, and none is held: the user is signed out, or another user signed in meanwhile. */
export class SignedOut extends Error {
    name = "SignedOut";
    constructor() {
        super("The user is signed out");
    }
}
