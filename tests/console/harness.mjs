// What the tests of the console work with: real nodes, a real Chromium, and axe.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const binary = process.env.PEERCRON_BINARY ?? join(root, 'build/release/peercron');
const pictures = join(process.env.PEERCRON_BUILD_DIR ?? join(root, 'build'), 'console');

// The packages of the console's own tools.
const require = createRequire(join(root, 'console/package.json'));
const { chromium } = require('playwright-core');
const axeSource = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');

export const widths = [1440, 1024, 390];

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries again until it does not throw, for as long as a busy machine may take. */
export async function eventually(check, seconds = 120) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** One call, past the console. */
export async function call(address, path, parameters, token) {
  const response = await fetch(new URL(path, address), {
    method: parameters ? 'POST' : 'GET',
    headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: parameters && JSON.stringify(parameters),
  });
  const { data, message } = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${message}`);
  return data;
}

/** A node that is alone, with a folder of its own. */
export class Node {
  /** @param configuration its text, or a function of the address */
  static async start(configuration = '') {
    const node = new Node();
    node.folder = await mkdtemp(join(process.env.PEERCRON_TEST_DIR ?? tmpdir(), 'peercron-console-'));
    node.port = await freePort();
    node.address = `http://127.0.0.1:${node.port}/`;
    const text = typeof configuration === 'function' ? await configuration(node.address) : configuration;
    await writeFile(join(node.folder, 'peercron.toml'), text);
    await node.resume();
    return node;
  }

  /** Starts it again after halt(). */
  async resume() {
    const options = ['--data', join(this.folder, 'data'), '--config', join(this.folder, 'peercron.toml')];
    // Who shows no token may do everything, as with bin/run.
    const open = ['--set', 'http.anonymous=owner', '--set', 'http.socket=none'];
    const address = ['--set', `http_bind_address=127.0.0.1:${this.port}`];
    this.process = spawn(binary, ['serve', ...options, ...open, ...address], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    this.process.stderr.on('data', (text) => (log = (log + text).slice(-4000)));
    await eventually(async () => {
      if (this.process.exitCode !== null) throw new Error(`the node ended: ${log}`);
      const health = await call(this.address, 'health/ready');
      if (!health.is_dispatcher) throw new Error(`the node does not dispatch: ${log}`);
    });
  }

  async halt() {
    if (this.process.exitCode !== null) return;
    this.process.kill('SIGTERM');
    await once(this.process, 'exit');
  }

  async stop() {
    await this.halt();
    await rm(this.folder, { recursive: true, force: true });
  }

  post(path, parameters = {}) {
    return call(this.address, path, parameters);
  }

  get(path) {
    return call(this.address, path);
  }

  async addJob(name, fields) {
    const fallback = { cronSet: '0 0 0 1 1 *', command: 'true' };
    return (await this.post('cron/add', { ...fallback, ...fields, name })).id;
  }

  /** Runs a job, and waits until that has ended. */
  async runToEnd(id, inputs) {
    const run = await this.post(`cron/run/${id}`, inputs ? { inputs } : {});
    return eventually(async () => {
      const row = await this.get(`log/${run.id}`);
      if (row.state === 'planned' || row.state === 'running') throw new Error(`run ${run.id} is ${row.state}`);
      return row;
    });
  }
}

const errorOutput = [
  '\\033[36m02:33:08\\033[0m opening repository',
  '\\033[36m02:33:08\\033[0m \\033[32mok\\033[0m      18 snapshots, 412.6 GiB',
  '\\033[36m02:36:10\\033[0m \\033[1;33mwarning\\033[0m lock file of pid 8812 is 31 h old',
  '\\033[36m02:36:20\\033[0m \\033[1;31merror\\033[0m   repository lock is held by pid 8812 on db1',
].join('\\n');

/** Jobs and runs of all kinds. @returns ids by name, and of runs by what they are */
export async function fillWithWork(node) {
  const zone = 'Europe/Berlin';
  const jobs = {
    'nightly-backup': { cronSet: '0 30 2 * * *', time_zone: zone, tags: ['backup', 'db'], retries: 3, retry_delay: 600,
      command: `seq 1 240; printf '${errorOutput}\\n'; exit 2` },
    'renew-certificates-for-all-customer-domains-emea-production': { cronSet: '0 0 2 * * *', time_zone: 'UTC', tags: ['web'],
      timeout: 1, command: 'sleep 30' },
    'search-reindex': { cronSet: '0 */5 * * * *', time_zone: zone, tags: ['search'], is_mutex: 1,
      command: 'i=0; while [ $i -lt 600 ]; do i=$((i + 1)); echo "shard $i done"; sleep 1; done' },
    'etl-orders-load': { cronSet: '0 */30 * * * *', time_zone: zone, tags: ['etl'], command: 'sleep 600' },
    每日报表汇总: { cronSet: '0 36 9 * * *', time_zone: 'Asia/Shanghai', tags: ['报表'], command: 'echo ok' },
    'heartbeat-probe': { cronSet: '* * * * * *', time_zone: 'UTC', tags: ['monitor'] },
    'queue-depth-alarm': { cronSet: '0 * * * * *', time_zone: 'UTC', tags: ['monitor'] },
    'legacy-ftp-pull': { cronSet: '0 20 * * * *', time_zone: zone, tags: ['etl', 'partner'], stop: 1 },
    deploy: { cronSet: '0 0 0 1 1 *', tags: ['web'], inputs: ['VERSION=latest', 'TARGET:staging|production'],
      command: 'echo "$PEERCRON_INPUT_VERSION to $PEERCRON_INPUT_TARGET"' },
    'never-ran': { cronSet: '0 0 4 1 * *', time_zone: zone, remark: 'a job that has not run yet' },
  };
  const ids = {};
  for (const [name, fields] of Object.entries(jobs)) ids[name] = await node.addJob(name, fields);
  for (let n = 17; n < 47; ++n) {
    const name = `db-analyze-eu-west-tenant-0042-shard-${n}`;
    ids[name] = await node.addJob(name, { cronSet: `0 ${n} 3 * * *`, time_zone: zone, tags: ['db'], command: 'echo analyzed' });
  }
  const failed = await node.runToEnd(ids['nightly-backup']);
  const succeeded = await node.runToEnd(ids['每日报表汇总']);
  await node.runToEnd(ids['renew-certificates-for-all-customer-domains-emea-production']);
  const running = await node.post(`cron/run/${ids['search-reindex']}`);
  await node.post(`cron/run/${ids['etl-orders-load']}`);
  return { ids, runs: { failed: failed.id, succeeded: succeeded.id, running: running.id } };
}

export class Browser {
  static async start() {
    const browser = new Browser();
    const executablePath = process.env.PEERCRON_CHROMIUM ?? '/usr/bin/chromium';
    browser.chromium = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    return browser;
  }

  stop() {
    return this.chromium.close();
  }

  /** A page of a new visitor, who sits in Berlin. What the page complains about is in `complaints`, whom it asks in `origins`. */
  async open(address, options = {}) {
    const context = await this.chromium.newContext({
      viewport: { width: 1440, height: 900 },
      timezoneId: 'Europe/Berlin',
      locale: 'en-US',
      ...options,
    });
    const page = await context.newPage();
    page.complaints = [];
    page.origins = new Set(); // of all that it has asked for
    page.on('request', (request) => request.url().startsWith('http') && page.origins.add(new URL(request.url()).origin));
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    page.on('console', (message) => {
      // Calls that an older node lacks, and that were refused, are part of some tests.
      const isAnswer = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isAnswer) page.complaints.push(message.text());
    });
    page.setDefaultTimeout(120_000);
    await page.goto(String(address));
    return page;
  }
}

/** Answers the page's calls in the node's place.
    @param path of the call, or a function of its URL
    @param answer its data, a function of the URL that gives them, or { code, message } of an error */
export async function answerInstead(page, path, answer) {
  const isMeant = typeof path === 'function' ? path : (url) => url.pathname === `/${path}`;
  await page.route((url) => isMeant(url), (route) => {
    const data = typeof answer === 'function' ? answer(new URL(route.request().url())) : answer;
    const { code = 200, message = 'ok' } = data?.message === undefined ? {} : data;
    return route.fulfill({ status: code, json: { code, data: code === 200 ? data : null, message } });
  });
}

/** A node and a browser for the tests of a file, until the last one has ended.
    @param configuration as Node.start() takes it
    @returns with them, how to open a page */
export async function startConsole(configuration = '') {
  const starting = [Node.start(configuration), Browser.start()];
  after(async () => {
    const begun = await Promise.allSettled(starting);
    await Promise.all(begun.map(({ value }) => value?.stop()));
  });
  const [node, browser] = await Promise.all(starting);
  const ui = (path) => new URL(`ui/${path}`, node.address).href;
  /** Does something on a page of its own, which must not complain. */
  const withPage = async (path, act, options) => {
    const page = await browser.open(ui(path), options);
    try {
      await act(page);
      assert.deepEqual(page.complaints, []);
    } finally {
      await page.context().close();
    }
  };
  return { node, browser, ui, withPage };
}

/** Resizes and waits for the layout. */
export async function resize(page, width) {
  await page.setViewportSize({ width, height: 900 });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

export async function keepPicture(page, name) {
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds, as lines for people; none is good. */
export async function findBarriers(page) {
  const hasAxe = await page.evaluate(() => 'axe' in window);
  if (!hasAxe) await page.evaluate(axeSource);
  const { violations } = await page.evaluate(
    (tags) => window.axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] }),
    rules,
  );
  return violations.flatMap((violation) => violation.nodes.map((found) => `${violation.id}: ${found.target} ${found.failureSummary}`));
}
