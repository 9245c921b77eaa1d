// npm openid-client v6 with what OAuth has grown: device grant, FAPI 2.0 (PAR, JAR, JARM, DPoP, private_key_jwt), CIBA.
// Argument: JSON {issuer, redirectUri, fapi: {id, jwk}, till: {id, jwk}, email}. Prints JSON lines that ask for a
// person: {browse}, {device}, {approve}; reads one line for each; at the end one line with what was seen.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline/promises'
import * as client from 'openid-client'

const { issuer, redirectUri, fapi, till, email } = JSON.parse(process.argv[2])
const server = new URL(issuer)
const insecure = { execute: [client.allowInsecureRequests] } // the issuer of this test is on loopback
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const seen = {}

async function person(wish) {
  process.stdout.write(JSON.stringify(wish) + '\n')
  return (await lines.next()).value
}

async function key(jwk) {
  const { kid, ...rest } = jwk
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return { key: await crypto.subtle.importKey('jwk', { ...rest, key_ops: ['sign'] }, algorithm, false, ['sign']), kid }
}

// ── device grant (RFC 8628) by a client that registers itself ───────────────────────────────────
{
  const config = await client.dynamicClientRegistration(server, {
    client_name: 'openid-client television', redirect_uris: [],
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], response_types: [],
    token_endpoint_auth_method: 'client_secret_basic', scope: 'openid email offline_access',
  }, client.ClientSecretBasic(), insecure)
  const begun = await client.initiateDeviceAuthorization(config, { scope: 'openid email offline_access' })
  assert.ok(begun.verification_uri_complete.includes(begun.user_code))
  await person({ device: begun.verification_uri_complete })
  const tokens = await client.pollDeviceAuthorizationGrant(config, begun)
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  const again = await client.refreshTokenGrant(config, tokens.refresh_token)
  seen.device = { email: info.email, refreshed: again.access_token !== tokens.access_token }
}

// ── FAPI 2.0 Message Signing: pushed and signed requests, signed answers, proofs of the key ─────
{
  const own = await key(fapi.jwk)
  const config = await client.discovery(server, fapi.id, {
    id_token_signed_response_alg: 'ES256', authorization_signed_response_alg: 'ES256',
  }, client.PrivateKeyJwt(own), insecure)
  client.useJwtResponseMode(config)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const signed = await client.buildAuthorizationUrlWithJAR(config, {
    redirect_uri: redirectUri, scope: 'openid email', state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }, own)
  const url = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP })
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  const current = new URL(await person({ browse: url.href }))
  assert.ok(current.searchParams.get('response'), 'the answer is a JWT')
  const tokens = await client.authorizationCodeGrant(config, current,
    { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, { DPoP })
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP })
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), 'a bound token is no bearer token')
  seen.fapi = { email: info.email, type: tokens.token_type.toLowerCase() }
}

// ── CIBA, polled for ────────────────────────────────────────────────────────────────────────────
{
  const config = await client.discovery(server, till.id, {}, client.PrivateKeyJwt(await key(till.jwk)), insecure)
  const begun = await client.initiateBackchannelAuthentication(config, {
    scope: 'openid email', login_hint: email, binding_message: 'W4-SCT',
  })
  await person({ approve: 'W4-SCT' })
  const tokens = await client.pollBackchannelAuthenticationGrant(config, begun)
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  seen.ciba = { email: info.email }
}

process.stdout.write(JSON.stringify({ seen }) + '\n')
process.exit(0)
