import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';

/** The dialog that is open, if any: the palette, a question, the list of keys. */
export const asked = signal<ComponentChild>(null);

export function closeDialog(): void {
  asked.value = null;
}

/** What was done last, said to the reader until the next thing happens. */
export const said = signal<ComponentChild>(null);
