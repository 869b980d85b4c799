import { useSignal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { ApiError } from '../api/client';

const pause = 250;

/** What the node says of something that is being typed, asked for when it has stood for a moment. The last answer stays while
    a later one is wrong; `isCurrent` says whether answer and error are about what stands there now.
    @param key what was typed
    @param ask undefined: there is nothing to ask for yet */
export function useAnswer<T>(key: string, ask: (() => Promise<T>) | undefined) {
  const answer: Signal<T | undefined> = useSignal(undefined);
  const error: Signal<ApiError | undefined> = useSignal(undefined);
  const saidOf: Signal<string | undefined> = useSignal(undefined);
  const isReady = ask !== undefined;
  useEffect(() => {
    if (!ask) return undefined;
    let isOver = false;
    const timer = setTimeout(() => {
      ask().then(
        (found) => {
          if (isOver) return;
          answer.value = found;
          error.value = undefined;
          saidOf.value = key;
        },
        (failed: ApiError) => {
          if (isOver) return;
          error.value = failed;
          saidOf.value = key;
        },
      );
    }, pause);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [key, isReady]);
  return { answer, error, isCurrent: isReady && saidOf.value === key };
}
