import { hourAndMinute } from '../rules/times';
import { t } from '../store/language';

/** Times below a chart, evenly spread. @param now which of them is now, if any */
export function Axis(props: { from: number; to: number; parts: number; zone: string; now?: number }) {
  const step = (props.to - props.from) / props.parts;
  return (
    <p class="axis">
      {Array.from({ length: props.parts + 1 }, (_, index) => {
        const time = hourAndMinute(props.from + index * step, props.zone);
        if (index !== props.now) return <span key={index}>{time}</span>;
        const isLast = index === props.parts;
        return (
          <span key={index} class={isLast ? undefined : 'strong'}>
            {isLast ? t('now') : `${t('now')} ${time}`}
          </span>
        );
      })}
    </p>
  );
}
