import { useState } from 'preact/hooks';

/** What is searched for. */
export type Query =
  | { readonly kind: 'image'; readonly file: File; readonly url: string }
  | { readonly kind: 'entry'; readonly id: string };

interface Props {
  readonly query: Query | undefined;
  readonly identity: string;
  choose(file: File): void;
  setIdentity(identity: string): void;
}

/** Where an image is dropped, pasted or chosen. */
export function QueryPanel({ query, identity, choose, setIdentity }: Props) {
  const [isOver, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file !== undefined) choose(file);
  };
  return (
    <section aria-label="Query">
      <h2>Who is this?</h2>
      <label
        class={isOver ? 'drop over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files);
        }}
      >
        {query?.kind === 'image' && <img src={query.url} alt="The query" />}
        {query?.kind === 'entry' && <p>Like entry {query.id}</p>}
        <span>Drop, paste or choose an image</span>
        <input id="file" type="file" accept="image/*" onChange={(event) => take(event.currentTarget.files)} />
      </label>
      <label>
        Identity, if it is known
        <input
          id="query-identity"
          type="text"
          value={identity}
          onInput={(event) => setIdentity(event.currentTarget.value)}
        />
      </label>
    </section>
  );
}
