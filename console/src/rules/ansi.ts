/** Output of a command as lines of plain text with colours: what a terminal would show of it, as text
    that cannot do anything to the page. */

export interface Piece {
  text: string;
  style: string; // class names of look.css, or ""
}

export type Line = Piece[];

/** Goes on from piece to piece of an output. */
interface Pen {
  colour: number; // 0 = none, 1-7
  bold: boolean;
}

// CSI … m sets colours; other sequences (cursor, titles) are dropped.
const escape = /\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]+[0-~]|[@-Z\\^_])/g;
const invisible = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Control characters, and those that turn the direction of writing, are made visible. */
function visible(text: string): string {
  return text.replace(invisible, (found) => {
    const code = found.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '␡' : `<${code.toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}

function apply(pen: Pen, codes: string): Pen {
  let { colour, bold } = pen;
  const numbers = codes.split(/[;:]/).map((code) => Number(code || 0));
  for (let i = 0; i < numbers.length; ++i) {
    const code = numbers[i]!;
    if (code === 0) [colour, bold] = [0, false];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) colour = 0;
    else if (code >= 30 && code <= 37) colour = code - 30;
    else if (code >= 90 && code <= 97) colour = code - 90;
    else if (code === 38 || code === 48) i += numbers[i + 1] === 5 ? 2 : 4; // of 256 and more colours none
  }
  return { colour, bold };
}

function styleOf({ colour, bold }: Pen): string {
  return [colour > 0 ? `a${colour}` : '', bold ? 'ab' : ''].filter(Boolean).join(' ');
}

/** One line, without its end; a carriage return begins it again, as progress bars do. */
function parseLine(raw: string, pen: Pen): { line: Line; pen: Pen } {
  const text = raw.replace(/\r+$/, '');
  const begin = text.lastIndexOf('\r') + 1;
  const line: Line = [];
  let now = pen;
  let last = 0;
  const add = (from: number, to: number) => {
    const shown = visible(text.slice(Math.max(from, begin), to));
    if (to <= begin || shown === '') return;
    const style = styleOf(now);
    const before = line[line.length - 1];
    if (before && before.style === style) before.text += shown;
    else line.push({ text: shown, style });
  };
  for (const found of text.matchAll(escape)) {
    add(last, found.index);
    if (found[2] === 'm') now = apply(now, found[1] ?? '');
    last = found.index + found[0].length;
  }
  add(last, text.length);
  return { line, pen: now };
}

/** The lines of an output, as they came. */
export function splitLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

/** Lines that follow each other: those that are shown, so that a long output that grows costs little. */
export function parseLines(raw: readonly string[]): Line[] {
  let pen: Pen = { colour: 0, bold: false };
  return raw.map((one) => {
    const parsed = parseLine(one, pen);
    pen = parsed.pen;
    return parsed.line;
  });
}
