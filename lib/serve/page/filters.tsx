import type { Summary } from './api.ts';

/** What entries take part, as a person chose it. */
export interface Filters {
  readonly camera: readonly string[];
  readonly notCamera: readonly string[];
  readonly tags: string;
  readonly from: string;
  readonly to: string;
  readonly k: number;
}

export const NO_FILTERS: Filters = { camera: [], notCamera: [], tags: '', from: '', to: '', k: 20 };

/** The fields that the server takes. */
export function filterFields({ camera, notCamera, tags, from, to }: Filters): Record<string, unknown> {
  const list = tags
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  return {
    ...(camera.length > 0 ? { camera } : {}),
    ...(notCamera.length > 0 ? { notCamera } : {}),
    ...(list.length > 0 ? { tags: list } : {}),
    ...(from === '' ? {} : { from: new Date(from).getTime() }),
    ...(to === '' ? {} : { to: new Date(to).getTime() }),
  };
}

interface Props {
  readonly summary: Summary | undefined;
  readonly filters: Filters;
  change(filters: Filters): void;
}

/** Cameras, tags, times and how many entries. */
export function FilterPanel({ summary, filters, change }: Props) {
  const toggle = (list: readonly string[], name: string) =>
    list.includes(name) ? list.filter((one) => one !== name) : [...list, name];
  const cameras = (key: 'camera' | 'notCamera', title: string) => (
    <fieldset>
      <legend>{title}</legend>
      <div class="checks">
        {summary?.cameras.map(({ name }) => (
          <label key={name}>
            <input
              type="checkbox"
              name={key}
              value={name}
              checked={filters[key].includes(name)}
              onChange={() => change({ ...filters, [key]: toggle(filters[key], name) })}
            />{' '}
            {name}
          </label>
        ))}
      </div>
    </fieldset>
  );
  const time = (key: 'from' | 'to', title: string) => (
    <label>
      {title}
      <input
        type="datetime-local"
        value={filters[key]}
        onChange={(event) => change({ ...filters, [key]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <section aria-label="Filter">
      <details open={matchMedia('(min-width: 761px)').matches}>
        <summary>
          <h2>Filter</h2>
        </summary>
        {(summary?.cameras.length ?? 0) > 0 && cameras('camera', 'Only cameras')}
        {(summary?.cameras.length ?? 0) > 0 && cameras('notCamera', 'Not cameras')}
        <label>
          All of these tags, with commas
          <input
            type="text"
            value={filters.tags}
            onChange={(event) => change({ ...filters, tags: event.currentTarget.value })}
          />
        </label>
        {time('from', 'From')}
        {time('to', 'To')}
        <label>
          Entries found
          <select
            value={filters.k}
            onChange={(event) => change({ ...filters, k: Number(event.currentTarget.value) })}
          >
            {[10, 20, 50, 100].map((k) => (
              <option key={k} value={k}>
                {k}
              </option>
            ))}
          </select>
        </label>
      </details>
    </section>
  );
}
