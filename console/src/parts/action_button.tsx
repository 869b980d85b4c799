import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

import { ApiError } from '../api/client';
import { explanation } from './page';

/** Does something at the node when it is pressed; meanwhile it cannot be pressed again, and what went
    wrong stands beside it. */
export function ActionButton(props: {
  act: () => Promise<unknown>;
  className?: string;
  children: ComponentChildren;
}) {
  const isAtIt = useSignal(false);
  const error = useSignal('');
  const press = async () => {
    isAtIt.value = true;
    error.value = '';
    try {
      await props.act();
    } catch (failed) {
      if (!(failed instanceof ApiError)) throw failed;
      error.value = explanation(failed);
    } finally {
      isAtIt.value = false;
    }
  };
  return (
    <>
      <button type="button" class={props.className} disabled={isAtIt.value} onClick={() => void press()}>
        {props.children}
      </button>
      {error.value !== '' && (
        <span class="state bad problem" role="alert">
          {error.value}
        </span>
      )}
    </>
  );
}
