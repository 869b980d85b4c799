// Single sign-on: from the page to an OpenID provider and back.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Browser, eventually, findBarriers, freePort, keepPicture, Node, root } from './harness.mjs';

let browser;
let node;
let provider;
let folder;

async function startProvider(redirectUri) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  folder = await mkdtemp(join(tmpdir(), 'peercron-provider-'));
  const people = join(folder, 'people.json');
  await writeFile(people, JSON.stringify({ ada: { sub: '17', preferred_username: 'ada' }, eve: { sub: '19', preferred_username: 'eve' } }));
  provider = spawn('node', [join(root, 'tests/oidc/provider.mjs'), String(port), people], {
    stdio: 'ignore',
    env: { ...process.env, REDIRECT_URIS: redirectUri },
  });
  await eventually(() => fetch(`${issuer}/jwks`));
  return issuer;
}

before(async () => {
  const configuration = async (address) => {
    const redirectUri = new URL('session/oidc/callback', address).href;
    const issuer = await startProvider(redirectUri);
    const secret = 'a secret of the tests & more';
    return `[oidc]
issuer = "${issuer}"
client_id = "peercron"
client_secret = "${secret}"
redirect_uri = "${redirectUri}"
name = "Test ID"
`;
  };
  [node, browser] = await Promise.all([Node.start(configuration), Browser.start()]);
  await node.post('account/add', { name: 'ada', role: 'owner', sso: true });
});
after(async () => {
  await browser?.stop();
  await node?.stop();
  provider?.kill('SIGKILL');
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function signIn(page, name) {
  await page.click('#provider:has-text("Sign in with Test ID")');
  await page.waitForSelector('input[name=login]');
  await page.fill('input[name=login]', name);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
}

test('the button leads to the provider, and back to where one wanted to go', async () => {
  const page = await browser.open(new URL('ui/access?view=accounts', node.address).href);
  try {
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
    await page.goto(new URL('ui/', node.address).href);
    await page.waitForSelector('#provider');
    assert.match(page.url(), /\/ui\/$/);
  } finally {
    await page.context().close();
  }
});

test('who may not come in is told why, and can try again', async () => {
  const page = await browser.open(new URL('ui/', node.address).href);
  try {
    await page.waitForSelector('#provider');
    await signIn(page, 'eve');
    await page.waitForSelector('h1:has-text("Not signed in")');
    await page.waitForSelector('p:has-text("peercron account add eve --sso")');
    await page.click('a:has-text("Sign in again")');
    await page.waitForSelector('#provider');
  } finally {
    await page.context().close();
  }
});
