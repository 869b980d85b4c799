/** The strip of a job's last runs as paths of an SVG, one for each kind of tick. */

import { lookOf, type StateWord } from './states';

export interface Tick {
  state: string;
  use_time: number;
  runs: number;
}

export interface Strip {
  ok: string;
  bad: string;
  miss: string;
  skip: string;
  run: string;
  counts: Map<StateWord, number>;
}

const places = 30;
const pitch = 4;
const baseline = 12;
const tallest = 11;
const least = 2;

/** Above the line what ran, as tall as it was long; below it what failed or was missed. The newest is
    at the right end. */
export function drawStrip(ticks: readonly Tick[]): Strip {
  const strip: Strip = { ok: '', bad: '', miss: '', skip: '', run: '', counts: new Map() };
  const shown = ticks.slice(-places);
  const times = shown.map((tick) => tick.use_time).filter((time) => time > 0).sort((a, b) => a - b);
  const middle = times[Math.floor(times.length / 2)] ?? 1;
  const height = (time: number) =>
    Math.max(least, Math.min(tallest, Math.round((6.5 * time) / middle)));
  shown.forEach((tick, index) => {
    const look = lookOf(tick.state);
    const x = (places - shown.length + index) * pitch;
    strip.counts.set(look.word, (strip.counts.get(look.word) ?? 0) + tick.runs);
    if (look.tone === 'ok') {
      const h = height(tick.use_time);
      strip.ok += `M${x} ${baseline}v-${h}h2v${h}z`;
    } else if (look.tone === 'bad') {
      strip.bad += `M${x - 0.5} 13h3v7h-3z`;
    } else if (look.tone === 'miss') {
      strip.miss += `M${x - 0.5} 13.5h3v6h-3z`;
    } else if (look.tone === 'run') {
      strip.run += `M${x - 0.5} ${baseline}v-6h3v6`;
    } else {
      strip.skip += `M${x} 10h2v2h-2z`;
    }
  });
  return strip;
}
