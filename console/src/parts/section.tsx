import type { ComponentChildren } from 'preact';

interface Props {
  id?: string | undefined;
  title: ComponentChildren;
  /** What is said of the whole, beside the title. */
  beside?: ComponentChildren;
  /** What can be done with it, at the end of its line. */
  end?: ComponentChildren;
  children?: ComponentChildren;
}

/** A part of a screen, below its heading. */
export function Section({ id, title, beside, end, children }: Props) {
  return (
    <section id={id}>
      <div class="sub">
        <h2>{title}</h2>
        {beside && <span class="dim">{beside}</span>}
        {end && <span class="end">{end}</span>}
      </div>
      {children}
    </section>
  );
}
