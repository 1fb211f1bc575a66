"""Verifies a token by discovery alone with `joserfc`, and makes tokens that Latchkey must refuse.

Environment: ISSUER, TOKEN. Prints the forged tokens as JSON: what is wrong with each, and the token.
"""

import json
import os
import urllib.request

from joserfc import jwk, jwt

ISSUER, TOKEN = os.environ["ISSUER"], os.environ["TOKEN"]


def fetched(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


discovery = fetched(f"{ISSUER}/.well-known/openid-configuration")
assert discovery["issuer"] == ISSUER, discovery
algorithms = discovery["id_token_signing_alg_values_supported"]
keys = jwk.KeySet.import_key_set(fetched(discovery["jwks_uri"]))

token = jwt.decode(TOKEN, keys, algorithms=algorithms)
assert token.header["typ"] == "at+jwt", token.header
registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": "latchkey"},
    sub={"essential": True},
    exp={"essential": True},
    iat={"essential": True},
    sid={"essential": True},
)
registry.validate(token.claims)

algorithm = token.header["alg"]
stranger = jwk.ECKey.generate_key("P-256") if algorithm == "ES256" else jwk.RSAKey.generate_key(2048)


def signed(claims, header, key=stranger, algorithm=algorithm):
    return jwt.encode({**token.header, **header}, {**token.claims, **claims}, key, algorithms=[algorithm])


public = keys.get_by_kid(token.header["kid"]).as_dict(private=False)
secret = jwk.OctKey.import_key(public.get("n") or public["x"])  # RFC 8725, 2.1: what all know, as the secret
print(json.dumps({
    "joserfc: a wrong key": signed({}, {}),
    "joserfc: a wrong typ": signed({}, {"typ": "JWT"}),
    "joserfc: a wrong audience": signed({"aud": "other"}, {}),
    "joserfc: an HMAC": signed({}, {"alg": "HS256"}, secret, "HS256"),
}))
