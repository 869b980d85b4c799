import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { ApiError, openStream } from '../api/client';
import { OutputText } from '../rules/output';
import { EventParser } from '../rules/sse';
import { tell } from './live';

export interface LiveOutput {
  parts: readonly string[];
  dropped: number;
  bytes: number;
  /** false: the node cannot tell the output of a run that has not ended. */
  isTold: boolean;
}

const pause = 1_000;
const shownEvery = 200;

/** The output of a run while it runs, as far as the node tells it. */
export function useLiveOutput(id: number, isRunning: boolean): LiveOutput {
  const shown = useSignal<LiveOutput>({ parts: [], dropped: 0, bytes: 0, isTold: true });
  const text = useRef(new OutputText());
  const position = useRef(0);

  useEffect(() => {
    if (!isRunning) return undefined;
    const gone = new AbortController();
    let timer = 0;
    const show = () => {
      timer = 0;
      shown.value = { parts: text.current.parts(), dropped: text.current.dropped, bytes: position.current, isTold: true };
    };
    /** @returns whether the run has ended */
    const note = (event: { event: string; data: string; id: string }): boolean => {
      if (event.event === 'output') text.current.append((JSON.parse(event.data) as { text: string }).text);
      if (event.event === 'output' || event.event === 'gap') position.current = Number(event.id);
      if (timer === 0) timer = window.setTimeout(show, shownEvery); // however fast it comes
      return event.event === 'end';
    };
    const follow = async () => {
      const body = await openStream(`run/${id}/output?follow=1&from=${position.current}`, gone.signal);
      const parser = new EventParser();
      const decoder = new TextDecoder();
      const reader = body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return false;
        if (parser.push(decoder.decode(value, { stream: true })).map(note).some(Boolean)) return true;
      }
    };
    const keepFollowing = async () => {
      while (!gone.signal.aborted) {
        try {
          if (await follow()) {
            tell('run'); // how it ended is in its row
            return;
          }
        } catch (error) {
          if (error instanceof ApiError && error.isUnknownCall) {
            shown.value = { ...shown.value, isTold: false };
            return;
          }
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    };
    void keepFollowing();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, [id, isRunning]);
  return shown.value;
}
