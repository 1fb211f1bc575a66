"""Journeys of users, over HTTP, with the codes of their mails."""

import secrets

from release.journeys import expect
from tier import check, now, say, wait_for

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "violet harbour 47 teapot"


def register(tier, email):
    """Opens an account, and returns the answer."""
    return expect(201, tier.post("register", {"email": email, "password": PASSWORD, "name": "Ada"}), "register")


def login(tier, email, password, status=200):
    return expect(status, tier.post("login", {"email": email, "password": password}), "login")


def ada(tier):
    """Lives a whole life: every route that a user meets, and every code that is mailed."""
    email, other = f"ada-{secrets.token_hex(4)}@example.com", f"lovelace-{secrets.token_hex(4)}@example.com"
    opened = register(tier, email)
    expect(409, tier.post("register", {"email": email, "password": NEW_PASSWORD}), "register again")
    code = tier.code(email, "Welcome")
    verified = expect(200, tier.post("email/verify", {"code": code}, opened["accessToken"]), "email/verify")
    check(verified["user"]["emailVerified"] is True, "the mailed code verifies", verified.body)
    say("registered, and verified by the mailed code")

    login(tier, email, "not her password", status=401)
    first = login(tier, email, PASSWORD)["refreshToken"]
    second = expect(200, tier.post("refresh", {"refreshToken": first}), "refresh")["refreshToken"]
    repeated = expect(200, tier.post("refresh", {"refreshToken": first}), "refresh after a lost answer")["refreshToken"]
    check(second == repeated != first, "the lost answer is the same token")
    expect(204, tier.post("logout", {"refreshToken": second}), "logout")
    expect(401, tier.post("refresh", {"refreshToken": second}), "refresh after logout")
    say("logged in, refreshed, recovered a lost answer, logged out")

    flow = expect(202, tier.post("password/forgot", {"email": email}), "password/forgot")["flow"]
    reset = {"flow": flow, "code": tier.code(email, "Reset"), "newPassword": NEW_PASSWORD}
    expect(200, tier.post("password/reset", reset), "password/reset")
    login(tier, email, PASSWORD, status=401)
    token = login(tier, email, NEW_PASSWORD)["accessToken"]
    changed = {"currentPassword": NEW_PASSWORD, "newPassword": PASSWORD}
    token = expect(200, tier.post("password/change", changed, token), "password/change")["accessToken"]
    say("reset the password by the mailed code, and changed it back")

    expect(202, tier.post("email/change", {"newEmail": other, "password": PASSWORD}, token), "email/change")
    code = tier.code(other, "Confirm")
    confirmed = expect(200, tier.post("email/confirm", {"code": code}, token), "email/confirm")
    check(confirmed["user"]["email"] == other, "the address is the new one", confirmed.body)
    login(tier, email, PASSWORD, status=401)
    token = login(tier, other, PASSWORD)["accessToken"]
    exported = expect(200, tier.post("account/export", {"password": PASSWORD}, token), "account/export")
    kinds = sorted(mail["kind"] for mail in exported["mails"])
    say(f"changed the address, and exported {len(exported['sessions'])} sessions and {len(kinds)} mails")
    erase(tier, exported["user"]["id"], other, token)


def erase(tier, user, email, token):
    """Deletes the account, and has the sweeper erase it."""
    expect(202, tier.post("account/delete", {"password": PASSWORD}, token), "account/delete")
    expect(404, tier.get("/api/auth/me", token), "me after the deletion")
    tier.mail(email, "deleted")
    before = len(tier.rows(user))
    profile = {"pk": {"S": f"USER#{user}"}, "sk": {"S": "PROFILE"}}

    def first_pass():
        tier.sweep()
        rows = tier.rows(user)
        return rows if len(rows) == 1 and "firstPassAt" in rows[0] else None

    [row] = wait_for("the first pass of the erasure", first_pass)
    check(row["sk"]["S"] == "PROFILE", "the profile goes last", row)
    # The second pass begins a quarter of an hour later.
    tier.move(profile, firstPassAt=now() - 16 * 60_000, due=now() - 60_000)
    wait_for("the second pass of the erasure", lambda: tier.sweep() or not tier.rows(user))
    login(tier, email, PASSWORD, status=401)
    say(f"deleted: {before} rows were erased in two passes of the sweeper, and the address is free")
