/** A job's definition as the lines of a job file, and back: texts, numbers, flags and lists, one a line. */

export type Value = string | number | boolean | null | string[];
export type Definition = Record<string, Value>;

function write(value: Value): string {
  if (Array.isArray(value)) return `[${value.map((one) => JSON.stringify(one)).join(', ')}]`;
  return JSON.stringify(value);
}

/** `name = value` each, in the order of the fields; null is left out. */
export function toToml(definition: Definition): string {
  return Object.entries(definition)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} = ${write(value)}\n`)
    .join('');
}

function isValue(value: unknown): value is Value {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string');
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** @throws Error that says in which line what is wrong */
export function fromToml(text: string): Definition {
  const definition: Definition = {};
  text.split('\n').forEach((line, index) => {
    const bare = line.trim();
    if (bare === '' || bare.startsWith('#')) return;
    const fail = (what: string): never => {
      throw new Error(`line ${index + 1}: ${what}`);
    };
    const found = /^([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.+)$/.exec(bare) ?? fail('write name = value');
    const name = found[1]!;
    if (name in definition) fail(`${name} is given twice`);
    let value: unknown;
    try {
      const raw = found[2]!;
      value = raw.startsWith("'") && raw.endsWith("'") && raw.length > 1 ? raw.slice(1, -1) : JSON.parse(raw);
    } catch {
      value = undefined;
    }
    definition[name] = isValue(value) ? value : fail(`${name}: write "text", 5, true or ["a", "b"]`);
  });
  return definition;
}
