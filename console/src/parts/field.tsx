import type { ComponentChildren } from 'preact';

import type { Field } from '../rules/fields';
import { t } from '../store/language';
import { words, type Word } from '../words';

/** The label of a field: its own word where it has one, else its name. */
function labelOf(field: Field): string {
  const word = `field_${field.name}`;
  return word in words ? t(word as Word) : field.name.replace(/_/g, ' ');
}

const mono = new Set(['cronSet', 'retries', 'retry_delay', 'run_on', 'locks', 'env', 'inputs', 'command', 'work_dir', 'http_url']);

/** One field of the form: label above, help below, an error in place of the help. */
export function FormField(props: {
  field: Field;
  value: string;
  error: string;
  set: (value: string) => void;
  help?: ComponentChildren;
}) {
  const { field, value, error, set } = props;
  const id = `field-${field.name}`;
  const help = props.help ?? field.about;
  const describedBy = error !== '' || help ? `${id}-help` : undefined;
  const common = {
    id,
    name: field.name,
    'aria-invalid': error !== '' ? true : undefined,
    'aria-describedby': describedBy,
  };
  const className = mono.has(field.name) ? 'mono' : undefined;
  let control;
  if (field.kind === 'flag') {
    control = (
      <input {...common} type="checkbox" checked={value === '1'} onChange={(event) => set(event.currentTarget.checked ? '1' : '0')} />
    );
  } else if (field.kind === 'choice') {
    control = (
      <select {...common} value={value} onChange={(event) => set(event.currentTarget.value)}>
        {value === '' && <option value="">{t('default_')}</option>}
        {field.choices.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    );
  } else if (field.kind === 'long' || field.kind === 'lines') {
    control = (
      <textarea {...common} class="mono" rows={2} spellcheck={false} value={value} onInput={(event) => set(event.currentTarget.value)} />
    );
  } else {
    control = (
      <input {...common} class={className} type="text" spellcheck={false} value={value} onInput={(event) => set(event.currentTarget.value)} />
    );
  }
  return (
    <div class={field.kind === 'flag' ? 'field flag' : 'field'}>
      <label for={id}>{labelOf(field)}</label>
      {control}
      {error !== '' ? (
        <p class="error" id={`${id}-help`}>
          <svg class="mark bad" aria-hidden="true">
            <use href="#m-failed" />
          </svg>{' '}
          <span>{error}</span>
        </p>
      ) : (
        help && (
          <p class="help" id={`${id}-help`}>
            {help}
          </p>
        )
      )}
    </div>
  );
}
