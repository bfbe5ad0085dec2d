import { useEffect, useRef, useState } from 'preact/hooks';
import { type Entry, get } from './api.ts';
import { EntryActions } from './entry-actions.tsx';
import { Picture } from './picture.tsx';

const ROW = 44;
const PAGE = 100;

interface Page {
  readonly total: number;
  readonly entries: readonly Entry[];
}

interface Props {
  /** Changes where the list must be read anew. */
  readonly version: number;
  searchLike(id: string): void;
  changed(text: string): void;
  failed(error: unknown): void;
}

/** All entries: only what is seen is there, and is read in pages. */
export function Entries({ version, searchLike, changed, failed }: Props) {
  const [pages, setPages] = useState(new Map<number, readonly Entry[]>());
  const [total, setTotal] = useState(0);
  const [top, setTop] = useState(0);
  const [chosen, setChosen] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const asked = useRef(new Set<number>());

  const height = box.current?.clientHeight ?? 420;
  const first = Math.max(0, Math.floor(top / ROW) - 4);
  const last = Math.min(total, Math.ceil((top + height) / ROW) + 4);
  const entryAt = (index: number) => pages.get(Math.floor(index / PAGE))?.[index % PAGE];

  const read = (page: number) => {
    if (asked.current.has(page)) return;
    asked.current.add(page);
    get<Page>(`entries?offset=${page * PAGE}&limit=${PAGE}`).then((found) => {
      setTotal(found.total);
      setPages((before) => new Map(before).set(page, found.entries));
    }, failed);
  };

  useEffect(() => {
    asked.current = new Set();
    setPages(new Map());
    read(0);
  }, [version]);
  useEffect(() => {
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) read(page);
  });

  const choose = (index: number) => {
    const next = Math.max(0, Math.min(total - 1, index));
    setChosen(next);
    const list = box.current;
    if (list === null) return;
    if (next * ROW < list.scrollTop) list.scrollTop = next * ROW;
    if ((next + 1) * ROW > list.scrollTop + list.clientHeight)
      list.scrollTop = (next + 1) * ROW - list.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const seen = Math.max(1, Math.floor(height / ROW) - 1);
    const steps: Record<string, number> = {
      ArrowDown: chosen + 1,
      ArrowUp: chosen - 1,
      PageDown: chosen + seen,
      PageUp: chosen - seen,
      Home: 0,
      End: total - 1,
    };
    const next = steps[event.key];
    const entry = entryAt(chosen);
    if (next !== undefined) choose(next);
    else if (event.key === 'Enter' && entry !== undefined) searchLike(entry.id);
    else return;
    event.preventDefault();
  };
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  const entry = entryAt(chosen);
  return (
    <section aria-label="Entries">
      <h2>Entries: {total.toLocaleString('en')}</h2>
      <div
        ref={box}
        class="list"
        role="listbox"
        tabIndex={0}
        aria-label="Entries; arrows choose, Enter searches for like ones"
        aria-activedescendant={total > 0 ? `entry-${chosen}` : undefined}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={onKeyDown}
      >
        <div style={{ height: `${total * ROW}px` }} />
        {rows.map((index) => (
          <Row key={index} {...{ index, total, entry: entryAt(index), isChosen: index === chosen, choose }} />
        ))}
      </div>
      {entry !== undefined && <EntryActions key={entry.id} {...{ entry, searchLike, changed, failed }} />}
    </section>
  );
}

interface RowProps {
  readonly index: number;
  readonly total: number;
  readonly entry: Entry | undefined;
  readonly isChosen: boolean;
  choose(index: number): void;
}

function Row({ index, total, entry, isChosen, choose }: RowProps) {
  return (
    <div
      id={`entry-${index}`}
      class={isChosen ? 'row chosen' : 'row'}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      aria-posinset={index + 1}
      aria-setsize={total}
      style={{ top: `${index * ROW}px` }}
      onClick={() => choose(index)}
      onKeyDown={() => {}}
    >
      {entry === undefined ? <span>...</span> : <Picture id={entry.id} />}
      <span>{entry?.id ?? '...'}</span>
      <span>{entry?.identity ?? ''}</span>
      <span class="soft">{entry?.camera ?? ''}</span>
    </div>
  );
}
