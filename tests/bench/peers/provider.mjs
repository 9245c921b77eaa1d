// oidc-provider with a small Redis adapter, as many processes as it is told; PORT, REDIS_URL, PROCESSES, SEEDED.
// The first process makes what is measured (codes, access and refresh tokens), writes it to SEEDED as JSON,
// and only then do the others and itself listen.
import cluster from 'node:cluster'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createClient } from 'redis'

const { PORT, REDIS_URL, PROCESSES = '2', SEEDED, CODES = '32000', SESSIONS = '10000' } = process.env
const ISSUER = `http://127.0.0.1:${PORT}`
const SCOPE = 'openid profile email offline_access'
const API = 'https://api.example'

if (cluster.isPrimary) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const KEY = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'bench' })
  const first = cluster.fork({ KEY, SEED: '1' })
  first.once('message', () => {
    for (let left = Number(PROCESSES) - 1; left > 0; left--) cluster.fork({ KEY })
  })
  process.on('SIGTERM', () => process.exit(0))
} else {
  await serve()
}

async function serve() {
  const redis = createClient({ url: REDIS_URL })
  await redis.connect()
  const { default: Provider } = await import('oidc-provider')
  const provider = new Provider(ISSUER, {
    adapter: adapterOver(redis),
    clients: [{
      client_id: 'photos', client_secret: 'bench-secret-of-photos', redirect_uris: ['https://photos.example/callback'],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    scopes: [...SCOPE.split(' '), 'notes.read'],
    jwks: { keys: [JSON.parse(process.env.KEY)] },
    cookies: { keys: ['bench'] },
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    findAccount: (_ctx, id) => ({
      accountId: id, claims: () => ({ sub: id, name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true }),
    }),
    pkce: { required: () => false },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, AuthorizationCode: 3600, ClientCredentials: 900, IdToken: 900, RefreshToken: 86400, Grant: 86400 },
    features: {
      devInteractions: { enabled: false }, clientCredentials: { enabled: true }, introspection: { enabled: true },
      userinfo: { enabled: true },
      resourceIndicators: {
        enabled: true, defaultResource: (_ctx, _client, oneOf) => oneOf, useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'notes.read', audience: API, accessTokenFormat: 'jwt', accessTokenTTL: 900 }),
      },
    },
  })
  if (process.env.SEED) {
    writeFileSync(SEEDED, JSON.stringify(await seed(provider)))
    process.send('seeded')
  }
  provider.listen(Number(PORT), '127.0.0.1', () => console.log('Started worker-'))
}

// Adapter contract: github.com/panva/node-oidc-provider/blob/main/example/my_adapter.js
function adapterOver(redis) {
  const consumable = new Set(['AuthorizationCode', 'RefreshToken'])
  return class {
    constructor(name) { this.name = name }
    key(id) { return `${this.name}:${id}` }
    async upsert(id, payload, expiresIn) {
      await redis.set(this.key(id), JSON.stringify(payload), expiresIn ? { EX: expiresIn } : undefined)
    }
    async find(id) {
      const found = await redis.get(this.key(id))
      return found === null ? undefined : JSON.parse(found)
    }
    async consume(id) {
      if (!consumable.has(this.name)) return
      const found = await this.find(id)
      if (found) await redis.set(this.key(id), JSON.stringify({ ...found, consumed: Math.floor(Date.now() / 1000) }), { KEEPTTL: true })
    }
    async destroy(id) { await redis.del(this.key(id)) }
    async findByUid() { return undefined }
    async findByUserCode() { return undefined }
    async revokeByGrantId() {}
  }
}

async function seed(provider) {
  const client = await provider.Client.find('photos')
  const made = { codes: [], access: [], refresh: [] }
  const authTime = Math.floor(Date.now() / 1000)
  for (let n = 0; n < Math.max(Number(CODES), Number(SESSIONS)); n++) {
    const accountId = createHash('sha256').update(String(n % 2500)).digest('hex').slice(0, 32)
    const grant = new provider.Grant({ accountId, clientId: 'photos' })
    grant.addOIDCScope(SCOPE)
    const grantId = await grant.save()
    const base = { accountId, authTime, client, grantId, scope: SCOPE, gty: 'authorization_code', acr: '0', claims: {} }
    if (n < Number(CODES)) {
      made.codes.push(await new provider.AuthorizationCode({ ...base, redirectUri: 'https://photos.example/callback' }).save())
    }
    if (n < Number(SESSIONS)) {
      made.access.push(await new provider.AccessToken(base).save())
      made.refresh.push(await new provider.RefreshToken({ ...base, rotations: 0, iiat: authTime }).save())
    }
  }
  return made
}
