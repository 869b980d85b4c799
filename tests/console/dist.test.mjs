// What is committed is what the sources make, and small enough.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { root } from './harness.mjs';

const committed = join(root, 'console/dist');

test('console/dist is made of console/src, byte for byte', () => {
  execFileSync(join(root, 'bin/console'), ['check'], { stdio: 'pipe' });
});

test('the page is at most 100 kB, packed', () => {
  const packed = readdirSync(committed).map((name) => gzipSync(readFileSync(join(committed, name)), { level: 9 }).length);
  const total = packed.reduce((sum, size) => sum + size, 0);
  assert.ok(total <= 100_000, `${total} bytes`);
});

test('bin/console pictures makes all pictures of the documentation', () => {
  const made = mkdtempSync(join(process.env.PEERCRON_TEST_DIR ?? tmpdir(), 'peercron-pictures-'));
  try {
    execFileSync(process.execPath, [join(root, 'tests/console/pictures.mjs'), made], { stdio: 'pipe' });
    assert.deepEqual(readdirSync(made).sort(), readdirSync(join(root, 'docs/pictures')).sort());
  } finally {
    rmSync(made, { recursive: true });
  }
});

test('the lock file names no place to load from', () => {
  assert.doesNotMatch(readFileSync(join(root, 'console/package-lock.json'), 'utf8'), /"resolved"/);
});
