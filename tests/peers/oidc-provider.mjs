// An identity provider for tests: the certified npm `oidc-provider`, on loopback and a free port.
//
// Prints one line of JSON when it is ready, then serves until its standard input closes:
//   { layout, issuer, endpoints, control, clients, resources, kid, ca }
//
// `--help` lists the options. The control address is another port; its requests are not counted:
//   POST /rotate?keep=true    makes a new signing key; the JWKS keeps the old key (keep=false: drops it)
//   POST /lifetime?seconds=N  sets the lifetime of tokens from now on
//   GET  /requests            tells how often each endpoint was requested: { token, jwks, discovery, … }
//   POST /requests/reset      sets these counts to 0

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

// Standard output must carry only the one JSON line, but the library logs to the console.
console.log = console.info = console.error;

const { exportJWK, generateKeyPair } = await import('jose');
const { default: Provider, errors } = await import('oidc-provider');

const API = 'https://api.etdi-tools.demo.com';
const ATTESTATIONS = 'https://attestations.etdi-tools.demo.com';
const SCOPES = [
  'create:resource-servers',
  'read:resource-servers',
  'update:resource-servers',
  'delete:resource-servers',
  'execute:tools',
];

/** The clients, and the scopes of each resource that they may have. */
const CLIENTS = [
  { id: 'etdi-tool-registry', secret: 'registry-secret-for-tests', grants: { [API]: SCOPES, [ATTESTATIONS]: [] } },
  {
    id: 'etdi-demo-server',
    secret: 'demo-server-secret-for-tests',
    grants: { [API]: ['execute:tools', 'read:resource-servers'], [ATTESTATIONS]: [] },
  },
  { id: 'etdi-other-client', secret: 'other-client-secret-for-tests', grants: { [API]: [], [ATTESTATIONS]: [] } },
];

const RESOURCES = { [API]: SCOPES, [ATTESTATIONS]: [], 'https://another-api.etdi-tools.demo.com': ['execute:tools'] };

const HELP = `node oidc-provider.mjs [options]
  --layout plain|auth0        where the endpoints are and what tokens look like (plain)
  --lifetime SECONDS          of access tokens (86400)
  --claim CLAIM=PARAMETER     a claim set from a parameter of the token request, parsed as JSON; may be repeated
  --clients JSON              [{"id","secret","grants":{"<resource>":["<scope>"]},"auth":"client_secret_post"}]
  --resources JSON            {"<resource>":["<scope>"]}
  --dpop-nonce                DPoP proofs need the server's nonce
  --tls-key F --tls-cert F    serve https with this key and certificate (PEM)
  --host NAME                 the host in the issuer: 127.0.0.1 or localhost (127.0.0.1)`;

const { values: options } = parseArgs({
  options: {
    layout: { type: 'string', default: 'plain' },
    lifetime: { type: 'string', default: '86400' },
    claim: { type: 'string', multiple: true, default: [] },
    clients: { type: 'string' },
    resources: { type: 'string' },
    'dpop-nonce': { type: 'boolean', default: false },
    'tls-key': { type: 'string' },
    'tls-cert': { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const clients = options.clients ? JSON.parse(options.clients) : CLIENTS;
const resources = options.resources ? JSON.parse(options.resources) : RESOURCES;
const claims = options.claim.map((text) => {
  // The name of the claim is usually a URI, which may hold `=`; the name of the parameter does not.
  const at = text.lastIndexOf('=');
  if (at < 1) fail(`--claim ${text}: expected CLAIM=PARAMETER`);
  return [text.slice(0, at), text.slice(at + 1)];
});
let lifetime = seconds(options.lifetime);

/** The differences between vendors. */
const LAYOUTS = {
  plain: {
    issuer: (base) => base,
    routes: { token: '/token', jwks: '/jwks', introspection: '/token/introspection', revocation: '/token/revocation' },
    prepare() {},
    token() {},
  },
  auth0: {
    issuer: (base) => `${base}/`,
    routes: {
      token: '/oauth/token',
      jwks: '/.well-known/jwks.json',
      introspection: '/oauth/introspect',
      revocation: '/oauth/revoke',
    },
    // `audience` names the API. A request without `scope` gets every scope that the client has for the
    // API.
    prepare(body) {
      const { audience, ...rest } = body;
      const client = clients.find(({ id }) => id === body.client_id);
      return { ...rest, resource: audience, scope: body.scope ?? client?.grants[audience]?.join(' ') };
    },
    token({ header, payload }) {
      const { client_id: client, jti, ...rest } = payload;
      return {
        header: { ...header, typ: 'JWT' },
        payload: { ...rest, sub: `${client}@clients`, azp: client, gty: 'client-credentials' },
      };
    },
  },
};
const layout = LAYOUTS[options.layout] ?? fail(`--layout ${options.layout}: there are ${Object.keys(LAYOUTS).join(', ')}`);

const dpopNonceSecret = randomBytes(32);
const cookieKey = randomBytes(32).toString('base64url');
let keys = [await signingKey()];
let counts = {};

const tls = options['tls-key']
  ? { key: readFileSync(options['tls-key']), cert: readFileSync(options['tls-cert'] ?? fail('--tls-key needs --tls-cert')) }
  : undefined;
const server = tls ? https.createServer(tls) : http.createServer();
const port = await listen(server);
const base = `${tls ? 'https' : 'http'}://${options.host}:${port}`;
const issuer = layout.issuer(base);
const DISCOVERY = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];
const named = new Map([...DISCOVERY.map((path) => [path, 'discovery']), ...Object.entries(layout.routes).map(([name, path]) => [path, name])]);

let serve = provider();
server.on('request', (request, response) => {
  const path = new URL(request.url, base).pathname;
  const name = named.get(path) ?? path;
  counts[name] = (counts[name] ?? 0) + 1;
  serve(request, response);
});

const control = http.createServer(async (request, response) => {
  const url = new URL(request.url, base);
  const answer = await command(`${request.method} ${url.pathname}`, url.searchParams).catch((error) => ({ error: error.message }));
  response.writeHead(answer === undefined ? 404 : answer.error ? 400 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer ?? { error: 'no such command' }));
});
const controlPort = await listen(control);

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));

const endpoints = Object.fromEntries(Object.entries(layout.routes).map(([name, path]) => [name, base + path]));
process.stdout.write(
  `${JSON.stringify({
    layout: options.layout,
    issuer,
    endpoints,
    control: `http://127.0.0.1:${controlPort}`,
    clients,
    resources,
    kid: keys[0].kid,
    ca: tls && options['tls-cert'],
  })}\n`,
);

async function command(name, parameters) {
  switch (name) {
    case 'POST /rotate': {
      const fresh = await signingKey();
      keys = parameters.get('keep') === 'true' ? [fresh, ...keys] : [fresh];
      serve = provider();
      return { kid: fresh.kid, kids: keys.map(({ kid }) => kid) };
    }
    case 'POST /lifetime':
      lifetime = seconds(parameters.get('seconds'));
      return { lifetime };
    case 'GET /requests':
      return counts;
    case 'POST /requests/reset':
      counts = {};
      return counts;
    default:
      return undefined;
  }
}

/** The request handler of a provider with the current keys. Its tokens live on in its store. */
function provider() {
  const oidc = new Provider(issuer, {
    clients: clients.map(({ id, secret, auth }) => ({
      client_id: id,
      client_secret: secret,
      token_endpoint_auth_method: auth ?? 'client_secret_post',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    clientAuthMethods: ['client_secret_post', 'client_secret_basic', 'none'],
    cookies: { keys: [cookieKey] },
    jwks: { keys },
    routes: layout.routes,
    scopes: [...new Set(Object.values(resources).flat())],
    ttl: { ClientCredentials: () => lifetime },
    extraTokenClaims: ({ oidc: { body } }) => claimsFrom(body ?? {}),
    formats: {
      customizers: {
        jwt(context, token, jwt) {
          Object.assign(jwt, layout.token(jwt));
        },
      },
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: dpopNonceSecret, requireNonce: () => options['dpop-nonce'] },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (context, resource, client) => resourceServer(resource, client.clientId),
      },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
  });
  oidc.on('server_error', (context, error) => console.error(error));
  oidc.use(vendorBody);
  return oidc.callback();
}

/** Leaves scopes that the client was not granted out of the token, without an error, as the vendors do. */
function resourceServer(resource, client) {
  if (!(resource in resources)) throw new errors.InvalidTarget(`there is no API ${resource}`);
  const granted = clients.find(({ id }) => id === client)?.grants[resource];
  if (!granted) throw new errors.InvalidTarget(`${client} is not authorized for ${resource}`);
  return {
    scope: resources[resource].filter((scope) => granted.includes(scope)).join(' '),
    audience: resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL: lifetime,
    jwt: { sign: { alg: 'RS256' } },
  };
}

function claimsFrom(body) {
  const wanted = claims.filter(([, parameter]) => body[parameter] !== undefined);
  return Object.fromEntries(
    wanted.map(([claim, parameter]) => {
      try {
        return [claim, JSON.parse(body[parameter])];
      } catch {
        throw new errors.InvalidRequest(`${parameter} is not JSON`);
      }
    }),
  );
}

/** Brings a vendor's request, JSON or form, into the form of RFC 6749 and RFC 8707. */
async function vendorBody(context, next) {
  if (context.method === 'POST' && named.has(context.path)) {
    const chunks = [];
    for await (const chunk of context.req) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    let body;
    try {
      body = context.is('json') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
    } catch {
      context.status = 400;
      context.body = { error: 'invalid_request', error_description: 'the request body is not JSON' };
      return;
    }
    const isToken = context.path === layout.routes.token;
    const standard = (isToken && layout.prepare(body)) || body;
    context.req.headers['content-type'] = 'application/x-www-form-urlencoded';
    context.req.body = Object.fromEntries(
      Object.entries(standard)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    );
  }
  await next();
}

async function signingKey() {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: randomBytes(8).toString('hex') };
}

function listen(which) {
  return new Promise((resolve, reject) => {
    which.once('error', reject);
    which.listen(0, '127.0.0.1', () => resolve(which.address().port));
  });
}

function seconds(text) {
  const number = Number(text);
  return text !== null && Number.isInteger(number) && number > 0 ? number : fail(`a lifetime of ${text} seconds`);
}

function fail(message) {
  throw new Error(message);
}
