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
  retry_at: number | null;
  requested_by: string;
  use_time: number;
  max_rss: number;
  output_bytes: number;
  /** What the node has found when it ended: slow, fast, silent, more-output, more-memory. An older node tells nothing. */
  unusual?: string[];
}

export interface Unusual {
  what: 'took' | 'late' | 'memory' | 'output';
  is: number;
  usually: number;
  most: number | null; // of the usual ones, where that is known
}

/** Of fewer runs nobody knows how late is usual. */
const enough = 5;

export function findUnusual(run: Measured, usual: Usual): Unusual[] {
  const found: Unusual[] = [];
  const note = (what: Unusual['what'], is: number, usually: number | null, most: number | null = null) => {
    if (usually !== null) found.push({ what, is, usually, most });
  };
  const isSaidToBe = (...words: string[]) => words.some((word) => run.unusual?.includes(word));
  const { usual_time: time = null, usual_p95: longest = null, late_p99: latest = null } = usual;
  if (isSaidToBe('slow', 'fast')) note('took', run.use_time, time, longest);
  const late = usual.runs < enough ? null : lateness(run);
  if (late !== null && latest !== null && late > 2 * latest && late > 100) note('late', late, latest);
  if (isSaidToBe('more-memory')) note('memory', run.max_rss, usual.usual_memory);
  if (isSaidToBe('more-output', 'silent')) note('output', run.output_bytes, usual.usual_output);
  return found;
}
