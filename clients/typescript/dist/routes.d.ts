/** Method, path and proof of each operation. */
export declare const ROUTES: {
    readonly register: readonly ["POST", "/api/auth/register", "open"];
    readonly login: readonly ["POST", "/api/auth/login", "open"];
    readonly refresh: readonly ["POST", "/api/auth/refresh", "open"];
    readonly logout: readonly ["POST", "/api/auth/logout", "open"];
    readonly me: readonly ["GET", "/api/auth/me", "bearer"];
    readonly changeName: readonly ["PATCH", "/api/auth/me", "bearer"];
    readonly sessions: readonly ["GET", "/api/auth/sessions", "bearer"];
    readonly endSession: readonly ["DELETE", "/api/auth/sessions/{id}", "bearer"];
    readonly sendWelcomeEmail: readonly ["POST", "/api/auth/send-welcome-email", "bearer"];
    readonly sendVerificationEmail: readonly ["POST", "/api/auth/email/verification", "bearer"];
    readonly verifyEmail: readonly ["POST", "/api/auth/email/verify", "bearer"];
    readonly changeEmail: readonly ["POST", "/api/auth/email/change", "bearer"];
    readonly confirmEmail: readonly ["POST", "/api/auth/email/confirm", "bearer"];
    readonly forgotPassword: readonly ["POST", "/api/auth/password/forgot", "open"];
    readonly resetPassword: readonly ["POST", "/api/auth/password/reset", "open"];
    readonly changePassword: readonly ["POST", "/api/auth/password/change", "bearer"];
    readonly exportAccount: readonly ["POST", "/api/auth/account/export", "bearer"];
    readonly deleteAccount: readonly ["POST", "/api/auth/account/delete", "bearer"];
    readonly jwks: readonly ["GET", "/.well-known/jwks.json", "open"];
    readonly openidConfiguration: readonly ["GET", "/.well-known/openid-configuration", "open"];
    readonly health: readonly ["GET", "/health", "open"];
};
