/** Who has asked for a run, and what goes with that: the text of model/run_request.hpp. */

export interface RunRequest {
  by: string; // a person, or "backfill 3 by alice"; empty: nobody
  parent: string; // what it runs after: "after extract (job 12: success)"; empty: nothing
  inputs: { name: string; value: string }[];
  isRetry: boolean; // of a run that this person has asked for, by the job's own rules
  isRehearsal: boolean; // it counts nowhere
  isAlone: boolean; // the jobs that run after it do not
}

const parentEnd = /^after .+ \(job \d+(?: attempt \d+)?: [a-z]+(?:, exit code -?\d+)?\)$/;

/** Of a JSON object of texts; undefined: it is none. */
function readInputs(text: string): RunRequest['inputs'] | undefined {
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    const inputs = entries.map(([name, value]) => ({ name, value }));
    return inputs.every((input) => typeof input.value === 'string') ? (inputs as RunRequest['inputs']) : undefined;
  } catch {
    return undefined;
  }
}

/** The inputs are the end of the text; a person's name may have a brace, too. */
function splitInputs(text: string): { before: string; inputs: RunRequest['inputs'] } {
  for (let at = text.indexOf(' {'); at >= 0 && text.endsWith('}'); at = text.indexOf(' {', at + 1)) {
    const inputs = readInputs(text.slice(at + 1));
    if (inputs) return { before: text.slice(0, at), inputs };
  }
  return { before: text, inputs: [] };
}

export function readRequest(requestedBy: string): RunRequest {
  const { before, inputs } = splitInputs(requestedBy);
  let text = before;
  const takeMark = (mark: string) => {
    const has = text.endsWith(mark);
    if (has) text = text.slice(0, -mark.length);
    return has;
  };
  const isAlone = takeMark(' (without its chain)');
  const isRehearsal = takeMark(' (rehearsal)');
  const common = { inputs, isAlone, isRehearsal };
  if (parentEnd.test(text)) return { ...common, by: '', parent: text, isRetry: false };
  const comma = text.lastIndexOf(', after ');
  const parent = comma >= 0 && parentEnd.test(text.slice(comma + 2)) ? text.slice(comma + 2) : '';
  if (parent !== '') text = text.slice(0, comma);
  const isRetry = takeMark(' (retry)');
  return { ...common, by: text, parent, isRetry };
}
