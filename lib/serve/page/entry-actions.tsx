import { useState } from 'preact/hooks';
import { type Entry, send } from './api.ts';

interface Props {
  readonly entry: Entry;
  searchLike(id: string): void;
  changed(text: string): void;
  failed(error: unknown): void;
}

/** What can be done with the chosen entry. */
export function EntryActions({ entry, searchLike, changed, failed }: Props) {
  const { id } = entry;
  const [facts, setFacts] = useState({
    identity: entry.identity ?? '',
    camera: entry.camera ?? '',
    tags: entry.tags?.join(', ') ?? '',
  });
  const [isSure, setSure] = useState(false);
  const path = `entries/${encodeURIComponent(id)}`;
  const save = () => {
    const tags = facts.tags
      .split(',')
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '');
    const change = {
      identity: facts.identity === '' ? null : facts.identity,
      camera: facts.camera === '' ? null : facts.camera,
      tags: tags.length === 0 ? null : tags,
    };
    send('PATCH', path, change).then(() => changed(`Changed ${id}`), failed);
  };
  const remove = () => {
    if (isSure) send('DELETE', path).then(() => changed(`Deleted ${id}`), failed);
    setSure(!isSure);
  };
  return (
    <form
      aria-label={`Entry ${id}`}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <div class="fields">
        {(['identity', 'camera', 'tags'] as const).map((name) => (
          <label key={name}>
            {name}
            <input
              type="text"
              value={facts[name]}
              onInput={(event) => setFacts({ ...facts, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
      <div class="actions">
        <button type="button" onClick={() => searchLike(id)}>
          Search like this
        </button>
        <button type="submit">Save</button>
        <button type="button" onClick={remove}>
          {isSure ? 'Really delete' : 'Delete'}
        </button>
      </div>
    </form>
  );
}
