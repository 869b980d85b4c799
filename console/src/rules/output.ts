/** How much of an output is in the page. */

/** Longer ones are folded: the beginning says what it was, and the end how it went. */
export const foldedLines = 200;
const shownHead = 10;
const shownTail = 40;

export const mostCharacters = 2_000_000;

/** Which lines are shown: the first `head` and those from `tail` on; between them are `hidden`. */
export interface Fold {
  head: number;
  tail: number;
  hidden: number;
}

/** @param more how many lines were asked for beyond the usual ones */
export function fold(lines: number, more = 0): Fold {
  const head = shownHead + more;
  const tail = lines - shownTail;
  if (lines <= foldedLines || head >= tail) return { head: lines, tail: lines, hidden: 0 };
  return { head, tail, hidden: tail - head };
}

/** Grows at its end, and forgets the middle before it gets too long. */
export class OutputText {
  private head = '';
  private tail = '';
  /** How many characters of the middle are left out. */
  dropped = 0;

  constructor(private readonly most = mostCharacters) {}

  append(text: string): void {
    const room = this.most / 2 - this.head.length;
    if (room > 0 && this.tail === '') {
      this.head += text.slice(0, room);
      text = text.slice(room);
    }
    this.tail += text;
    const surplus = this.tail.length - this.most / 2;
    if (surplus <= 0) return;
    const newline = this.tail.indexOf('\n', surplus);
    const cut = newline < 0 ? surplus : newline + 1;
    this.dropped += cut;
    this.tail = this.tail.slice(cut);
  }

  /** The text, in two parts when something is missing between them. */
  parts(): [string] | [string, string] {
    return this.dropped === 0 ? [this.head + this.tail] : [this.head, this.tail];
  }
}
