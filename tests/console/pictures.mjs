// The pictures in docs/pictures: console/dist with prepared answers, at a moment that stands still, so that they show what
// they are to show, and differ only where the page does. Made by `bin/console pictures`.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

import { Browser, root } from './harness.mjs';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const at = Date.parse('2026-11-28T02:37:40+01:00');
const zone = 'Europe/Berlin';

/** Of a run whose end nobody asked for, as far as the screens look at it. */
const run = (fields) => ({
  scheduled_at: at, started_at: null, ended_at: null, state: 'failed', cause: '', reason: '', exit_code: null, term_signal: null,
  http_status: null, run_server: 'app1', attempt: 1, part: 0, parts: 1, use_time: 0, retry_at: null, requested_by: '', rehearsal: false,
  fires: 1, ...fields,
});

/** Runs that went well, and then these. */
const past = (usual, ...last) => {
  const wave = (n) => Math.round(usual * (1 + 0.25 * Math.sin(2.4 * n)));
  const well = Array.from({ length: 30 - last.length }, (_, n) => ({ state: 'success', use_time: wave(n), runs: 1 }));
  const others = last.map((state) => ({ state, use_time: usual, runs: 1 }));
  return [...well, ...others].map((tick, n) => ({ ...tick, at: at - (30 - n) * day }));
};

const job = (id, name, tags, ...last) => ({ id, name, tags, last_runs_by: 'run', last_runs: past(3 * minute, ...last) });
const jobs = {
  failing: [
    job(1, 'nightly-backup', ['backup', 'db'], 'failed', 'failed'),
    job(2, 'renew-certificates-for-all-customer-domains-emea-production', ['web'], 'timeout', 'timeout', 'timeout'),
  ],
  missed: [job(3, 'fx-rates-fixing', ['billing'], 'lost'), job(4, 'invoice-export-us', ['billing'], 'missed')],
};

const failedRun = {
  id: 47_118, cron_id: 1, exit_code: 2, run_server: 'db1', attempt: 2, use_time: 192_300, scheduled_at: at - 7 * minute - 40 * second,
  started_at: at - 272_000 + 3, ended_at: at - 80_000, retry_at: at - 272_000,
};

const failing = [
  {
    cron_id: 1, name: 'nightly-backup', last_state: 'failed', failing_since: at - 5 * minute, failures_in_row: 1, next_run_at: null,
    retry_at: at + 40 * second, run: run(failedRun),
  },
  {
    cron_id: 2, name: jobs.failing[1].name, last_state: 'timeout', failing_since: at - 47 * hour, failures_in_row: 3, next_run_at: null,
    run: run({ id: 46_902, cron_id: 2, state: 'timeout', attempt: 2, use_time: 5 * minute }),
  },
];
const missed = [
  { id: 45_204, cron_id: 3, name: 'fx-rates-fixing', scheduled_at: at - 12.3 * hour, state: 'lost', cause: '', fires: 1,
    reason: 'its node died while it ran; the outcome is unknown' },
  { id: 47_050, cron_id: 4, name: 'invoice-export-us', scheduled_at: at - 27.5 * minute, state: 'skipped', cause: 'no-node', fires: 1,
    reason: 'no-node: no node has zone=us; app2 is draining' },
];

const running = [
  ['search-reindex', 'app1', 13 * minute + 40 * second, 185 * second, true],
  ['etl-orders-load', 'db1', 7 * minute + 40 * second, 12 * minute],
  ['每日报表汇总', 'app1', 100 * second, 130 * second],
  ['thumbnails-rebuild', 'app2', 27 * minute + 40 * second, 31 * minute],
  ['vacuum-ledger', 'db1', 40 * second, 80 * second],
  ['geoip-update', 'app1', 10 * second, 9 * second],
].map(([name, node, elapsed, usual, slow = false], n) => ({
  id: 47_200 + n, cron_id: 20 + n, name, run_server: node, started_at: at - elapsed, usual_time: usual, usual_p95: 1.2 * usual, slow, attempt: 1,
}));

const next = ['vacuum-sessions', 'queue-depth-alarm', 'search-reindex', '库存同步', 'quarter-hour-rollup', 'hr-sync', 'mail-digest-retry'].map(
  (name, n) => ({ cron_id: 40 + n, name, at: at + 40 * second + n * 37 * second, usual_time: (1 + 7 * n) * second }),
);

/** A day that is busy by day, with some failures, and an hour without a dispatcher's node. */
function strip() {
  const step = 10 * minute;
  const to = Math.ceil(at / step) * step;
  const cells = Array.from({ length: 144 }, (_, n) => {
    const busy = 230 + 60 * Math.sin(n / 24) + (n % 6 === 0 ? 60 : 0) + 10 * Math.sin(3.1 * n);
    return {
      at: to - (144 - n) * step, success: Math.round(busy), failed: [3, 47, 96, 99, 142].includes(n) ? 1 : 0, timeout: n === 142 ? 1 : 0,
      killed: 0, lost: n === 70 ? 1 : 0, fenced: 0, skipped: 0, missed: n === 141 ? 1 : 0, late_p50: 2 + (n % 3), late_p99: n === 70 ? 240 : 9 + (n % 4),
    };
  });
  return { from: to - day, to, step, cells };
}

const overview = {
  at, failing, missed, running, next, next_total: 95,
  jobs: { total: 1204, stopped: 14, failing: failing.length, missed: missed.length, running: running.length },
  pauses: [], strip: strip(),
  next_minutes: { from: at - (at % minute), fires: Array.from({ length: 61 }, (_, n) => 1 + (n % 5 === 0 ? 1 : 0) + (n % 15 === 0 ? 1 : 0)) },
  dispatchers: [{ at: at - 12.3 * hour, node: 'db1', epoch: 4117 }, { at: at - 4.6 * hour, node: 'app1', epoch: 4118 }],
};

const node = (name, more = {}) => ({
  name, http_address: '', version: '', labels: [], passing: true, is_dispatcher: name === 'app1', connected: true, slots: 24, running: 2, held: 6,
  queued: 0, draining: false, clock_offset_ms: 1, ...more,
});

const output = [
  'backup 4.2.0, repository /srv/backup/2026',
  '\x1b[36m02:33:08\x1b[0m opening repository',
  '\x1b[36m02:33:08\x1b[0m \x1b[32mok\x1b[0m      18 snapshots, 412.6 GiB',
  '\x1b[36m02:33:09\x1b[0m dump orders      \x1b[34m████████████████████\x1b[0m 38.2 GiB in 1 m 41 s',
  ...Array.from({ length: 2028 }, (_, n) => `           chunk ${String(n).padStart(4, '0')}  ${((n * 7919) % 90_000) + 10_000} rows`),
  '\x1b[36m02:36:10\x1b[0m \x1b[1;33mwarning\x1b[0m lock file of pid 8812 is 31 h old',
  '\x1b[36m02:36:20\x1b[0m \x1b[1;31merror\x1b[0m   repository lock is held by pid 8812 on db1',
  '',
].join('\n');

const wholeRun = run({
  ...failedRun, output, output_cut: false, output_bytes: 148 * 1024, dispatch_server: 'app1', dispatch_time: Math.floor(at / second) - 274, epoch: 4118,
  cpu_time: 171_000, max_rss: 612 * 1024 * 1024,
});
const attempts = {
  planned: [{ ...wholeRun, id: 47_231, attempt: 3, state: 'planned', run_server: '', started_at: null, ended_at: null, retry_at: at + 40 * second }],
  '': [wholeRun, { ...wholeRun, id: 47_101, attempt: 1, retry_at: null }],
};
const listOf = (list) => ({ list, total: list.length });

/** What the node answers, by path; undefined: it does not know the call. */
function answer({ pathname, searchParams }) {
  const state = searchParams.get('state') ?? '';
  switch (pathname) {
    case '/health':
      return { node: 'app1', version: '', dispatcher: 'app1', is_dispatcher: true, epoch: 4118, store: 'ok', journal: 'ok', clock: 'ok', time_zone: zone };
    case '/node/list':
      return { nodes: [node('app1'), node('app2', { draining: true }), node('db1')], dispatcher: 'app1', epoch: 4118, store_away_since: null, store_trouble: '' };
    case '/access/me':
      return { name: 'ops', role: 'admin', tokens: true, proof: 'session' };
    case '/overview':
      return overview;
    case '/audit':
      return { totals: { clean: true, from: at - day, to: at, due: 33_502 }, findings: [] };
    case '/cron/list':
      return listOf(jobs[state] ?? []);
    case '/cron/1':
      return { ...jobs.failing[0], command: '/opt/backup/run --repo /srv/backup/2026 --prune --verify', cron_set: '0 30 2 * * *', time_zone: zone, zone,
        timeout: 0, retries: 3, kind: 'command', state: 'enabled' };
    case '/cron/1/stats':
      return { runs: 812, successes: 800, late_p50: 2, late_p99: 6, usual_time: 3 * minute, usual_p95: 4 * minute, usual_output: 150_000,
        usual_memory: 640 * 1024 * 1024 };
    case '/log/47118':
      return wholeRun;
    case '/log/list':
      return listOf(attempts[state] ?? []);
    default:
      return undefined;
  }
}

const types = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

async function serve(asked, reply) {
  const url = new URL(asked.url, 'http://127.0.0.1');
  reply.setHeader('Date', new Date(at).toUTCString());
  const file = /^\/ui\/(?:.*\/)?([a-z]+\.(?:css|js|svg))$/.exec(url.pathname)?.[1];
  if (file !== undefined || url.pathname.startsWith('/ui/')) {
    const name = file ?? 'index.html';
    const depth = url.pathname.split('/').length - 3;
    const content = await readFile(join(root, 'console/dist', name), 'utf8');
    reply.setHeader('Content-Type', types[extname(name)] ?? 'text/html');
    reply.end(file === undefined && depth > 0 ? content.replaceAll('="./', `="${'../'.repeat(depth)}`) : content);
    return;
  }
  const data = answer(url);
  reply.statusCode = data === undefined ? 404 : 200;
  reply.setHeader('Content-Type', 'application/json');
  const message = data === undefined ? `there is no path "${url.pathname}"` : 'ok';
  reply.end(JSON.stringify({ code: reply.statusCode, data: data ?? null, message }));
}

const pictures = [
  { name: 'now', path: '', whole: 'tr:has-text("nightly-backup"):has-text("retry in 40 s") svg.strip', fullPage: true },
  { name: 'run', path: 'run/47118', whole: '.output:has-text("chunk")', fullPage: false },
];

const folder = process.argv[2];
const server = createServer(serve).listen(0, '127.0.0.1');
await once(server, 'listening');
const browser = await Browser.start();
try {
  await mkdir(folder, { recursive: true });
  for (const { name, path, whole, fullPage } of pictures) {
    const page = await browser.open('about:blank', { timezoneId: zone });
    await page.clock.setFixedTime(at);
    await page.goto(`http://127.0.0.1:${server.address().port}/ui/${path}`);
    await page.waitForSelector(whole);
    await page.waitForSelector('.rail:has-text("Signed in as ops")');
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
    if (page.complaints.length > 0) throw new Error(`${name}: ${page.complaints.join('; ')}`);
    await page.context().close();
  }
} finally {
  await browser.stop();
  server.closeAllConnections();
  server.close();
}
