/** The fields of a job as a form has them. Which there are, what they mean and what they take is read
    from the node's own description of its API, so that a form never lags behind it. */

import type { Definition, Value } from './toml';

export type FieldKind = 'text' | 'long' | 'words' | 'lines' | 'number' | 'flag' | 'choice';

export interface Field {
  name: string; // of the parameter
  key: string; // in a definition
  kind: FieldKind;
  choices: readonly string[];
  about: string;
  kinds: readonly string[] | undefined; // of jobs that have it; undefined: all, or the node is older
  initial: Value | undefined; // in a definition that says nothing of it; undefined: the node is older
}

/** The part of a JSON schema that is read here. */
export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  $ref?: string;
  description?: string;
  default?: Value;
  'x-kinds'?: string[];
}

const long = new Set(['command', 'stdin', 'http_body']);
/** Instead of a schedule in a call; a form has the schedule. */
const notInForms = new Set(['at', 'after', 'every', 'reason', 'replace', 'id']);

function kindOf(name: string, schema: Schema): FieldKind {
  if (schema.enum) return 'choice';
  if (schema.$ref?.endsWith('/Flag')) return 'flag';
  const asText = schema.anyOf?.find((one) => one.type === 'string');
  if (asText?.description === 'with commas between') return 'words';
  if (asText?.description === 'with line breaks between') return 'lines';
  if (schema.type === 'integer') return 'number';
  return long.has(name) ? 'long' : 'text';
}

interface Properties {
  properties?: Record<string, Schema>;
}
type Schemas = Record<string, Properties & { allOf?: Properties[] }>;

/** Whether a change may say why it is made, which the history then keeps. */
export function takesReason(schemas: Schemas): boolean {
  // In a schema itself, or in one of those that it is made of.
  const parts = ['JobFields', 'JobChange'].flatMap((name) => [schemas[name], ...(schemas[name]?.allOf ?? [])]);
  return parts.some((part) => part?.properties?.['reason'] !== undefined);
}

export function takesRehearsals(schemas: Schemas): boolean {
  return schemas['RunInputs']?.properties?.['rehearsal'] !== undefined;
}

/** @param schemas components.schemas of openapi.json */
export function readFields(schemas: Schemas): Field[] {
  const properties = schemas['JobFields']?.properties ?? {};
  const shown = schemas['Definition']?.properties ?? {};
  return Object.entries(properties)
    .filter(([name]) => !notInForms.has(name))
    .map(([name, schema]) => {
      const key = name === 'cronSet' ? 'cron_set' : name;
      return {
        name,
        key,
        kind: kindOf(name, schema),
        choices: (schema.enum ?? []).map(String),
        about: schema.description ?? '',
        kinds: shown[key]?.['x-kinds'],
        initial: shown[key]?.default,
      };
    });
}

/** What stands in the fields of a form: text, and for flags "1" or "0". */
export type FormValues = Record<string, string>;

function shown(field: Field, value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.join(field.kind === 'lines' ? '\n' : ', ');
  if (typeof value === 'boolean') return value ? '1' : '0';
  return String(value);
}

export function toForm(fields: readonly Field[], definition: Definition): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field, definition[field.key])]));
}

/** Which kind of job a form describes. */
export function kindIn(form: FormValues): string {
  return form['kind'] || 'command';
}

/** Whether jobs of the kind have the field. */
export function isFor(field: Field, kind: string): boolean {
  return field.kinds === undefined || field.kinds.includes(kind);
}

/** The form without what jobs of its kind have not: that is as at first, which is what a call takes.
    @param untouched the form as it was; a new job's has nothing in such fields */
export function fitting(fields: readonly Field[], untouched: FormValues, form: FormValues): FormValues {
  const strange = fields.filter((field) => !isFor(field, kindIn(form)));
  const atFirst = (field: Field) => (untouched[field.name] ? shown(field, field.initial) : '');
  return { ...form, ...Object.fromEntries(strange.map((field) => [field.name, atFirst(field)])) };
}

type Parameter = string | number | boolean | string[];

function parameterOf(field: Field, text: string): Parameter {
  const parts = (separator: string) => text.split(separator).map((part) => part.trim()).filter((part) => part !== '');
  switch (field.kind) {
    case 'words':
      return parts(',');
    case 'lines':
      return parts('\n');
    case 'flag':
      return text === '1';
    default:
      return text;
  }
}

/** What has to be sent so that a job with the form's values of `before` gets those of `after`. */
export function changedParameters(fields: readonly Field[], before: FormValues, after: FormValues): Record<string, Parameter> {
  const changed = fields.filter((field) => (before[field.name] ?? '') !== (after[field.name] ?? ''));
  return Object.fromEntries(changed.map((field) => [field.name, parameterOf(field, after[field.name] ?? '')]));
}

/** What a definition would be with a form's values; for showing what changes. */
export function withForm(fields: readonly Field[], definition: Definition, form: FormValues): Definition {
  const result: Definition = { ...definition };
  for (const field of fields) {
    if (shown(field, definition[field.key]) === form[field.name]) continue;
    const value = parameterOf(field, form[field.name] ?? '');
    result[field.key] = field.kind === 'number' && /^-?\d+$/.test(String(value)) ? Number(value) : value;
  }
  return result;
}

/** A whole definition as parameters of /cron/add and /cron/update. */
export function toParameters(definition: Definition): Record<string, Exclude<Value, null>> {
  const { id: _, cron_set, ...rest } = definition;
  const given = Object.entries(rest).map(([name, value]) => [name, value ?? '']);
  return { ...Object.fromEntries(given), ...(cron_set == null ? {} : { cronSet: cron_set }) };
}
