/** What about a run is not as usual for its job. */

import { lateness } from './states';

/** Milliseconds and bytes; null is not known. */
export interface Usual {
  runs: number;
  usual_time?: number | null;
  usual_p95?: number | null;
  late_p99?: number | null;
  usual_output: number | null;
  usual_memory: number | null;
}

export interface Measured {
  state: string;
  scheduled_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  retry_at: number | null;
  requested_by: string;
  use_time: number;
  max_rss: number;
  output_bytes: number;
}

export interface Unusual {
  what: 'took' | 'late' | 'memory' | 'output';
  is: number;
  usually: number;
  most: number | null; // of the usual ones, where that is known
}

/** Of fewer runs nobody knows what is usual. */
const enough = 5;
const second = 1_000;
const kibibyte = 1_024;

export function findUnusual(run: Measured, usual: Usual): Unusual[] {
  if (usual.runs < enough || run.started_at === null) return [];
  const found: Unusual[] = [];
  const note = (what: Unusual['what'], is: number, usually: number, most: number | null = null) => found.push({ what, is, usually, most });

  const { usual_time: time = null, usual_p95: longest = null, late_p99: latest = null } = usual;
  const isSlow = time !== null && run.use_time > 1.25 * (longest ?? time) && run.use_time > time + second;
  const isFast = time !== null && run.ended_at !== null && time > 3 * second && 3 * run.use_time < time;
  if (isSlow || isFast) note('took', run.use_time, time, longest);

  const late = lateness(run);
  if (late !== null && latest !== null && late > 2 * latest && late > 100) note('late', late, latest);

  const { usual_memory: memory, usual_output: output } = usual;
  if (memory !== null && run.max_rss > 1.5 * memory && run.max_rss > memory + kibibyte * kibibyte) note('memory', run.max_rss, memory);
  if (output !== null && run.ended_at !== null) {
    const isMuch = run.output_bytes > 4 * output && run.output_bytes > output + kibibyte;
    const isLittle = 4 * run.output_bytes < output && output > kibibyte;
    if (isMuch || isLittle) note('output', run.output_bytes, output);
  }
  return found;
}
