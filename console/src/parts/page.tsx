import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { noAnswer } from '../api/client';
import type { Resource } from '../store/resource';
import { language, t } from '../store/language';
import { listZone } from '../store/zone';
import { clock } from '../rules/times';

/** The head of a screen, which also names the tab. */
export function Head(props: {
  title: string;
  crumb?: ComponentChildren;
  beside?: ComponentChildren;
  children?: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${props.title} · peercron`;
    document.documentElement.lang = language.value;
  }, [props.title, language.value]);
  return (
    <div class="head">
      {props.crumb && <p class="crumb">{props.crumb}</p>}
      <h1>{props.title}</h1>
      {props.beside && <span class="dim">{props.beside}</span>}
      {props.children && <span class="end">{props.children}</span>}
    </div>
  );
}

/** An error of a call as a sentence. */
export function explanation(error: ApiError): string {
  if (error.message === noAnswer) return t('noAnswer');
  return error.message;
}

/** What could not be read; what is there already stays, with the time when it was. */
export function Trouble({ of }: { of: Pick<Resource<unknown>, 'error' | 'readAt' | 'reload'> }) {
  const error = of.error.value;
  if (!error) return null;
  const readAt = of.readAt.value;
  return (
    <p class="note trouble" role="status">
      <svg class="mark bad" aria-hidden="true">
        <use href="#m-failed" />
      </svg>{' '}
      {explanation(error)}{' '}
      {readAt > 0 && t('readAt', { time: clock(readAt, listZone.value) })}{' '}
      <button type="button" class="plain" onClick={() => void of.reload()}>
        {t('tryAgain')}
      </button>
    </p>
  );
}

/** Shows what was read; before that, that it is on its way, or why not. */
export function Loaded<T>(props: { of: Resource<T>; children: (data: T) => ComponentChildren }) {
  const data = props.of.data.value;
  if (data !== undefined) {
    return (
      <>
        <Trouble of={props.of} />
        {props.children(data)}
      </>
    );
  }
  if (props.of.error.value) return <Trouble of={props.of} />;
  return <p class="note loading">{t('reading')}</p>;
}

/** A command that does the same, or what one has to copy. */
export function Command({ label, children }: { label: string; children: string }) {
  return (
    <pre class="cmd" tabIndex={0} role="region" aria-label={label}>
      {children}
    </pre>
  );
}

/** The first and last row of a page of a list, and the way to the others. */
export function Pages(props: {
  page: number;
  limit: number;
  total: number;
  shown: number;
  address: (page: number) => string;
  words?: { before: string; after: string };
  children?: ComponentChildren;
}) {
  const from = props.shown === 0 ? 0 : (props.page - 1) * props.limit + 1;
  const to = from === 0 ? 0 : from + props.shown - 1;
  const isLast = to >= props.total;
  const { before, after } = props.words ?? { before: t('previous'), after: t('next') };
  const step = (page: number, label: string, isThere: boolean) =>
    isThere ? (
      <a class="button" href={props.address(page)}>
        {label}
      </a>
    ) : (
      <button type="button" disabled>
        {label}
      </button>
    );
  return (
    <div class="pages">
      <span>{t('rowsOf', { from, to, total: props.total })}</span>
      {step(props.page - 1, before, props.page > 1)}
      {step(props.page + 1, after, !isLast)}
      {props.children && <span class="end">{props.children}</span>}
    </div>
  );
}
