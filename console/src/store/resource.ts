import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { ApiError } from '../api/client';
import { changes, isLive, type Change, type Topic } from './live';

/** Something of the API that a screen shows. */
export interface Resource<T> {
  data: Signal<T | undefined>; // stays while it is read again, and while it cannot be
  error: Signal<ApiError | undefined>; // of the last try
  readAt: Signal<number>;
  reload: () => Promise<void>;
}

const withoutEvents = 5_000;
const withEvents = 60_000;
/** However often things change; what was done in this tab shows at once. */
const atMostEvery = 2_000;

const anything = () => true;

/** Reads it now, whenever `key` changes, and when something of the topics has changed.
    @param concerns which of the changes that say what they are about */
export function useResource<T>(
  load: () => Promise<T>,
  key: string,
  topics: readonly Topic[] = [],
  concerns: (change: Change, data: T | undefined) => boolean = anything,
): Resource<T> {
  const data = useSignal<T | undefined>(undefined);
  const error = useSignal<ApiError | undefined>(undefined);
  const readAt = useSignal(0);
  const turn = useRef(0);
  const loader = useRef(load);
  loader.current = load;

  const reload = useRef(async () => {
    const mine = ++turn.current;
    try {
      const answer = await loader.current();
      if (mine !== turn.current) return; // a later one was asked for
      data.value = answer;
      error.value = undefined;
      readAt.value = Date.now();
    } catch (failed) {
      if (mine !== turn.current) return;
      if (failed instanceof ApiError) error.value = failed;
      else {
        error.value = new ApiError(0, String(failed)); // a mistake of the page itself: said here, and in the browser's log
        throw failed;
      }
    }
  }).current;

  useEffect(() => {
    void reload();
    let waiting = false;
    let last = Date.now();
    const again = () => {
      if (waiting || document.hidden) return;
      waiting = true;
      setTimeout(
        () => {
          waiting = false;
          last = Date.now();
          void reload();
        },
        Math.max(0, last + atMostEvery - Date.now()),
      );
    };
    const stops = topics.map((topic) => {
      let isFirst = true; // subscribe() calls at once
      return changes[topic].subscribe((change) => {
        const isAbout = change.id === undefined || concerns(change, data.peek());
        if (!isFirst && change.id === undefined) void reload();
        else if (!isFirst && isAbout) again();
        isFirst = false;
      });
    });
    const timer = setInterval(() => {
      const patience = isLive.value ? withEvents : withoutEvents;
      if (topics.length > 0 && Date.now() - last >= patience) again();
    }, 1_000);
    const shown = () => topics.length > 0 && again();
    document.addEventListener('visibilitychange', shown);
    return () => {
      ++turn.current;
      stops.forEach((stop) => stop());
      clearInterval(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [key]);

  return { data, error, readAt, reload };
}
