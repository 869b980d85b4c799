import * as calls from '../api/calls';
import { t } from '../store/language';
import { useResource } from '../store/resource';

/** Which tag a list is narrowed to; "" is none. An older node does not tell which there are: then it is the chosen one. */
export function TagChoice({ tag, choose }: { tag: string; choose: (tag: string) => void }) {
  const tags = useResource(async () => ({ list: await calls.tags() }), 'tags', ['job']).data.value?.list ?? [];
  const names = new Set(tags.map((one) => one.name));
  if (tag !== '') names.add(tag);
  return (
    <>
      <label class="hide" for="tag">
        {t('tag')}
      </label>
      <select id="tag" value={tag} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{t('allTags')}</option>
        {[...names].map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </>
  );
}
