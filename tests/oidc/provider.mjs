// node provider.mjs PORT PEOPLE.json [ALGORITHM] [token|userinfo]: an OpenID provider on loopback for the tests of
// single sign-on, which is oidc-provider with people of its own.
//
// PEOPLE.json has them by the name that they sign in with: {"ada": {"sub": "17", "preferred_username": "ada",
// "groups": ["staff"]}}; it is read at each sign-in. ALGORITHM signs the ID tokens. The last argument says where the
// claims are.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, people, algorithm = 'RS256', claimsAre = 'userinfo'] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

function makeKey() {
  const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
  const namedCurve = curves[algorithm];
  const { privateKey } = namedCurve ? generateKeyPairSync('ec', { namedCurve }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: algorithm };
}

function find(login) {
  return JSON.parse(readFileSync(people, 'utf8'))[login];
}

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'peercron',
      client_secret: 'a secret of the tests & more',
      redirect_uris: (process.env.REDIRECT_URIS ?? '').split(' '),
      id_token_signed_response_alg: algorithm,
    },
  ],
  jwks: { keys: [makeKey()] },
  enabledJWA: { idTokenSigningAlgValues: [algorithm] },
  cookies: { keys: ['of the tests'] },
  pkce: { required: () => true, methods: ['S256'] },
  scopes: ['openid', 'profile'],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  conformIdTokenClaims: claimsAre === 'userinfo',
  ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 60, Interaction: 600, Session: 600 },
  async findAccount(_, login) {
    const person = find(login);
    return person && { accountId: login, claims: async () => person };
  },
  // Nobody is asked for a consent.
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log(`listening at ${issuer}`));
