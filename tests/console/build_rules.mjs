// Compiles the tests of the console's rules for node: build_rules.mjs FOLDER.
import { createRequire } from 'node:module';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { build } = createRequire(new URL('../../console/package.json', import.meta.url))('esbuild');
const folder = fileURLToPath(new URL('rules', import.meta.url));
const names = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'));

await build({
  entryPoints: names.map((name) => join(folder, name)),
  outdir: process.argv[2],
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  external: ['node:*'],
});
