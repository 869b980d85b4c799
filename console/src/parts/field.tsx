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

/** Label above, help below, an error in place of the help. */
export function Framed(props: {
  id: string;
  label: string;
  isFlag?: boolean | undefined;
  error: string;
  help?: ComponentChildren;
  children: ComponentChildren;
}) {
  const { id, error, help } = props;
  return (
    <div class={props.isFlag ? 'field flag' : 'field'}>
      <label for={id}>{props.label}</label>
      {props.children}
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

/** What a control says of itself to those who do not see its frame. */
export function described(id: string, error: string, help: ComponentChildren) {
  return {
    id,
    'aria-invalid': error !== '' ? (true as const) : undefined,
    'aria-describedby': error !== '' || help ? `${id}-help` : undefined,
  };
}

/** One field of the form of a job. */
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
  const common = { ...described(id, error, help), name: field.name };
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
    <Framed id={id} label={labelOf(field)} isFlag={field.kind === 'flag'} error={error} help={help}>
      {control}
    </Framed>
  );
}
