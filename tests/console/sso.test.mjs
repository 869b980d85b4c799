// Single sign-on: from the page to an OpenID provider and back.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { eventually, findBarriers, freePort, keepPicture, root, startConsole } from './harness.mjs';

const people = { ada: { sub: '17', preferred_username: 'ada' }, eve: { sub: '19', preferred_username: 'eve' } };
const secret = 'a secret of the tests & more';

async function startProvider(redirectUri) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'peercron-provider-'));
  const file = join(folder, 'people.json');
  await writeFile(file, JSON.stringify(people));
  const provider = spawn('node', [join(root, 'tests/oidc/provider.mjs'), String(port), file], {
    stdio: 'ignore',
    env: { ...process.env, REDIRECT_URIS: redirectUri },
  });
  after(async () => {
    provider.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  await eventually(() => fetch(`${issuer}/jwks`));
  return issuer;
}

const { node, ui, withPage } = await startConsole(async (address) => {
  const redirectUri = new URL('session/oidc/callback', address).href;
  const issuer = await startProvider(redirectUri);
  return `[oidc]
issuer = "${issuer}"
client_id = "peercron"
client_secret = "${secret}"
redirect_uri = "${redirectUri}"
name = "Test ID"
`;
});
await node.post('account/add', { name: 'ada', role: 'owner', sso: true });

async function signIn(page, name) {
  await page.click('#provider:has-text("Sign in with Test ID")');
  await page.waitForSelector('input[name=login]');
  await page.fill('input[name=login]', name);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
}

test('the button leads to the provider, and back to where one wanted to go', async () => {
  await withPage('access?view=accounts', async (page) => {
    await page.waitForSelector('#provider');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'sign-in-with-provider');
    await signIn(page, 'ada');
    await page.waitForSelector('.rail:has-text("Signed in as ada")');
    assert.match(page.url(), /\/ui\/access\?view=accounts$/);
    await page.waitForSelector('#accounts tr:has-text("ada"):has-text("single sign-on")');
    await page.click('.rail button:has-text("Sign out")');
    await page.waitForSelector('#provider');
    // Where one wanted to go is not remembered for later.
    await page.goto(ui(''));
    await page.waitForSelector('#provider');
    assert.match(page.url(), /\/ui\/$/);
  });
});

test('a browser that keeps nothing for the page signs in all the same, and begins at the first screen', async () => {
  await withPage('', async (page) => {
    await page.addInitScript(() => {
      Object.defineProperty(window, 'sessionStorage', {
        get() {
          throw new DOMException('Access is denied for this document', 'SecurityError');
        },
      });
    });
    await page.goto(ui('access?view=accounts'));
    await signIn(page, 'ada');
    await page.waitForSelector('.rail:has-text("Signed in as ada")');
    assert.match(page.url(), /\/ui\/$/);
  });
});

test('who may not come in is told why, and can try again', async () => {
  await withPage('', async (page) => {
    await page.waitForSelector('#provider');
    await signIn(page, 'eve');
    await page.waitForSelector('h1:has-text("Not signed in")');
    await page.waitForSelector('p:has-text("peercron account add eve --sso")');
    await page.click('a:has-text("Sign in again")');
    await page.waitForSelector('#provider');
  });
});
