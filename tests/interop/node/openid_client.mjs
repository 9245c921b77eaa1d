// npm openid-client v6 against a provider. Argument: JSON {issuer, redirectUri, postLogoutUri, resource, job}.
// Prints one JSON line with an address for the browser, reads one line with the address the browser
// ended at, and prints one JSON line with what each step saw. Any surprise is an exception.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline/promises'
import * as client from 'openid-client'

const { issuer, redirectUri, postLogoutUri, resource, job } = JSON.parse(process.argv[2])
const server = new URL(issuer)
const insecure = { execute: [client.allowInsecureRequests] } // the issuer of this test is on loopback
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const seen = {}

function say(value) {
  process.stdout.write(JSON.stringify(value) + '\n')
}

async function browse(url) {
  say({ browse: url.href })
  return new URL((await lines.next()).value)
}

async function refused(promise, error) {
  await assert.rejects(promise, (thrown) => thrown.error === error || assert.fail(`${thrown.error}: ${thrown}`))
}

// ── registration and discovery ──────────────────────────────────────────────────────────────────
const config = await client.dynamicClientRegistration(server, {
  client_name: 'openid-client interop',
  redirect_uris: [redirectUri],
  post_logout_redirect_uris: [postLogoutUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: 'openid profile email address phone offline_access notes.read',
}, client.ClientSecretBasic(), insecure)
const registered = config.clientMetadata()
assert.ok(registered.client_id && registered.client_secret && registered.registration_access_token)
assert.ok(config.serverMetadata().supportsPKCE())
assert.equal(config.serverMetadata().issuer, issuer)
client.enableNonRepudiationChecks(config) // verify ID token signatures by the JWKS too

// ── authorization code flow with PKCE, nonce, state ─────────────────────────────────────────────
async function authorize(extra = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const parameters = new URLSearchParams({
    redirect_uri: redirectUri, scope: 'openid profile email offline_access notes.read', state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
  })
  for (const one of [issuer, resource]) parameters.append('resource', one) // userinfo and the API (RFC 8707)
  const url = client.buildAuthorizationUrl(config, parameters)
  const current = await browse(url)
  return client.authorizationCodeGrant(config, current,
    { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true })
}

const tokens = await authorize()
const claims = tokens.claims()
assert.equal(tokens.token_type, 'bearer') // the library folds the case
assert.equal(typeof tokens.expiresIn(), 'number')
assert.ok(tokens.refresh_token && claims.sid && claims.auth_time)
seen.sub = claims.sub
seen.sid = claims.sid

// ── userinfo, introspection, refresh ────────────────────────────────────────────────────────────
seen.userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
seen.introspection = await client.tokenIntrospection(config, tokens.access_token)
assert.equal(seen.introspection.active, true)
assert.equal((await client.tokenIntrospection(config, 'junk')).active, false)
assert.equal((await client.tokenIntrospection(config, tokens.refresh_token)).active, true)

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, { resource })
assert.notEqual(renewed.access_token, tokens.access_token)
assert.notEqual(renewed.refresh_token, tokens.refresh_token)
assert.equal(renewed.claims()?.sub ?? claims.sub, claims.sub)
const narrowed = await client.refreshTokenGrant(config, renewed.refresh_token, { scope: 'openid email' })
assert.equal(narrowed.scope, 'openid email')
await refused(client.refreshTokenGrant(config, 'rt_junk'), 'invalid_grant')

// ── the protected API ───────────────────────────────────────────────────────────────────────────
async function callApi(token) {
  try {
    return (await client.fetchProtectedResource(config, token, new URL(resource + '/notes'), 'GET')).status
  } catch (error) {
    return error.cause?.[0]?.parameters?.error ?? String(error)
  }
}
assert.equal(await callApi(renewed.access_token), 200) // its audience is the API alone
await assert.rejects(client.fetchUserInfo(config, renewed.access_token, claims.sub))

// ── signed in already: no password again ────────────────────────────────────────────────────────
const silent = await authorize({ prompt: 'none' })
assert.equal(silent.claims().sid, claims.sid)

// ── revocation ends the client session ──────────────────────────────────────────────────────────
await client.fetchUserInfo(config, narrowed.access_token, claims.sub)
await client.tokenRevocation(config, narrowed.refresh_token)
await refused(client.refreshTokenGrant(config, narrowed.refresh_token), 'invalid_grant')
assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, false)
for (let tries = 0; tries < 50 && seen.api_after_revocation !== 'invalid_token'; tries++) {
  seen.api_after_revocation = await callApi(renewed.access_token) // it follows the log, and hears of it within its bound
  await new Promise((resolve) => setTimeout(resolve, 100))
}
await assert.rejects(client.fetchUserInfo(config, narrowed.access_token, claims.sub))
await client.tokenRevocation(config, 'junk')

// ── client credentials: a client of the operator, and one that registered itself ────────────────
const machine = await client.discovery(server, job.id, job.secret, undefined, insecure) // client_secret_post
const own = await client.clientCredentialsGrant(machine, { scope: 'notes.read', resource })
assert.equal(own.refresh_token, undefined)
assert.equal(await callApi(own.access_token), 200)
seen.machine = await client.tokenIntrospection(machine, own.access_token)
await client.tokenRevocation(machine, own.access_token)
assert.equal((await client.tokenIntrospection(machine, own.access_token)).active, false)
const stranger = await client.dynamicClientRegistration(server, {
  client_name: 'machine', redirect_uris: [], response_types: [], grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'client_secret_post', scope: 'notes.read',
}, undefined, insecure)
await refused(client.clientCredentialsGrant(stranger, { scope: 'notes.read' }), 'invalid_scope')

// ── discovery with what was registered, wrong secret ────────────────────────────────────────────
const discover = (secret) =>
  client.discovery(server, registered.client_id, secret, client.ClientSecretBasic(secret), insecure)
const again = await discover(registered.client_secret)
assert.equal(again.serverMetadata().token_endpoint, config.serverMetadata().token_endpoint)
const wrong = await discover('wrong')
await assert.rejects(client.tokenRevocation(wrong, 'x'), (error) => error.status === 401 && error.cause[0].scheme === 'basic')

// ── sign out ────────────────────────────────────────────────────────────────────────────────────
const fresh = await authorize()
const back = await browse(client.buildEndSessionUrl(config, {
  id_token_hint: fresh.id_token, post_logout_redirect_uri: postLogoutUri, state: 'bye',
}))
assert.equal(back.searchParams.get('state'), 'bye')
await assert.rejects(authorize({ prompt: 'none' }), (error) => error.error === 'login_required')

say({ seen })
process.exit(0)
