import type { ComponentChildren } from 'preact';

import { t } from '../store/language';

export interface Heading {
  text: ComponentChildren;
  /** Classes of the heading: how it is aligned, and from which width on the column is shown. */
  look?: string;
  /** Whether the heading is only read out. */
  isHidden?: boolean;
}

/** A heading, its text, or nothing where the column is not shown. */
type Head = Heading | string | false;

interface Props {
  /** Read out before the table. */
  caption: string;
  heads: readonly Head[];
  /** Whether each row ends with what can be done with it. */
  acts?: boolean;
  className?: string;
  /** The rows. */
  children: ComponentChildren;
}

/** The heading of a column of numbers. */
export const numeric = (text: string, look = ''): Heading => ({ text, look: `num ${look}`.trim() });

function HeadCell({ head }: { head: Exclude<Head, false> }) {
  const { text, look, isHidden } = typeof head === 'string' ? { text: head } : head;
  return (
    <th scope="col" class={look}>
      {isHidden ? <span class="hide">{text}</span> : text}
    </th>
  );
}

/** A list with a heading for each column. Its rows fold at a phone's width, unless the class says otherwise. */
export function ListTable({ caption, heads, acts = false, className = 'fold', children }: Props) {
  const shown = heads.filter((head) => head !== false);
  return (
    <table class={className}>
      <caption class="hide">{caption}</caption>
      <thead>
        <tr>
          {shown.map((head, index) => (
            <HeadCell key={index} head={head} />
          ))}
          {acts && <HeadCell head={{ text: t('actions'), isHidden: true }} />}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
