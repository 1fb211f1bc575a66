"""The checks of a deployed API, from outside: it is healthy, and a user can live a whole life in it.

The user's address is one of SES's mailbox simulator, so mail reaches no person and costs no reputation. No step needs a
code from a mail. The account is deleted at the end, also after a failure.
"""

import http.client
import json
import secrets
import time
import urllib.error
import urllib.request

from .command import Failure, say

# Longer than API Gateway waits for a function.
TIMEOUT = 35


class Answer:
    """What the API answered."""

    def __init__(self, status, body):
        self.status = status
        self.body = body

    def __getitem__(self, member):
        return self.body[member]

    def __str__(self):
        return f"{self.status} {json.dumps(self.body)[:300]}"


def call(url, method, path, body=None, token=None, headers=None):
    """Sends a request. No answer at all is the status 0."""
    headers = dict(headers or {})
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{url}{path}", data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        status, text = answer.code, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {"no answer": str(error)})
    try:
        return Answer(status, json.loads(text or b"null"))
    except ValueError:
        return Answer(status, {"not JSON": text[:200].decode(errors="replace")})


def expect(status, answer, what):
    """Fails with the answer if it has another status."""
    if answer.status != status:
        raise Failure(f"{what}: {status} was expected, and the answer is {answer}")
    return answer


def healthy(url, patience):
    """Checks that the service can work. Waits for the keys of a new stack for `patience` seconds."""
    end = time.monotonic() + patience
    while (answer := call(url, "GET", "/health")).status != 200 and time.monotonic() < end:
        time.sleep(2)
    expect(200, answer, "GET /health")
    keys = expect(200, call(url, "GET", "/.well-known/jwks.json"), "GET /.well-known/jwks.json")
    if not keys["keys"]:
        raise Failure("GET /.well-known/jwks.json: no key is published")
    expect(200, call(url, "GET", "/.well-known/openid-configuration"), "GET /.well-known/openid-configuration")
    say(f"healthy: {len(keys['keys'])} public keys")


def takes_requests(url):
    """Returns whether the API takes a request that comes straight from here, as it does unless it wants its proxy's secret."""
    return post(url, "logout", {}).status != 403


def closed(url):
    """Checks an API whose registration is closed: it says so, and login works as far as it can without an account."""
    credentials = {"email": f"success+{secrets.token_hex(8)}@simulator.amazonses.com", "password": secrets.token_urlsafe(48)}
    refused = expect(403, post(url, "register", credentials), "register")
    if refused["error"] != "Registration is closed":
        raise Failure(f"register: a closed registration was expected, and the answer is {refused}")
    expect(401, post(url, "login", credentials), "login without an account")
    expect(401, post(url, "refresh", {"refreshToken": "none"}), "refresh without a token")
    say("registration is closed, so no account was opened for the check")


def account(url):
    """Lives the life of an account, up to its deletion."""
    begun = time.monotonic()
    email = f"success+{secrets.token_hex(8)}@simulator.amazonses.com"
    # 64 characters, the most that MinPasswordLength can ask for.
    password = secrets.token_urlsafe(48)
    token = None
    try:
        opened = expect(201, post(url, "register", {"email": email, "password": password, "name": "Check"}), "register")
        token = opened["accessToken"]
        me = expect(200, call(url, "GET", "/api/auth/me", token=token), "me")
        if me["user"]["email"] != email:
            raise Failure(f"me: the account of {email} was expected, and the answer is {me}")
        signed_in = expect(200, post(url, "login", {"email": email, "password": password}), "login")
        first = signed_in["refreshToken"]
        refreshed = expect(200, post(url, "refresh", {"refreshToken": first}), "refresh")
        repeated = expect(200, post(url, "refresh", {"refreshToken": first}), "refresh after a lost answer")
        if repeated["refreshToken"] != refreshed["refreshToken"]:
            raise Failure("refresh after a lost answer: the token is another one")
        sessions = expect(200, call(url, "GET", "/api/auth/sessions", token=token), "sessions")
        if len(sessions["sessions"]) != 2:
            raise Failure(f"sessions: two were expected, and the answer is {sessions}")
        exported = expect(200, post(url, "account/export", {"password": password}, token), "account/export")
        if not exported["mails"]:
            raise Failure("account/export: the welcome mail is not recorded")
        forgot = expect(202, post(url, "password/forgot", {"email": email}), "password/forgot")
        wrong = {"flow": forgot["flow"], "code": "0000-0000", "newPassword": secrets.token_urlsafe(48)}
        expect(400, post(url, "password/reset", wrong), "password/reset with a wrong code")
        expect(204, post(url, "logout", {"refreshToken": repeated["refreshToken"]}), "logout")
        expect(401, post(url, "refresh", {"refreshToken": repeated["refreshToken"]}), "refresh after logout")
    finally:
        if token:
            deleted = post(url, "account/delete", {"password": password}, token)
            say(f"the account of the check is deleted: {deleted.status}")
    expect(202, deleted, "account/delete")
    expect(404, call(url, "GET", "/api/auth/me", token=token), "me after the deletion")
    say(f"an account lived from its registration to its deletion in {time.monotonic() - begun:.1f}s")


def post(url, route, body, token=None):
    return call(url, "POST", f"/api/auth/{route}", body, token)
