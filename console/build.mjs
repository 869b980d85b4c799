// Makes the page from src/: build.mjs [FOLDER], dist/ unless another folder is named. The same sources
// give the same bytes everywhere, which tests/console compares with what is committed.
import { build, transform } from 'esbuild';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, 'dist');
const target = ['chrome105', 'firefox110', 'safari16'];

/** The light values for browsers that do not know light-dark(). */
function lightOnly(tokens) {
  const light = [...tokens.matchAll(/(--[a-z0-9-]+):\s*light-dark\((#[0-9a-f]+|var\([^)]*\)),/g)];
  const lines = light.map(([, name, value]) => `${name}:${value};`);
  return `@supports not (color: light-dark(#fff, #000)) { :root { ${lines.join(' ')} } }\n`;
}

async function style() {
  const read = (name) => readFile(join(here, 'src/look', name), 'utf8');
  const tokens = await read('tokens.css');
  const css = tokens + lightOnly(tokens) + (await read('look.css')) + (await read('console.css'));
  const { code } = await transform(css, { loader: 'css', minify: true, charset: 'utf8' });
  await writeFile(join(out, 'console.css'), code);
}

async function script() {
  await build({
    entryPoints: [join(here, 'src/main.tsx')],
    outfile: join(out, 'console.js'),
    absWorkingDir: here,
    bundle: true,
    minify: true,
    format: 'esm',
    charset: 'utf8',
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    target,
  });
}

await mkdir(out, { recursive: true });
await Promise.all([
  style(),
  script(),
  copyFile(join(here, 'src/index.html'), join(out, 'index.html')),
  copyFile(join(here, 'src/icon.svg'), join(out, 'icon.svg')),
]);
