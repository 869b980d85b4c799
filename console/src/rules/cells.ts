/** A histogram as paths of an SVG that is as wide as there are cells. */

import type { Cell, Histogram } from '../api/types';

/** The same from the beginning of its first cell to the end of its last one. */
export function inWholeCells(histogram: Histogram): Histogram {
  const { step } = histogram;
  const from = Math.floor(histogram.from / step) * step;
  return { ...histogram, from, to: Math.ceil(histogram.to / step) * step };
}

/** How many cells the time has, present or not. */
export function width({ from, to, step }: Pick<Histogram, 'from' | 'to' | 'step'>): number {
  return Math.max(1, Math.round((to - from) / step));
}

export function placeOf(at: number, { from, step }: Pick<Histogram, 'from' | 'step'>): number {
  return (at - from) / step;
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);

/** The outline of a bar chart, closed along its base. */
export function outline(values: readonly number[], height: number, most = Math.max(1, ...values), begin = 0): string {
  const steps = values.map((value) => `V${fixed(height - (Math.min(value, most) / most) * height)}h1`);
  return `M${begin} ${height}${steps.join('')}V${height}`;
}

/** Bars of their own. */
export function bars(values: readonly number[], height: number, most = Math.max(1, ...values)): string {
  return values
    .map((value, index) => {
      const h = fixed(Math.max(1, (value / most) * height));
      return value === 0 ? '' : `M${index + 0.15} ${height}v-${h}h.7v${h}z`;
    })
    .join('');
}

/** Where a value is on a line, from above. */
export function heightOf(value: number, height: number, most: number): number {
  return height - 2 - (Math.min(value, most) / Math.max(1, most)) * (height - 4);
}

/** A line through the middle of the cells; where nothing is known it is interrupted. */
export function line(values: readonly (number | null)[], height: number, most: number): string {
  let pen = 'M';
  return values
    .map((value, index) => {
      if (value === null) {
        pen = 'M';
        return '';
      }
      const point = `${pen}${index + 0.5} ${fixed(heightOf(value, height, most))}`;
      pen = 'L';
      return point;
    })
    .join('');
}

export const ran = (cell: Cell) => cell.success + cell.failed + cell.timeout + cell.killed + cell.lost + cell.fenced;
export const broken = (cell: Cell) => cell.failed + cell.timeout;

/** Every cell of the time, with undefined for one without any fire. */
export function spread(histogram: Histogram): (Cell | undefined)[] {
  const all = new Array<Cell | undefined>(width(histogram)).fill(undefined);
  for (const cell of histogram.cells) {
    const place = Math.floor(placeOf(cell.at, histogram));
    if (place >= 0 && place < all.length) all[place] = cell;
  }
  return all;
}

/** A value above which the few extremes of a line are cut: what it shows is the usual. */
export function highest(values: readonly (number | null)[]): number {
  return Math.max(1, ...values.filter((value): value is number => value !== null));
}

/** Which of the four steps of the heat map: fires in ten minutes. */
export function heat(fires: number): 0 | 1 | 2 | 3 | 4 {
  if (fires <= 0) return 0;
  if (fires < 5) return 1;
  if (fires < 15) return 2;
  return fires < 40 ? 3 : 4;
}
