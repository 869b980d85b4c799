import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { ApiError } from '../api/client';
import { readMoment } from '../rules/moments';
import { wholeMoment } from '../rules/times';
import { asked, closeDialog } from '../store/asked';
import { now } from '../store/clock';
import { ago, calendar, inTime, t } from '../store/language';
import { listZone } from '../store/zone';
import { described, Framed } from './field';
import { explanation } from './page';

/** On top of everything; Escape and a click beside it close it. */
export function Dialog(props: { label: string; className: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current?.showModal(), []);
  const onClick = (event: MouseEvent) => {
    if (event.target === element.current) closeDialog();
  };
  return (
    <dialog ref={element} class={props.className} aria-label={props.label} onClose={closeDialog} onClick={onClick}>
      {props.children}
    </dialog>
  );
}

/** What a question asks for. */
export interface Entry {
  name: string; // of the parameter
  label: string;
  kind?: 'text' | 'long' | 'password' | 'choice' | 'flag' | 'moment';
  choices?: readonly string[];
  initial?: string;
  help?: string;
  placeholder?: string;
  zone?: string; // of a moment, as the next one
  direction?: 1 | -1; // to come, or past
}

/** By name, as typed; flags are "1" or "", moments Unix seconds. */
export type Values = Record<string, string>;

/** Without what was left empty. */
export const given = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));

const noFields = (): readonly Entry[] => [];

function textOf(entry: Entry, typed: Values): string {
  return typed[entry.name] ?? entry.initial ?? '';
}

function momentOf(entry: Entry, text: string): number | undefined {
  return readMoment(text, now.value, entry.zone ?? listZone.value, entry.direction);
}

/** The moment that was understood, or how to write one. */
function momentHelp(entry: Entry, text: string): string {
  const zone = entry.zone ?? listZone.value;
  const at = momentOf(entry, text);
  if (at === undefined) return t(entry.direction === -1 ? 'helpPastMoment' : 'helpMoment', { zone });
  const away = at - now.value;
  return `${wholeMoment(at, zone, calendar())}, ${away < 0 ? ago(away) : inTime(away)}`;
}

/** One of them, of whatever form. */
export function EntryField({ entry, value, error, set }: { entry: Entry; value: string; error: string; set: (value: string) => void }) {
  const id = `ask-${entry.name}`;
  const help = entry.kind === 'moment' ? [entry.help, momentHelp(entry, value)].filter(Boolean).join(' ') : entry.help;
  const common = { ...described(id, error, help), name: entry.name };
  return (
    <Framed id={id} label={entry.label} isFlag={entry.kind === 'flag'} error={error} help={help}>
      {entry.kind === 'flag' ? (
        <input {...common} type="checkbox" checked={value === '1'} onChange={(event) => set(event.currentTarget.checked ? '1' : '')} />
      ) : entry.kind === 'choice' ? (
        <select {...common} value={value} onChange={(event) => set(event.currentTarget.value)}>
          {entry.choices!.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : entry.kind === 'long' ? (
        <textarea {...common} class="mono" rows={3} spellcheck={false} value={value} onInput={(event) => set(event.currentTarget.value)} />
      ) : (
        <input
          {...common}
          type={entry.kind === 'password' ? 'password' : 'text'}
          autocomplete={entry.kind === 'password' ? 'new-password' : 'off'}
          spellcheck={false}
          placeholder={entry.placeholder}
          value={value}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
    </Framed>
  );
}

/** A question with a button that does it. What went wrong stays in the dialog, at its field where the
    node names one.
    @param fields which there are may depend on what was typed
    @param act may ask the next question */
export function Ask(props: {
  title: string;
  action: string;
  isLast?: boolean; // it cannot be undone
  fields?: ((values: Values) => readonly Entry[]) | undefined;
  act: (values: Values) => Promise<unknown>;
  /** What is said of the fields as they stand, below them. */
  about?: (values: Values) => ComponentChildren;
  children?: ComponentChildren;
}) {
  const typed = useSignal<Values>({});
  const error = useSignal({ field: '', text: '' });
  const isAtIt = useSignal(false);
  const fields = (props.fields ?? noFields)(typed.value);
  const fail = (field: string, text: string) => {
    error.value = { field: fields.some((entry) => entry.name === field) ? field : '', text };
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    error.value = { field: '', text: '' };
    const values: Values = {};
    for (const entry of fields) {
      const text = textOf(entry, typed.value);
      const at = entry.kind === 'moment' && text !== '' ? momentOf(entry, text) : undefined;
      if (entry.kind === 'moment' && text !== '' && at === undefined) return fail(entry.name, t('badMoment', { text }));
      values[entry.name] = at === undefined ? text : String(Math.floor(at / 1000));
    }
    isAtIt.value = true;
    const mine = asked.value;
    try {
      await props.act(values);
      if (asked.value === mine) closeDialog();
    } catch (failed) {
      if (!(failed instanceof ApiError)) throw failed;
      const isOfField = fields.some((entry) => entry.name === failed.field);
      fail(failed.field, isOfField ? explanation(failed).replace(/^\w+: /, '') : explanation(failed));
    } finally {
      isAtIt.value = false;
    }
  };
  const { field: wrong, text: problem } = error.value;
  return (
    <Dialog label={props.title} className="palette ask">
      <form class="form" novalidate onSubmit={(event) => void submit(event)}>
        <h2>{props.title}</h2>
        {props.children}
        {fields.map((entry) => (
          <EntryField
            key={entry.name}
            entry={entry}
            value={textOf(entry, typed.value)}
            error={wrong === entry.name ? problem : ''}
            set={(value) => {
              typed.value = { ...typed.value, [entry.name]: value };
              if (problem !== '') fail('', ''); // each field says again what it means
            }}
          />
        ))}
        {props.about?.(Object.fromEntries(fields.map((entry) => [entry.name, textOf(entry, typed.value)])))}
        {problem !== '' && wrong === '' && (
          <div class="field">
            <p class="error" role="alert">
              <svg class="mark bad" aria-hidden="true">
                <use href="#m-failed" />
              </svg>{' '}
              <span>{problem}</span>
            </p>
          </div>
        )}
        <div class="buttons">
          <button type="submit" class={props.isLast ? 'last' : 'first'} disabled={isAtIt.value}>
            {props.action}
          </button>
          <button type="button" onClick={closeDialog}>
            {t('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
