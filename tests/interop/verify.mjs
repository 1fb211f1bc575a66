// Verifies a token by discovery alone with `jose`, and makes tokens that Latchkey must refuse.
// Environment: ISSUER, TOKEN. Prints the forged tokens as JSON: what is wrong with each, and the token.

import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, generateKeyPair, jwtVerify, SignJWT } from "jose";

const { ISSUER, TOKEN } = process.env;
const discovery = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
if (discovery.issuer !== ISSUER) throw new Error(`the issuer calls itself ${discovery.issuer}`);

const { payload, protectedHeader } = await jwtVerify(TOKEN, createRemoteJWKSet(new URL(discovery.jwks_uri)), {
  issuer: discovery.issuer,
  audience: "latchkey",
  algorithms: discovery.id_token_signing_alg_values_supported,
  typ: "at+jwt",
  requiredClaims: ["sub", "iat", "exp", "jti", "sid"],
  maxTokenAge: "15 minutes",
});
if (!payload.sub) throw new Error("no user");

const claims = decodeJwt(TOKEN);
const header = decodeProtectedHeader(TOKEN);
const { privateKey } = await generateKeyPair(protectedHeader.alg);
const sign = (change, changeHeader) =>
  new SignJWT({ ...claims, ...change }).setProtectedHeader({ ...header, ...changeHeader }).sign(privateKey);
console.log(JSON.stringify({
  "jose: a wrong key": await sign({}, {}),
  "jose: a wrong typ": await sign({}, { typ: "JWT" }),
  "jose: a wrong audience": await sign({ aud: "other" }, {}),
  "jose: a wrong issuer": await sign({ iss: "https://example.com" }, {}),
}));
