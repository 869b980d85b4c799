import type { DiffLine } from '../rules/differences';

export type ShownLine = DiffLine | { hunk: string };

export function Diff({ lines, label }: { lines: readonly ShownLine[]; label: string }) {
  return (
    <pre class="diff" tabIndex={0} role="region" aria-label={label}>
      {lines.map((line, index) =>
        'hunk' in line ? (
          <span key={index} class="hunk">
            {line.hunk}
          </span>
        ) : (
          <span key={index} data-s={line.sign} class={line.sign === '−' ? 'del' : line.sign === '+' ? 'add' : undefined}>
            {line.text}
          </span>
        ),
      )}
    </pre>
  );
}
