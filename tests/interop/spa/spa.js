// A single-page app on oidc-client-ts. The test sets ?authority=…&client_id=…&resource=… once; they are
// kept for the way back. Each step is a function that the test calls.
const query = new URLSearchParams(location.search)
for (const name of ['authority', 'client_id', 'resource']) {
  if (query.has(name)) sessionStorage.setItem(`spa.${name}`, query.get(name))
}
const manager = new oidc.UserManager({
  authority: sessionStorage.getItem('spa.authority'),
  client_id: sessionStorage.getItem('spa.client_id'),
  resource: [sessionStorage.getItem('spa.authority'), sessionStorage.getItem('spa.resource')], // userinfo, API
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/bye`,
  scope: 'openid profile email offline_access notes.read',
  loadUserInfo: true,
  monitorSession: false,
  automaticSilentRenew: false,
})

const show = (user) => user && { profile: user.profile, access: user.access_token, refresh: user.refresh_token, id: user.id_token }

window.spa = {
  signIn: () => manager.signinRedirect({ state: 'kept' }),
  finish: async () => {
    const user = await manager.signinRedirectCallback()
    return { ...show(user), state: user.state }
  },
  renew: async () => show(await manager.signinSilent()),
  revoke: () => manager.revokeTokens(['refresh_token']),
  signOut: () => manager.signoutRedirect(),
  signedOut: async () => ({ ...(await manager.signoutRedirectCallback()) }),
}
