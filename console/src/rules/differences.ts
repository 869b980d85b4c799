/** What differs between two definitions, as lines of a diff. */

import { toToml, type Definition } from './toml';

export interface DiffLine {
  sign: ' ' | '−' | '+';
  text: string;
}

/** What a field has that nobody has set. */
function isUnset(value: Definition[string]): boolean {
  return value === null || value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

/** The changed fields, and the equal ones of `around`. Of a job that is new, what is set. */
export function differences(before: Definition, after: Definition, around: readonly string[] = []): DiffLine[] {
  const lines: DiffLine[] = [];
  const line = (name: string, value: Definition[string]) => toToml({ [name]: value }).trimEnd();
  const isNew = Object.keys(before).length === 0;
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (name === 'id' || (isNew && isUnset(after[name] ?? null))) continue;
    const [old, now] = [before[name] ?? null, after[name] ?? null];
    if (JSON.stringify(old) === JSON.stringify(now)) {
      if (around.includes(name) && now !== null && now !== '') lines.push({ sign: ' ', text: line(name, now) });
      continue;
    }
    if (old !== null) lines.push({ sign: '−', text: line(name, old) });
    if (now !== null) lines.push({ sign: '+', text: line(name, now) });
  }
  return lines;
}

/** The names of the changed fields. */
export function changedFields(before: Definition, after: Definition): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => JSON.stringify(before[name] ?? null) !== JSON.stringify(after[name] ?? null),
  );
}
