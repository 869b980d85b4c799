import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { ApiError } from '../api/client';
import { closeDialog } from '../store/asked';
import { t } from '../store/language';
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

/** A question with a button that does it. What went wrong stays in the dialog, at its field where the
    node names one. */
export function Ask(props: {
  title: string;
  action: string;
  isLast?: boolean; // it cannot be undone
  act: () => Promise<unknown>;
  children?: ComponentChildren;
}) {
  const error = useSignal<string>('');
  const isAtIt = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    isAtIt.value = true;
    error.value = '';
    try {
      await props.act();
      closeDialog();
    } catch (failed) {
      if (!(failed instanceof ApiError)) throw failed;
      error.value = explanation(failed);
    } finally {
      isAtIt.value = false;
    }
  };
  return (
    <Dialog label={props.title} className="palette ask">
      <form class="form" novalidate onSubmit={(event) => void submit(event)}>
        <h2>{props.title}</h2>
        {props.children}
        {error.value !== '' && (
          <div class="field">
            <p class="error" role="alert">
              <svg class="mark bad" aria-hidden="true">
                <use href="#m-failed" />
              </svg>{' '}
              <span>{error.value}</span>
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
