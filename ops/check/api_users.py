"""Gives each request of schemathesis a user of its own, so that one request can delete an account and the next one finds another.

`ops/check/api` uses it.
"""

import itertools
import json
import os
import urllib.request

import schemathesis

NUMBERS = itertools.count()


@schemathesis.auth(refresh_interval=None)
class NewUser:
    def get(self, case, context):
        # The password of the contract's examples, so that these are accepted.
        body = {"email": f"user{next(NUMBERS)}@example.net", "password": "correct horse battery staple"}
        request = urllib.request.Request(
            os.environ["LATCHKEY_URL"] + "/api/auth/register",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["accessToken"]

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"
