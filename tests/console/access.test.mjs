// Accounts and tokens, and what is shown to whom.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, findBarriers, keepPicture, resize, startConsole } from './harness.mjs';

const password = 'correct horse battery';
const { node, browser, ui, withPage } = await startConsole();

async function signIn(page, name, secret = password) {
  await page.fill('#name', name);
  await page.fill('#password', secret);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`.rail:has-text("Signed in as ${name}")`);
}

async function menu(page, name, item) {
  await page.click(`[aria-label="More actions for ${name}"]`);
  await page.click(`[role=menuitem]:has-text("${item}")`);
}

const looks = [
  [1440, 'light'],
  [1024, 'dark'],
  [390, 'light'],
];

test('the first account is made here, and from then on nobody is anonymous', async () => {
  await withPage('access', async (page) => {
    await page.waitForSelector('#accounts .cmd:has-text("peercron account add")');
    await page.click('button:has-text("New account")');
    await page.waitForSelector('dialog:has-text("ends anonymous access")');
    await page.fill('#ask-name', 'ada');
    await page.fill('#ask-password', 'short');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.field:has(#ask-password) .error:has-text("8")');
    await page.fill('#ask-password', password);
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('h1:has-text("Sign in")');
    await signIn(page, 'ada');
    await page.waitForSelector('#accounts tr:has-text("ada"):has-text("owner")');
  });
});

test('accounts are added, changed and deleted by an owner', async () => {
  await withPage('access?view=accounts', async (page) => {
    await signIn(page, 'ada');
    await page.click('button:has-text("New account")');
    await page.fill('#ask-name', 'bob');
    await page.fill('#ask-password', password);
    await page.fill('#ask-tags', 'web');
    await page.selectOption('#ask-role', 'owner');
    await page.waitForSelector('.field:has(#ask-role) .help:has-text("everything")');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.field:has(#ask-tags) .error:has-text("owner")');
    await page.selectOption('#ask-role', 'operate');
    await keepPicture(page, 'new-account');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('tr:has-text("bob"):has-text("operate"):has-text("web")');
    await menu(page, 'bob', 'Change');
    await page.selectOption('#ask-role', 'read');
    await page.fill('#ask-tags', '');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('tr:has-text("bob"):has-text("read"):has-text("all jobs")');
    await menu(page, 'bob', 'Delete');
    await page.waitForSelector('dialog:has-text("sessions end at once")');
    await page.click('dialog button[type=submit]');
    await page.waitForFunction(() => !document.querySelector('main').textContent.includes('bob'));
  });
});

test('a new token is shown once, works, and is refused when it was deleted', async () => {
  await withPage('access?view=tokens', async (page) => {
    await signIn(page, 'ada');
    await page.click('button:has-text("New token")');
    await page.fill('#ask-name', 'deploy');
    await page.fill('#ask-expires', 'one day');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.field:has(#ask-expires) .error:has-text("one day")');
    await page.fill('#ask-expires', '3d');
    await page.click('dialog button[type=submit]');
    const secret = (await page.textContent('dialog .cmd')).trim();
    assert.match(secret, /^pcr_/);
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'new-token');
    assert.equal((await call(node.address, 'access/me', undefined, secret)).name, 'deploy');
    await page.click('dialog button:has-text("Close")');
    await page.waitForSelector('tr:has-text("deploy"):has-text("in ")');
    assert.ok(!(await page.content()).includes(secret), 'it is gone from the page');
    await page.reload();
    await page.waitForSelector('tr:has-text("deploy")');
    assert.ok(!(await page.content()).includes(secret));
    await menu(page, 'deploy', 'Delete');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.cmd:has-text("peercron token add")');
    await assert.rejects(call(node.address, 'node/list', undefined, secret), /401/);
  });
});

test('an owner sees all of it at every width, and the log of what was done', async () => {
  await withPage('access', async (page) => {
    await signIn(page, 'ada');
    const add = (path, fields) =>
      page.evaluate(([path, fields]) => fetch(path, { method: 'POST', body: JSON.stringify(fields), headers: { 'Content-Type': 'application/json' } }).then((answer) => answer.status), [path, fields]);
    const days = (n) => Math.floor(Date.now() / 1000) + n * 86_400;
    for (const [path, fields] of [
      ['/account/add', { name: 'dba', password, role: 'admin', tags: 'db, backup' }],
      ['/account/add', { name: 'auditor', password, role: 'read' }],
      ['/token/add', { name: 'grafana', role: 'read' }],
      ['/token/add', { name: 'partner-sync', role: 'operate', tags: 'partner', expires: days(3) }],
      ['/token/add', { name: 'deploy-token', role: 'admin', expires: days(120) }],
      ['/channel/add', { name: 'team', kind: 'feishu', url: 'http://127.0.0.1:9/hook', every_job: 1 }],
      ['/channel/add', { name: 'on-call', kind: 'webhook', url: 'http://127.0.0.1:9/hook', tags: 'db, backup' }],
      ['/lock/set', { name: 'ftp', limit: 2 }],
    ]) assert.equal(await add(path, fields), 200, path);
    await page.reload();
    await page.waitForSelector('#tokens tr:has-text("partner-sync"):has-text("in 3 d")');
    await page.waitForSelector('#log tr:has-text("ada"):has-text("token added")');
    await page.waitForSelector('.tabs a:has-text("Tokens 3")');
    for (const [width, scheme] of looks) {
      await page.emulateMedia({ colorScheme: scheme });
      await resize(page, width);
      assert.deepEqual(await findBarriers(page), [], `at ${width}, ${scheme}`);
      const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= window, `at ${width} it is ${wide} wide`);
      await keepPicture(page, `access-owner-${width}-${scheme}`);
    }
    await page.click('.tabs a:has-text("Access log")');
    await page.waitForSelector('#log tr:has-text("sign-in")');
    await keepPicture(page, 'access-log');
  });
});

test('who may only read, or sees some jobs alone, is offered nothing else', async () => {
  await withPage('access', async (page) => {
    await signIn(page, 'auditor');
    await page.waitForSelector('#you:has-text("all jobs")');
    await page.waitForSelector('#locks tr:has-text("ftp")');
    assert.equal(await page.locator('#accounts, #tokens, #channels, #log, .tabs a:has-text("Tokens")').count(), 0);
    assert.equal(await page.locator('#locks button').count(), 0);
    await page.goto(ui('pauses'));
    await page.waitForSelector('.answer:has-text("Nothing is paused")');
    assert.equal(await page.locator('main button').count(), 0);
  });
  await withPage('access', async (page) => {
    await signIn(page, 'dba');
    await page.waitForSelector('#you:has-text("db, backup")');
    assert.equal(await page.locator('#locks, #audit, .note.trouble').count(), 0);
    await keepPicture(page, 'access-limited');
  });
});

test('one changes the own password, which ends the session', async () => {
  await withPage('access', async (page) => {
    await signIn(page, 'auditor');
    await page.click('button:has-text("Change password")');
    await page.fill('#ask-password', 'not the old one');
    await page.fill('#ask-new_password', 'a better horse battery');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.field:has(#ask-password) .error');
    await page.fill('#ask-password', password);
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('h1:has-text("Sign in")');
    await signIn(page, 'auditor', 'a better horse battery');
  });
});
