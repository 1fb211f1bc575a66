// Generated from openapi.yaml by `npm run generate`.

export interface paths {
    "/api/auth/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open an account
         * @description Opens an account, signs the user in and queues a welcome email. The email is recorded together with the
         *     account, so the user gets it even if the mail service is down at the moment.
         *
         *     Addresses are compared without regard to case, and a domain in Unicode equals its ASCII form. Mail goes to the
         *     address as the user typed it.
         *
         *     A taken address gets 409, as in the replaced backend, because sign-up forms depend on it. So anyone can find out
         *     whether an address has an account. Login does not tell.
         *
         *     After a 500, a 503 or a lost response, the account may exist. Send the request again. A 409 then means that the
         *     account exists and that the user can log in.
         *
         *     With an `Idempotency-Key`, a repeated request gets 201 for 24 hours, with the user as it is now and a new
         *     session. The repeat counts towards the limits of logins. A request with the same key gets 422 if its address,
         *     name or password differs, or if the account has been disabled.
         *
         *     By default, each network may try 100 registrations per clock hour. Further ones get 429.
         *
         *     If the deployment has closed its registration, every request gets 403. Users then come by an operator's
         *     invitation, and choose a password by the link in its mail.
         */
        post: operations["register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in
         * @description Opens a new session. A user may have 10 live sessions; a further login ends the oldest one.
         *
         *     An unknown address, a wrong password and a disabled account get the same 401. So the response does not tell
         *     whether an address has an account.
         *
         *     Latchkey counts a login before it looks at the password. The limits are, unless the deployment sets others:
         *
         *     - Each network may try 100 logins per clock hour.
         *     - Logins from one network to one account may fail 10 times in 15 minutes.
         *     - After 10 failed logins to one account in a day, from any networks, clients must wait between logins. The wait
         *       begins at one second, doubles with each further failure, and ends at 15 minutes.
         *
         *     A login beyond a limit gets 429, even with the right password and even if there is no such account.
         *
         *     A client that sends the `deviceToken` of an earlier response waits for failed logins of its own device alone.
         *     The failures of other clients do not delay it. The limit of its network still applies.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token for new tokens
         * @description Gives a new access token and the **successor** of the refresh token. Store the successor and drop the token
         *     that was sent.
         *
         *     **Sending the same token again is safe.** Within 10 seconds the response carries the same successor and a new
         *     access token. So parallel tabs, page reloads and automatic retries all end up with one refresh token. A client
         *     that never got the response may also send the old token later. It gets the same successor, however often it
         *     asks, until the successor itself is used. A client that loses two responses in a row may have to log in again.
         *
         *     **Reuse ends the session.** If an older token comes back later, after its successor was used, two parties hold
         *     the session, and one of them may be a thief. Latchkey ends the session and tells the user by email. The
         *     response is the same 401 as for every invalid token.
         *
         *     A 401 is final: the user has to log in again. After a 500 or a 503, send the same token again.
         */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log out
         * @description Ends the session of the refresh token. Any refresh token of the session works, however old.
         *
         *     Every well-formed body gets 204, even if its token is forged, expired or already logged out. So the response
         *     tells nothing about the token.
         *
         *     With `everywhere`, all sessions of the user end. This needs the newest refresh token of a live session, or the
         *     one before it. With an older token, or a token from before an earlier sign-out everywhere, only the token's own
         *     session ends.
         *
         *     An ended session cannot be refreshed. Its access tokens stay valid until they expire, for at most 15 minutes,
         *     because services verify them without asking Latchkey.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the signed-in user
         * @description Gives the user of the access token, as it is now. A token whose user has been deleted gets 404. A token whose user has been disabled gets 401.
         */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change the name of the signed-in user
         * @description Sets the name, or removes it if `name` is `null`, and gives the user as it is now. The field is required. Sending the same request again has the same result. Sessions and tokens stay as they are.
         */
        patch: operations["changeName"];
        trace?: never;
    };
    "/api/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List where the user is signed in
         * @description Gives the user's live sessions, the newest first. A session is a sign-in on one device. It shows the user agent and the network of the request that signed in. The list is empty if the access token outlives the user's last session.
         */
        get: operations["sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a session
         * @description Ends one of the user's sessions: the client's own or another one. The session cannot be refreshed any more. Its access tokens stay valid for at most 15 minutes. An id without a live session of this user gets 404: a session that has ended, a session of another user, or a text that is not an id.
         */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/send-welcome-email": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send the welcome email again
         * @description Queues another welcome email to the signed-in user. The request has no body; Latchkey does not read one.
         *
         *     The response is 202 because the email is recorded but not sent yet. (The replaced backend answered 200 with the
         *     same message.) A user whose `emailStatus` is `bounced` or `complained` gets 409.
         *
         *     While the address is not verified, the email carries the code for `/api/auth/email/verify`.
         *
         *     By default, a user may ask for 5 emails per day in UTC. Requests to `/api/auth/email/verification` count too.
         *     Further requests get 429.
         *
         *     With an `Idempotency-Key`, asking again is safe. Until 30 days after the email was sent, the same key of the
         *     same user gets 202 without a second email. The repeat does not count, so it gets 202 at the limit too.
         */
        post: operations["sendWelcomeEmail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/email/verification": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send the code that verifies the address
         * @description Queues an email with a code to the signed-in user. The request has no body; Latchkey does not read one. The
         *     first code comes with the welcome email, so a client needs this route only if the user asks for another email.
         *
         *     - 202: the email is recorded and will be sent. It carries the same code as the emails before it. A new code
         *       takes its place if it has been tried 10 times or has less than an hour left.
         *     - 200: the address is verified already. No email is sent.
         *     - 409: the user's `emailStatus` is `bounced` or `complained`, so Latchkey sends no mail there.
         *
         *     By default, a user may ask for 5 emails per day in UTC. Requests to `/api/auth/send-welcome-email` count too.
         *     Further requests get 429. After a lost response, a repeated request counts once more.
         */
        post: operations["sendVerificationEmail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/email/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verify the address with a code
         * @description Proves that the signed-in user reads the mail to the address. The code comes with the welcome email and with
         *     those of `/api/auth/email/verification`. Any live session of the user may send it.
         *
         *     A code is valid for 24 hours and for 10 tries. It verifies only the user and the address that it was made for.
         *
         *     Once the address is verified, every code gets 200. So after a lost response, send the request again.
         *
         *     Sessions and tokens stay as they are. To get an access token with `email_verified: true`, refresh.
         */
        post: operations["verifyEmail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/email/change": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask to change the address
         * @description Sends a code to the new address. Nothing changes until `/api/auth/email/confirm` gets that code from the same
         *     session, within 30 minutes and 10 tries. An email to the present address tells of the request and shows the new
         *     address masked, such as `a…@example.com`.
         *
         *     - 202: the emails are recorded and will be sent. The response is the same if another account has the new
         *       address. That account's user is told, and no code is sent.
         *     - 200: the new address differs from the present one only in its spelling, such as the case of letters, or not at
         *       all. Then it is changed at once, without a code. Sessions stay as they are.
         *
         *     A user has one change under way. A further request takes its place, and the earlier code becomes invalid. So
         *     does a request that is repeated after a lost response.
         *
         *     The password counts as at `/api/auth/password/change`. A user may ask for 3 changes per day in UTC, and 3
         *     changes to one address may be asked for per day, by all users. Further requests get 429.
         */
        post: operations["changeEmail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/email/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the address with a code
         * @description Changes the address to the one that got the code, and opens a new session. Only the session that asked for the
         *     change may send the code.
         *
         *     - All other sessions end, and so does the session that asked. Use the tokens of the response from now on.
         *     - The new address is verified, and its `emailStatus` starts as `unknown`. The password stays.
         *     - An email to the old address tells of the change. Resets that were asked for before become invalid.
         *
         *     After a lost response, send the same code with the same access token again. Within 10 minutes it gets 200, with
         *     one more session.
         *
         *     If an account with the new address was opened meanwhile, the response is 409 and nothing changes.
         */
        post: operations["confirmEmail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/password/forgot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask to reset a forgotten password
         * @description Sends an email with a code. If the deployment has a page for resets (`ResetUrl`), the email also has a link to
         *     it. Code and link set a new password at `/api/auth/password/reset`, within `expiresIn` seconds.
         *
         *     Every well-formed address gets the same 202, so the response does not tell whether it has an account. Only an
         *     active account whose address gets mail is sent the email.
         *
         *     Keep `flow` in the client. The code works only together with it. The link works without it, on any device.
         *
         *     Nothing else changes. The password and all sessions stay until the reset. Several resets may be open at once, so
         *     a stranger's request does not end the user's own. The first one that succeeds ends the others. After a lost
         *     response, send the request again and use the newest `flow` with the code of the newest email.
         *
         *     Addresses without an account count like those with one:
         *
         *     - Each network may ask 20 times per clock hour.
         *     - 5 requests per clock hour may come from one network for one address.
         *     - 20 requests per clock hour may come for one address, from all networks.
         *
         *     A client that sends the `deviceToken` of an earlier response to this user has 5 requests per clock hour of its
         *     own in the place of the last two. So a stranger who uses up an address's requests does not shut the user out.
         *     Further requests get 429.
         */
        post: operations["forgotPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/password/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a new password without the old one
         * @description Sets a new password for the user who got the email. The proof is the `token` of the link, or `flow` and `code`.
         *
         *     - All sessions end. Other open resets, a change of address that is under way and all device tokens become
         *       invalid.
         *     - The address counts as verified from now on, because the user reads its mail. An email tells the user.
         *     - The response has no session. Log in with the new password, and send the `deviceToken` of the response. That
         *       login does not wait for failed logins of other clients.
         *
         *     A refused password uses nothing up: send another one with the same proof. A `flow` allows 5 tries of its code. A
         *     link spends none of them and works after they are used up.
         *
         *     After a lost response, send the same request again. Within 10 minutes it gets 200. The same proof with another
         *     password gets `Invalid code`. Of several resets at once, exactly one succeeds.
         *
         *     Each network may try 100 resets per clock hour. Further ones get 429.
         */
        post: operations["resetPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/password/change": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the password
         * @description Sets a new password for the signed-in user and opens a new session. An email tells the user.
         *
         *     All other sessions end, and so does the session that asked. Use the tokens and the `deviceToken` of the response
         *     from now on. Open resets, a change of address that is under way and earlier device tokens become invalid.
         *
         *     A wrong current password gets 403. It counts like a failed login from a known device: by network and for this
         *     session. After 10 failures in a day the session has to wait between tries, by default. A refused new password
         *     gets 400 and changes nothing.
         *
         *     After a lost response, send the same request with the same access token again. It gets 200, with one more
         *     session, for as long as the access token is valid.
         *
         *     A user may change the password 5 times per day in UTC. Further requests get 429.
         */
        post: operations["changePassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/account/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Export what Latchkey stores about the user
         * @description Gives the user's own data as a JSON document: the profile, the sessions and the
         *     emails to the user's own address. Sessions that have ended are listed for as long as they are stored.
         *
         *     The document has at most the 1,000 newest emails. `mailsOmitted` tells whether there are older ones. It has no
         *     password hash, no key and no counter.
         *
         *     The password counts as at `/api/auth/password/change`. A user may export 5 times per day in UTC. Further
         *     requests get 429. Nothing changes, so the request may be repeated after a lost response.
         */
        post: operations["exportAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/account/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete the account
         * @description Deletes the signed-in user's account. This cannot be undone. With the response these hold:
         *
         *     - The account is gone for its user: `/api/auth/me` answers 404, and a refresh gets 401.
         *     - The address is free. A registration with it makes another user, with another id, whose address is not
         *       verified.
         *     - A last email to the address is recorded, unless its `emailStatus` is `bounced` or `complained`.
         *
         *     The stored data is erased afterwards, within an hour as a rule. What stays is digests and random ids, until they
         *     expire. Access tokens stay valid at other services for up to 15 minutes.
         *
         *     After a lost response, send the request again. While the data is being erased it gets 202, and the password is
         *     not checked. Later it gets 404.
         *
         *     The password counts as at `/api/auth/password/change`. Accounts of one address can be deleted 3 times per day in
         *     UTC. Further requests get 429.
         */
        post: operations["deleteAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the public keys
         * @description Gives the public keys that verify access tokens, as a JWK Set (RFC 7517). Pick the key by the token's `kid`.
         *
         *     Keep the set in a cache for at most 2 hours. If a `kid` is not in it, fetch the set again, but at most once a
         *     minute. A new key is published for more than 2 hours before it signs. A retired key stays until its last token
         *     has expired. A new deployment answers 503 until its first keys are published.
         */
        get: operations["jwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/openid-configuration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the discovery document
         * @description Tells verifiers, such as API Gateway's JWT authorizer, the issuer and where its keys are. They read `issuer` and
         *     `jwks_uri`. The other members are there because OpenID Connect Discovery requires them: Latchkey is no OpenID
         *     provider and issues no ID tokens.
         *
         *     API Gateway's JWT authorizer accepts RS256 only. If another API uses it, set the deployment to sign with RS256.
         *     A new deployment answers 503 until its first keys are published.
         */
        get: operations["openidConfiguration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the service can work
         * @description Checks what every route depends on, with one read of the public keys. A new deployment answers 503 with `keys` as `missing` until its first keys are published. Keys that cannot be parsed get 500.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        RegisterRequest: {
            email: components["schemas"]["EmailInput"];
            password: components["schemas"]["NewPasswordInput"];
            name?: components["schemas"]["NameInput"];
        };
        LoginRequest: {
            email: components["schemas"]["EmailInput"];
            password: components["schemas"]["PasswordInput"];
            deviceToken?: components["schemas"]["DeviceTokenInput"];
        };
        RefreshRequest: {
            refreshToken: components["schemas"]["RefreshTokenInput"];
        };
        LogoutRequest: {
            refreshToken: components["schemas"]["RefreshTokenInput"];
            /**
             * @description Whether to end all sessions of the user.
             * @default false
             */
            everywhere?: boolean | null;
        };
        ChangeNameRequest: {
            name: components["schemas"]["NameInput"];
        };
        CodeRequest: {
            code: components["schemas"]["CodeInput"];
        };
        ForgotPasswordRequest: {
            email: components["schemas"]["EmailInput"];
            deviceToken?: components["schemas"]["DeviceTokenInput"];
        };
        /** @description A body that has `token` is a reset by link. Its `flow` and `code` are ignored. */
        ResetPasswordRequest: components["schemas"]["ResetByLinkRequest"] | components["schemas"]["ResetByCodeRequest"];
        ResetByLinkRequest: {
            /** @description The value of `token` in the fragment of the link. It begins with `lkr1.` A string that is no such token is not a validation error. It is treated as an invalid one. */
            token: string;
            newPassword: components["schemas"]["NewPasswordInput"];
        };
        ResetByCodeRequest: {
            /** @description The `flow` in the response of `/api/auth/password/forgot`. A string that is no flow is not a validation error. It is treated as an unknown one. */
            flow: string;
            code: components["schemas"]["CodeInput"];
            newPassword: components["schemas"]["NewPasswordInput"];
        };
        ChangePasswordRequest: {
            currentPassword: components["schemas"]["PasswordInput"];
            newPassword: components["schemas"]["NewPasswordInput"];
        };
        ChangeEmailRequest: {
            newEmail: components["schemas"]["EmailInput"];
            password: components["schemas"]["PasswordInput"];
        };
        PasswordRequest: {
            password: components["schemas"]["PasswordInput"];
        };
        /**
         * Format: idn-email
         * @description One plain address. Before the `@`: letters, digits and the usual signs in ASCII, at most 64 characters. After it: a domain name with at least two parts, which may be in Unicode. Quoted local parts, comments and IP addresses are refused.
         */
        EmailInput: string;
        /**
         * Format: password
         * @description A password to set. It may have any characters, spaces included. Nothing is trimmed.
         *
         *     - At least 8 code points, or more (up to 64) if the deployment asks for more.
         *     - At most 128 code points and 512 bytes.
         *     - Not easy to guess: common passwords, rows of keys, dates, and variations of the address, the name or the
         *       service's name are refused, with a reason.
         *
         *     Passwords are compared in Unicode normalisation form KC, so that the same password typed on another keyboard
         *     still matches.
         */
        NewPasswordInput: string;
        /**
         * Format: password
         * @description The user's present password. At most 128 code points and 512 bytes.
         */
        PasswordInput: string;
        /** @description The name by which emails address the user. It is kept in Unicode normalisation form C. Because it appears in emails, these are refused: control characters, line breaks, characters that override the direction of writing, `<`, `>`, `@`, `://` and `www.`. A name that a mail program could turn into a link, such as `St.John`, is accepted but left out of emails. */
        NameInput: string | null;
        /** @description The `deviceToken` of an earlier response to this user on this device. An invalid one is ignored. */
        DeviceTokenInput: string | null;
        /** @description The code in the email, as the user types it. A string that is no code is not a validation error. It is treated as a wrong code. */
        CodeInput: string;
        /** @description The refresh token as the client received it. A string that is no refresh token is not a validation error. It is treated as an invalid token. */
        RefreshTokenInput: string;
        SignedIn: {
            user: components["schemas"]["User"];
            accessToken: components["schemas"]["AccessToken"];
            refreshToken: components["schemas"]["RefreshToken"];
            tokenType: components["schemas"]["TokenType"];
            expiresIn: components["schemas"]["ExpiresIn"];
            deviceToken: components["schemas"]["DeviceToken"];
        };
        Refreshed: {
            accessToken: components["schemas"]["AccessToken"];
            refreshToken: components["schemas"]["RefreshToken"];
            tokenType: components["schemas"]["TokenType"];
            expiresIn: components["schemas"]["ExpiresIn"];
        };
        /** @description A signed JWT. The security scheme `bearer` describes its claims. */
        AccessToken: string;
        /** @description Opaque. Keep it where scripts of other origins cannot read it, and send it back unchanged. */
        RefreshToken: string;
        /** @description Opaque. Keep it on the device, even after the user logs out, and send it with the next login. Then failed logins of other clients do not delay this one. It gives no access by itself. A change of the password ends it. */
        DeviceToken: string;
        /**
         * @description The scheme by which to send the access token.
         * @constant
         */
        TokenType: "Bearer";
        /**
         * @description The number of seconds until the access token expires.
         * @constant
         */
        ExpiresIn: 900;
        Me: {
            user: components["schemas"]["User"];
        };
        User: {
            /** @description The user's id. It never changes. */
            id: components["schemas"]["Uuid"];
            email: components["schemas"]["Email"];
            /** @description Whether the user has proved that the address is theirs. */
            emailVerified: boolean;
            name: components["schemas"]["Name"];
            createdAt: components["schemas"]["Timestamp"];
            updatedAt: components["schemas"]["Timestamp"];
            emailStatus: components["schemas"]["EmailStatus"];
        };
        /**
         * Format: idn-email
         * @description The address as the user typed it.
         */
        Email: string;
        /** @description The name, or null if the user has none. */
        Name: string | null;
        /**
         * @description - `unknown`: no mail to the address has been reported on yet.
         *     - `delivered`: a mail was delivered.
         *     - `bounced`: a mail bounced for good. Latchkey sends no more to the address.
         *     - `complained`: a mail was reported as spam. Latchkey sends no more to the address.
         * @enum {string}
         */
        EmailStatus: "unknown" | "delivered" | "bounced" | "complained";
        /**
         * Format: uuid
         * @description A UUID of any version, in lower case with hyphens.
         */
        Uuid: string;
        Sessions: {
            sessions: components["schemas"]["Session"][];
        };
        Session: {
            id: components["schemas"]["Uuid"];
            /** @description When the user signed in. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description When the session was last refreshed. Before its first refresh, when the user signed in. */
            lastUsedAt: components["schemas"]["Timestamp"];
            /** @description Of the sign-in. */
            userAgent: components["schemas"]["UserAgent"];
            /** @description Of the sign-in. */
            network: components["schemas"]["Network"];
            /** @description Whether the access token of this request belongs to the session. */
            current: boolean;
        };
        /** @description The `User-Agent` of a request, shortened to 200 characters, or null if it had none. */
        UserAgent: string | null;
        /** @description The IPv4 address of a request, or the /64 of its IPv6 address, or null if it is unknown. */
        Network: string | null;
        /**
         * Format: date-time
         * @description A time in UTC, RFC 3339 with milliseconds.
         */
        Timestamp: string;
        MailQueued: {
            /** @constant */
            message: "Welcome email queued";
        };
        VerificationMailQueued: {
            /** @constant */
            message: "Verification email queued";
        };
        EmailAlreadyVerified: {
            /** @constant */
            message: "Email already verified";
        };
        ConfirmationMailQueued: {
            /** @constant */
            message: "Confirmation email queued";
        };
        ResetStarted: {
            /** @description Names the reset. It proves nothing without the code. */
            flow: string;
            /** @description The number of seconds until the code and the link expire, 1800 by default. */
            expiresIn: number;
        };
        PasswordReset: {
            deviceToken: components["schemas"]["DeviceToken"];
        };
        DeletionStarted: {
            /** @constant */
            message: "Account deletion started";
        };
        Export: {
            exportedAt: components["schemas"]["Timestamp"];
            user: components["schemas"]["ExportedUser"];
            /** @description The newest first. */
            sessions: components["schemas"]["ExportedSession"][];
            /** @description The newest first. */
            mails: components["schemas"]["ExportedMail"][];
            /** @description Whether there are older emails, which the document leaves out. */
            mailsOmitted: boolean;
        };
        ExportedUser: {
            id: components["schemas"]["Uuid"];
            email: components["schemas"]["Email"];
            /** @description Whether the user has proved that the address is theirs. */
            emailVerified: boolean;
            /** @description When the user proved it, or null. */
            verifiedAt: components["schemas"]["Timestamp"] | null;
            name: components["schemas"]["Name"];
            createdAt: components["schemas"]["Timestamp"];
            updatedAt: components["schemas"]["Timestamp"];
            /** @description When the user was taken over from another system, or null. */
            importedAt: components["schemas"]["Timestamp"] | null;
            /** @description The user's id in that system if it was not a UUID, or null. */
            externalId: string | null;
            emailStatus: components["schemas"]["EmailStatus"];
        };
        ExportedSession: {
            id: components["schemas"]["Uuid"];
            /** @description When the user signed in. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description When the session was last refreshed. */
            lastUsedAt: components["schemas"]["Timestamp"];
            /** @description When the session ends without a refresh. */
            expiresAt: components["schemas"]["Timestamp"];
            /** @description When the session was ended before that by itself, or null. */
            endedAt: components["schemas"]["Timestamp"] | null;
            /** @description Whether the session can still be refreshed. A session that ended together with all others is not live. */
            live: boolean;
            /** @description Of the sign-in. */
            userAgent: components["schemas"]["UserAgent"];
            /** @description Of the sign-in. */
            network: components["schemas"]["Network"];
        };
        ExportedMail: {
            /** @description What the email is about, such as `welcome` or `password-changed`. */
            kind: string;
            /** @description When the email was recorded. */
            createdAt: components["schemas"]["Timestamp"];
            /**
             * @description - `pending`: the email is to be sent.
             *     - `sending`: the email is being sent.
             *     - `sent`: the mail service has accepted the email.
             *     - `failed`: the email was not sent.
             * @enum {string}
             */
            state: "pending" | "sending" | "sent" | "failed";
        };
        JwkSet: {
            /** @description Keys of both kinds appear while a deployment moves from one algorithm to the other. */
            keys: (components["schemas"]["EcPublicKey"] | components["schemas"]["RsaPublicKey"])[];
        };
        /** @description A P-256 key for ES256. */
        EcPublicKey: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kty: "EC";
            use: components["schemas"]["KeyUse"];
            key_ops?: components["schemas"]["KeyOperations"];
            /** @constant */
            alg: "ES256";
            kid: components["schemas"]["KeyId"];
            /** @constant */
            crv: "P-256";
            x: components["schemas"]["P256Coordinate"];
            y: components["schemas"]["P256Coordinate"];
        };
        /** @description An RSA key for RS256. */
        RsaPublicKey: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            kty: "RSA";
            use: components["schemas"]["KeyUse"];
            key_ops?: components["schemas"]["KeyOperations"];
            /** @constant */
            alg: "RS256";
            kid: components["schemas"]["KeyId"];
            /** @description The modulus, 2048 bits or more, in base64url. */
            n: string;
            /** @description The exponent, in base64url. */
            e: string;
        };
        /**
         * @description The key is for signatures.
         * @constant
         */
        KeyUse: "sig";
        /**
         * @description The operations that the key is for.
         * @constant
         */
        KeyOperations: [
            "verify"
        ];
        /** @description The id of the key, which the `kid` in a token's header names. */
        KeyId: string;
        /** @description A coordinate of the point, 32 bytes in base64url. */
        P256Coordinate: string;
        Discovery: {
            /**
             * Format: uri
             * @description The `iss` of every access token, character by character.
             */
            issuer: string;
            /**
             * Format: uri
             * @description The URL of the public keys.
             */
            jwks_uri: string;
            /** @description The algorithms of the keys. */
            id_token_signing_alg_values_supported: ("ES256" | "RS256")[];
            /** @description OpenID Connect Discovery requires it. It has no meaning here. */
            response_types_supported: string[];
            /**
             * @description Every service sees the same `sub` for a user.
             * @constant
             */
            subject_types_supported: [
                "public"
            ];
        };
        Healthy: {
            /** @constant */
            status: "ok";
            checks: components["schemas"]["HealthChecks"] & {
                /** @constant */
                store?: "ok";
                /** @constant */
                keys?: "ok";
            };
        };
        Unhealthy: {
            /** @constant */
            status: "unavailable";
            checks: components["schemas"]["HealthChecks"] & unknown;
        };
        HealthChecks: {
            /**
             * @description Whether the tables answer.
             * @enum {string}
             */
            store: "ok" | "unavailable";
            /**
             * @description Whether the public keys can be read. `missing`: no keys have been published yet. `unavailable`: the check could not be made.
             * @enum {string}
             */
            keys: "ok" | "missing" | "unavailable";
        };
        /** @description What every error has. These are the members of RFC 9457, and `error` of the replaced backend. */
        Problem: {
            /**
             * Format: uri-reference
             * @description Always `about:blank`.
             * @constant
             */
            type: "about:blank";
            /** @description The kind of problem. A client may compare the text, because it does not change. */
            title: string;
            /** @description The status code of the response. */
            status: number;
            /** @description More about this case, for people. The text may change, so do not parse it. */
            detail?: string;
            /**
             * Format: uri
             * @description The request, as `urn:request:` and the id in `X-Request-Id`.
             */
            instance: string;
            /** @description The same text as `title`, under the key that the replaced backend used. */
            error: string;
        };
        ValidationFailedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Validation failed";
            /** @constant */
            status?: 400;
            /** @constant */
            error?: "Validation failed";
            /** @description All failures of the body and the headers. */
            details: components["schemas"]["FieldProblem"][];
        };
        /** @description One failure, with the code and the message of the replaced backend (Zod 3) where it had one. */
        FieldProblem: {
            /** @description The name of the field or of the header. Empty if the body as a whole fails. */
            path: ("email" | "password" | "name" | "refreshToken" | "everywhere" | "deviceToken" | "code" | "flow" | "token" | "currentPassword" | "newPassword" | "newEmail" | "Idempotency-Key")[];
            /**
             * @description - `invalid_type`: the field is missing (message `Required`) or has another type
             *       (`Expected string, received number`).
             *     - `invalid_string`: the text does not have the required form (`Invalid email`).
             *     - `too_small`, `too_big`: the text is too short or too long.
             *     - `duplicate_key`: an object has the same key twice.
             *     - `invalid_json`: the body is not JSON.
             *     - `custom`: the message names another rule.
             * @enum {string}
             */
            code: "invalid_type" | "invalid_string" | "too_small" | "too_big" | "duplicate_key" | "invalid_json" | "custom";
            /** @description The failure, for people. It never repeats the value. */
            message: string;
        };
        InvalidCredentialsProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Invalid credentials";
            /** @constant */
            status?: 401;
            /** @constant */
            error?: "Invalid credentials";
        };
        NoTokenProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "No token provided";
            /** @constant */
            status?: 401;
            /** @constant */
            error?: "No token provided";
        };
        InvalidTokenProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Invalid token";
            /** @constant */
            status?: 401;
            /** @constant */
            error?: "Invalid token";
        };
        InvalidCodeProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Invalid code";
            /** @constant */
            status?: 400;
            /** @constant */
            error?: "Invalid code";
        };
        RegistrationClosedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Registration is closed";
            /** @constant */
            status?: 403;
            /** @constant */
            error?: "Registration is closed";
        };
        WrongPasswordProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Wrong password";
            /** @constant */
            status?: 403;
            /** @constant */
            error?: "Wrong password";
        };
        ForbiddenProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Forbidden";
            /** @constant */
            status?: 403;
            /** @constant */
            error?: "Forbidden";
        };
        UserNotFoundProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "User not found";
            /** @constant */
            status?: 404;
            /** @constant */
            error?: "User not found";
        };
        SessionNotFoundProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Session not found";
            /** @constant */
            status?: 404;
            /** @constant */
            error?: "Session not found";
        };
        UserExistsProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "User already exists";
            /** @constant */
            status?: 409;
            /** @constant */
            error?: "User already exists";
        };
        EmailSuppressedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Email address suppressed";
            /** @constant */
            status?: 409;
            /** @constant */
            error?: "Email address suppressed";
        };
        PayloadTooLargeProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Payload too large";
            /** @constant */
            status?: 413;
            /** @constant */
            error?: "Payload too large";
        };
        UnsupportedMediaTypeProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Unsupported media type";
            /** @constant */
            status?: 415;
            /** @constant */
            error?: "Unsupported media type";
        };
        IdempotencyKeyReusedProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Idempotency key reused";
            /** @constant */
            status?: 422;
            /** @constant */
            error?: "Idempotency key reused";
        };
        TooManyRequestsProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Too many requests";
            /** @constant */
            status?: 429;
            /** @constant */
            error?: "Too many requests";
        };
        InternalServerErrorProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Internal server error";
            /** @constant */
            status?: 500;
            /** @constant */
            error?: "Internal server error";
        };
        ServiceUnavailableProblem: components["schemas"]["Problem"] & {
            /** @constant */
            title?: "Service unavailable";
            /** @constant */
            status?: 503;
            /** @constant */
            error?: "Service unavailable";
        };
    };
    responses: {
        /** @description The user, and the tokens of a new session. */
        SignedIn: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "user": {
                 *         "id": "019bc0fd-8a3d-78dc-8daf-f3ad0b4c9c7a",
                 *         "email": "ada@example.com",
                 *         "emailVerified": false,
                 *         "name": "Ada Lovelace",
                 *         "createdAt": "2026-01-15T09:30:00.125Z",
                 *         "updatedAt": "2026-01-15T09:30:00.125Z",
                 *         "emailStatus": "unknown"
                 *       },
                 *       "accessToken": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IndRX1ZKYVhpdFdYdFIxOVQybGNZVkdqalEyZV9yYllnWWRBZmIyLTlReTgifQ.eyJpc3MiOiJodHRwczovL2FiY2RlMTIzNDUuZXhlY3V0ZS1hcGkuZXUtY2VudHJhbC0xLmFtYXpvbmF3cy5jb20iLCJhdWQiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbSIsInN1YiI6IjAxOWJjMGZkLThhM2QtNzhkYy04ZGFmLWYzYWQwYjRjOWM3YSIsImlhdCI6MTc2ODQ2OTQwMCwiZXhwIjoxNzY4NDcwMzAwLCJqdGkiOiIwMTliYzBmZC04OWMwLTc3ODEtYmZjYS03ZDZmZTlkMDk3N2QiLCJzaWQiOiIwMTliYzBmZC04YTNkLTcyZGYtYTM5My1hZThlYWExZjg0MTgiLCJlbWFpbF92ZXJpZmllZCI6ZmFsc2V9.7WHz8ylkzl_0V-xBIGjlFqaZdv22gC8WLvM8Lu6zhJr3eXYDVTCi3674rBzGtIIiFLmGwXoEwBnPnjCcGhcJvg",
                 *       "refreshToken": "lk1.AAAAAQGbwP2KPXjcja_zrQtMnHoBm8D9ij1y36OTro6qH4QYAAAAAU4ZcszoFKcOnBtTq3DyQdPNvG1zpDKfeS0ssHcQVcOQ",
                 *       "tokenType": "Bearer",
                 *       "expiresIn": 900,
                 *       "deviceToken": "lkd1.AZvA_Yo9eNyNr_OtC0ycegABAgMEBQYHCAkKCwwNDg81peVxcpJPoMTlDPSqZL1nfFRXk6ryuvoAd4ZdfJI3Mw"
                 *     }
                 */
                "application/json": components["schemas"]["SignedIn"];
            };
        };
        /** @description A new access token, and the successor of the refresh token that was sent. */
        Refreshed: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "accessToken": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IndRX1ZKYVhpdFdYdFIxOVQybGNZVkdqalEyZV9yYllnWWRBZmIyLTlReTgifQ.eyJpc3MiOiJodHRwczovL2FiY2RlMTIzNDUuZXhlY3V0ZS1hcGkuZXUtY2VudHJhbC0xLmFtYXpvbmF3cy5jb20iLCJhdWQiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbSIsInN1YiI6IjAxOWJjMGZkLThhM2QtNzhkYy04ZGFmLWYzYWQwYjRjOWM3YSIsImlhdCI6MTc2ODQ3MDI0MCwiZXhwIjoxNzY4NDcxMTQwLCJqdGkiOiIwMTliYzEwYS01YjAwLTdiZTItODFiMy1jMGYzYTljODU5YWQiLCJzaWQiOiIwMTliYzBmZC04YTNkLTcyZGYtYTM5My1hZThlYWExZjg0MTgiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZX0.QV0HRUN46uKdVmYOfRPTL5wE2Ah0bn38FkQkNEd6J5CNj17WOezO3cdZDdrh8tm7wo-aSPKSOiyoInmtxeDIyg",
                 *       "refreshToken": "lk1.AAAAAQGbwP2KPXjcja_zrQtMnHoBm8D9ij1y36OTro6qH4QYAAAAAkKpxV0IP-LUMQNVkiz7v3pP0znmIv1S_ntfFCuazBeg",
                 *       "tokenType": "Bearer",
                 *       "expiresIn": 900
                 *     }
                 */
                "application/json": components["schemas"]["Refreshed"];
            };
        };
        /** @description The session has ended, if the token was valid. No body. */
        LoggedOut: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The user. */
        Me: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Me"];
            };
        };
        /** @description The live sessions, at most ten. */
        Sessions: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "sessions": [
                 *         {
                 *           "id": "019bc123-7f10-7b52-9c36-50c2f0c7a8d1",
                 *           "current": true,
                 *           "createdAt": "2026-01-15T10:11:12.345Z",
                 *           "lastUsedAt": "2026-01-15T10:26:12.345Z",
                 *           "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
                 *           "network": "192.0.2.7"
                 *         },
                 *         {
                 *           "id": "019bc0fd-8a3d-7a11-b0b4-0d1f5b6a7c8e",
                 *           "current": false,
                 *           "createdAt": "2026-01-15T09:30:00.125Z",
                 *           "lastUsedAt": "2026-01-15T09:30:00.125Z",
                 *           "userAgent": null,
                 *           "network": "2001:db8:1:2::/64"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["Sessions"];
            };
        };
        /** @description The session has ended. No body. */
        SessionEnded: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The email is recorded and will be sent. */
        MailQueued: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "message": "Welcome email queued"
                 *     }
                 */
                "application/json": components["schemas"]["MailQueued"];
            };
        };
        /** @description The email is recorded and will be sent. */
        VerificationMailQueued: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "message": "Verification email queued"
                 *     }
                 */
                "application/json": components["schemas"]["VerificationMailQueued"];
            };
        };
        /** @description The address is verified. No email is sent. */
        EmailAlreadyVerified: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "message": "Email already verified"
                 *     }
                 */
                "application/json": components["schemas"]["EmailAlreadyVerified"];
            };
        };
        /** @description The emails are recorded and will be sent. The address has not changed yet. */
        ConfirmationMailQueued: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "message": "Confirmation email queued"
                 *     }
                 */
                "application/json": components["schemas"]["ConfirmationMailQueued"];
            };
        };
        /** @description The reset is open if the address has an account. The response does not tell whether it has one. */
        ResetStarted: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "flow": "lkf1.bRyPDpp7TDWy5PGgnI1-Yw",
                 *       "expiresIn": 1800
                 *     }
                 */
                "application/json": components["schemas"]["ResetStarted"];
            };
        };
        /** @description The password is set. No session is open. */
        PasswordReset: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "deviceToken": "lkd1.AZvA_Yo9eNyNr_OtC0ycegABAgMEBQYHCAkKCwwNDg81peVxcpJPoMTlDPSqZL1nfFRXk6ryuvoAd4ZdfJI3Mw"
                 *     }
                 */
                "application/json": components["schemas"]["PasswordReset"];
            };
        };
        /** @description The user's data, as a document to save. */
        Export: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Disposition": components["headers"]["ContentDisposition"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Export"];
            };
        };
        /** @description The account is gone for its user. The stored data will be erased. */
        DeletionStarted: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "message": "Account deletion started"
                 *     }
                 */
                "application/json": components["schemas"]["DeletionStarted"];
            };
        };
        /** @description The public keys. */
        JwkSet: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlPublic"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                ETag: components["headers"]["ETag"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["JwkSet"];
            };
        };
        /** @description The discovery document. */
        Discovery: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlPublic"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                ETag: components["headers"]["ETag"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "issuer": "https://abcde12345.execute-api.eu-central-1.amazonaws.com",
                 *       "jwks_uri": "https://abcde12345.execute-api.eu-central-1.amazonaws.com/.well-known/jwks.json",
                 *       "id_token_signing_alg_values_supported": [
                 *         "ES256"
                 *       ],
                 *       "response_types_supported": [
                 *         "id_token"
                 *       ],
                 *       "subject_types_supported": [
                 *         "public"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["Discovery"];
            };
        };
        /** @description The client has the document, and may keep it for five more minutes. No body. */
        NotModified: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlPublic"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                ETag: components["headers"]["ETag"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description All checks passed. */
        Healthy: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "status": "ok",
                 *       "checks": {
                 *         "store": "ok",
                 *         "keys": "ok"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Healthy"];
            };
        };
        /** @description A check failed. */
        Unhealthy: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Retry-After": components["headers"]["RetryAfter"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Unhealthy"];
            };
        };
        /** @description The body or a header breaks the rules. `details` lists all failures at once. If the body as a whole cannot be read, `details` has one entry with an empty `path`. */
        ValidationFailed: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["ValidationFailedProblem"];
            };
        };
        /**
         * @description - `Validation failed`: the body breaks the rules. Nothing is used up.
         *     - `Invalid code`: the code or the link is wrong, expired, used up or unknown. The response does not tell which.
         *       A string that has not the form of a code or of a link is one of these too.
         */
        ValidationFailedOrInvalidCode: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["ValidationFailedProblem"] | components["schemas"]["InvalidCodeProblem"];
            };
        };
        /** @description The `Idempotency-Key` is not 1 to 255 visible ASCII characters. */
        InvalidHeader: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Validation failed",
                 *       "status": 400,
                 *       "error": "Validation failed",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q=",
                 *       "details": [
                 *         {
                 *           "path": [
                 *             "Idempotency-Key"
                 *           ],
                 *           "code": "invalid_string",
                 *           "message": "Idempotency-Key must be visible ASCII characters"
                 *         }
                 *       ]
                 *     }
                 */
                "application/problem+json": components["schemas"]["ValidationFailedProblem"];
            };
        };
        /** @description No active account has this address and this password. The response is the same for an unknown address, a wrong password and a disabled account. */
        InvalidCredentials: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "WWW-Authenticate": components["headers"]["WwwAuthenticate"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Invalid credentials",
                 *       "status": 401,
                 *       "error": "Invalid credentials",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["InvalidCredentialsProblem"];
            };
        };
        /** @description The refresh token is expired, revoked, reused or forged, or its user is disabled or deleted. The response is the same in all cases. The user has to log in again. */
        InvalidRefreshToken: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "WWW-Authenticate": components["headers"]["WwwAuthenticate"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Invalid token",
                 *       "status": 401,
                 *       "error": "Invalid token",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["InvalidTokenProblem"];
            };
        };
        /**
         * @description - `No token provided`: the request has no `Authorization` header with the scheme `Bearer`.
         *     - `Invalid token`: the access token is expired or invalid, or its user is disabled. A request that changes
         *       something also gets it if the token's session has ended. Refresh, then try again. If the refresh gets 401 too,
         *       the user has to log in again.
         */
        InvalidAccessToken: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "WWW-Authenticate": components["headers"]["WwwAuthenticate"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["NoTokenProblem"] | components["schemas"]["InvalidTokenProblem"];
            };
        };
        /** @description The request did not come through the deployment's own proxy. Call the address of the proxy. */
        Forbidden: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Forbidden",
                 *       "status": 403,
                 *       "error": "Forbidden",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["ForbiddenProblem"];
            };
        };
        /** @description The deployment has closed its registration. Users come by invitation. */
        RegistrationClosed: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Registration is closed",
                 *       "status": 403,
                 *       "error": "Registration is closed",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["RegistrationClosedProblem"];
            };
        };
        /** @description The password is not the user's. The access token is good: do not refresh it and do not sign the user out, but ask for the password again. */
        WrongPassword: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Wrong password",
                 *       "status": 403,
                 *       "error": "Wrong password",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["WrongPasswordProblem"];
            };
        };
        /** @description The access token is valid, but its user has been deleted, or is being deleted. */
        UserNotFound: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["UserNotFoundProblem"];
            };
        };
        /** @description The access token is valid, but its user has been deleted or has no live session with this id. */
        UserOrSessionNotFound: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["UserNotFoundProblem"] | components["schemas"]["SessionNotFoundProblem"];
            };
        };
        /** @description Mail to the user's address bounced for good or was reported as spam. Latchkey sends no more to it. */
        EmailSuppressed: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Email address suppressed",
                 *       "status": 409,
                 *       "error": "Email address suppressed",
                 *       "detail": "Mail to this address bounced, or was reported as spam. No more is sent",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["EmailSuppressedProblem"];
            };
        };
        /** @description The address already has an account. */
        UserExists: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "User already exists",
                 *       "status": 409,
                 *       "error": "User already exists",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["UserExistsProblem"];
            };
        };
        /** @description The body is larger than 8 KiB. */
        PayloadTooLarge: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Payload too large",
                 *       "status": 413,
                 *       "error": "Payload too large",
                 *       "detail": "The body may have 8192 bytes",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["PayloadTooLargeProblem"];
            };
        };
        /** @description The request has no `Content-Type`, or one that is not JSON. */
        UnsupportedMediaType: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Unsupported media type",
                 *       "status": 415,
                 *       "error": "Unsupported media type",
                 *       "detail": "Send JSON, with the header Content-Type: application/json",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["UnsupportedMediaTypeProblem"];
            };
        };
        /** @description An earlier request used this `Idempotency-Key` with another address, name or password, or its account has been disabled since. The response does not tell which. Nothing was done. */
        IdempotencyKeyReused: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Idempotency key reused",
                 *       "status": 422,
                 *       "error": "Idempotency key reused",
                 *       "detail": "The Idempotency-Key belongs to another request, or its account has changed: send a new key",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["IdempotencyKeyReusedProblem"];
            };
        };
        /** @description A limit is reached. Send the request again after `Retry-After`. */
        TooManyRequests: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Retry-After": components["headers"]["RetryAfter"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Too many requests",
                 *       "status": 429,
                 *       "error": "Too many requests",
                 *       "detail": "Try again when Retry-After has passed",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
            };
        };
        /** @description The service has a fault. The operator finds the cause in the log by `instance`. */
        InternalServerError: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Internal server error",
                 *       "status": 500,
                 *       "error": "Internal server error",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["InternalServerErrorProblem"];
            };
        };
        /** @description A service that Latchkey depends on did not answer in time, is overloaded, or is not set up yet. Send the same request again after `Retry-After`. */
        ServiceUnavailable: {
            headers: {
                "Cache-Control": components["headers"]["CacheControlNoStore"];
                "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                "Retry-After": components["headers"]["RetryAfter"];
                "Strict-Transport-Security": components["headers"]["StrictTransportSecurity"];
                "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                "X-Request-Id": components["headers"]["XRequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Service unavailable",
                 *       "status": 503,
                 *       "error": "Service unavailable",
                 *       "detail": "Try again in a moment",
                 *       "instance": "urn:request:Xk3mPhvHliAEJ5Q="
                 *     }
                 */
                "application/problem+json": components["schemas"]["ServiceUnavailableProblem"];
            };
        };
    };
    parameters: {
        /**
         * @description A name for this request. Make a new one for each request, hard to guess, such as a UUID. Send the same one again if the response was lost. (draft-ietf-httpapi-idempotency-key-header, but the value is taken as it is, without quotes.)
         * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
         */
        IdempotencyKey: string;
        /**
         * @description The `ETag` of the document that the client has, several of them, or `*`.
         * @example "4-B2ZSm5gTlzUhz5mbYaJRcOiT0f6hf6mQHyB7p3RZc"
         */
        IfNoneMatch: string;
    };
    requestBodies: never;
    headers: {
        /** @description No cache may keep the response. */
        CacheControlNoStore: "no-store";
        /** @description Any cache may keep the response for five minutes. */
        CacheControlPublic: "public, max-age=300";
        /** @description A response that a browser opens as a page can load nothing and cannot be framed. */
        ContentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'";
        /**
         * @description A name for the document. The date is in UTC.
         * @example attachment; filename="latchkey-2027-01-15.json"
         */
        ContentDisposition: string;
        /**
         * @description The version of the document, for `If-None-Match`.
         * @example "4-B2ZSm5gTlzUhz5mbYaJRcOiT0f6hf6mQHyB7p3RZc"
         */
        ETag: string;
        /**
         * @description The number of seconds to wait before the next try.
         * @example 2
         */
        RetryAfter: number;
        /**
         * @description Browsers must use HTTPS only.
         * @example max-age=63072000; includeSubDomains
         */
        StrictTransportSecurity: string;
        /** @description The scheme that protected routes expect. */
        WwwAuthenticate: "Bearer";
        /** @description Browsers must not guess another content type. */
        XContentTypeOptions: "nosniff";
        /**
         * @description The id of the request. In a problem, `instance` is `urn:request:` and this id.
         * @example Xk3mPhvHliAEJ5Q=
         */
        XRequestId: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    register: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request. Make a new one for each request, hard to guess, such as a UUID. Send the same one again if the response was lost. (draft-ietf-httpapi-idempotency-key-header, but the value is taken as it is, without quotes.)
                 * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterRequest"];
            };
        };
        responses: {
            201: components["responses"]["SignedIn"];
            400: components["responses"]["ValidationFailed"];
            403: components["responses"]["RegistrationClosed"];
            409: components["responses"]["UserExists"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            200: components["responses"]["SignedIn"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidCredentials"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "refreshToken": "lk1.AAAAAQGbwP2KPXjcja_zrQtMnHoBm8D9ij1y36OTro6qH4QYAAAAAU4ZcszoFKcOnBtTq3DyQdPNvG1zpDKfeS0ssHcQVcOQ"
                 *     }
                 */
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            200: components["responses"]["Refreshed"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidRefreshToken"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LogoutRequest"];
            };
        };
        responses: {
            204: components["responses"]["LoggedOut"];
            400: components["responses"]["ValidationFailed"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Me"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    changeName: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeNameRequest"];
            };
        };
        responses: {
            200: components["responses"]["Me"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Sessions"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the session in the list.
                 * @example 019bc123-7f10-7b52-9c36-50c2f0c7a8d1
                 */
                id: components["schemas"]["Uuid"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: components["responses"]["SessionEnded"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserOrSessionNotFound"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sendWelcomeEmail: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A name for this request. Make a new one for each request, hard to guess, such as a UUID. Send the same one again if the response was lost. (draft-ietf-httpapi-idempotency-key-header, but the value is taken as it is, without quotes.)
                 * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: components["responses"]["MailQueued"];
            400: components["responses"]["InvalidHeader"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            409: components["responses"]["EmailSuppressed"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    sendVerificationEmail: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["EmailAlreadyVerified"];
            202: components["responses"]["VerificationMailQueued"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            409: components["responses"]["EmailSuppressed"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    verifyEmail: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "code": "7K3M-9XQ2"
                 *     }
                 */
                "application/json": components["schemas"]["CodeRequest"];
            };
        };
        responses: {
            200: components["responses"]["Me"];
            400: components["responses"]["ValidationFailedOrInvalidCode"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    changeEmail: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "newEmail": "ada@example.org",
                 *       "password": "correct horse battery staple"
                 *     }
                 */
                "application/json": components["schemas"]["ChangeEmailRequest"];
            };
        };
        responses: {
            200: components["responses"]["Me"];
            202: components["responses"]["ConfirmationMailQueued"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidAccessToken"];
            403: components["responses"]["WrongPassword"];
            404: components["responses"]["UserNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    confirmEmail: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "code": "7K3M-9XQ2"
                 *     }
                 */
                "application/json": components["schemas"]["CodeRequest"];
            };
        };
        responses: {
            200: components["responses"]["SignedIn"];
            400: components["responses"]["ValidationFailedOrInvalidCode"];
            401: components["responses"]["InvalidAccessToken"];
            404: components["responses"]["UserNotFound"];
            409: components["responses"]["UserExists"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    forgotPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ForgotPasswordRequest"];
            };
        };
        responses: {
            202: components["responses"]["ResetStarted"];
            400: components["responses"]["ValidationFailed"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    resetPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResetPasswordRequest"];
            };
        };
        responses: {
            200: components["responses"]["PasswordReset"];
            400: components["responses"]["ValidationFailedOrInvalidCode"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    changePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "currentPassword": "correct horse battery staple",
                 *       "newPassword": "violet harbour 47 teapot"
                 *     }
                 */
                "application/json": components["schemas"]["ChangePasswordRequest"];
            };
        };
        responses: {
            200: components["responses"]["SignedIn"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidAccessToken"];
            403: components["responses"]["WrongPassword"];
            404: components["responses"]["UserNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    exportAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "password": "correct horse battery staple"
                 *     }
                 */
                "application/json": components["schemas"]["PasswordRequest"];
            };
        };
        responses: {
            200: components["responses"]["Export"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidAccessToken"];
            403: components["responses"]["WrongPassword"];
            404: components["responses"]["UserNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    deleteAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "password": "correct horse battery staple"
                 *     }
                 */
                "application/json": components["schemas"]["PasswordRequest"];
            };
        };
        responses: {
            202: components["responses"]["DeletionStarted"];
            400: components["responses"]["ValidationFailed"];
            401: components["responses"]["InvalidAccessToken"];
            403: components["responses"]["WrongPassword"];
            404: components["responses"]["UserNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    jwks: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The `ETag` of the document that the client has, several of them, or `*`.
                 * @example "4-B2ZSm5gTlzUhz5mbYaJRcOiT0f6hf6mQHyB7p3RZc"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["JwkSet"];
            304: components["responses"]["NotModified"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    openidConfiguration: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The `ETag` of the document that the client has, several of them, or `*`.
                 * @example "4-B2ZSm5gTlzUhz5mbYaJRcOiT0f6hf6mQHyB7p3RZc"
                 */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Discovery"];
            304: components["responses"]["NotModified"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Healthy"];
            500: components["responses"]["InternalServerError"];
            503: components["responses"]["Unhealthy"];
        };
    };
}
