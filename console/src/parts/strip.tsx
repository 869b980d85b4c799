import type { Tick } from '../rules/strip';
import { drawStrip } from '../rules/strip';
import { t } from '../store/language';

/** The last runs of a job, newest at the right. */
export function Strip({ ticks, by }: { ticks: readonly Tick[]; by?: 'run' | 'minute' | undefined }) {
  const strip = drawStrip(ticks);
  const parts = [...strip.counts].map(([word, n]) => `${n} ${t(word)}`).join(', ');
  const label = t(by === 'minute' ? 'lastMinutes' : 'lastRuns', { n: ticks.length, parts });
  return (
    <svg class="strip" viewBox="0 0 118 20" role="img" aria-label={label}>
      {by === 'minute' ? <path class="folded" d="M0 13.5h118" /> : <path class="base" d="M0 12.5h118" />}
      {strip.ok && <path class="s-ok" d={strip.ok} />}
      {strip.bad && <path class="s-bad" d={strip.bad} />}
      {strip.miss && <path class="s-miss" d={strip.miss} />}
      {strip.skip && <path class="s-skip" d={strip.skip} />}
      {strip.run && <path class="s-run" d={strip.run} />}
    </svg>
  );
}

function Sample({ paths, word }: { paths: [string, string][]; word: string }) {
  return (
    <span>
      <svg viewBox="0 0 12 20" aria-hidden="true">
        {paths.map(([className, d]) => (
          <path key={className} class={className} d={d} />
        ))}
      </svg>
      {word}
    </span>
  );
}

export function StripLegend() {
  const base: [string, string] = ['base', 'M0 12.5h12'];
  return (
    <p class="legend">
      <Sample paths={[base, ['s-ok', 'M3 12v-5h2v5zM7 12v-9h2v9z']]} word={t('legendOk')} />
      <Sample paths={[['s-ok', 'M1 12v-5h2v5zM5 12v-6h2v6zM9 12v-5h2v5z'], ['folded', 'M0 13.5h12']]} word={t('legendMinute')} />
      <Sample paths={[base, ['s-bad', 'M4 13h4v7h-4z']]} word={t('failed')} />
      <Sample paths={[base, ['s-miss', 'M4.5 13.5h3v6h-3z']]} word={t('missed')} />
      <Sample paths={[base, ['s-skip', 'M5 10h2v2h-2z']]} word={t('legendSkipped')} />
      <Sample paths={[base, ['s-run', 'M4.5 12v-8h3v8']]} word={t('running')} />
    </p>
  );
}
