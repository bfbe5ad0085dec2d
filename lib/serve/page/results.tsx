import type { Match } from './api.ts';
import { Picture } from './picture.tsx';

interface Props {
  readonly matches: readonly Match[] | undefined;
  readonly isSearching: boolean;
  readonly identity: string;
  readonly threshold: number;
  searchLike(id: string): void;
}

/** The ranked entries, green where the identity is the query's, red where it is another. */
export function Results({ matches, isSearching, identity, threshold, searchLike }: Props) {
  return (
    <section aria-label="Found" aria-busy={isSearching}>
      <h2>Found</h2>
      <p role="status" aria-live="polite">
        {isSearching ? 'Searching ...' : <Verdict matches={matches} threshold={threshold} />}
      </p>
      <ol class="results">
        {matches?.map((match, rank) => (
          <li key={match.id}>
            <Card {...{ match, rank, identity, threshold, searchLike }} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Verdict({ matches, threshold }: Pick<Props, 'matches' | 'threshold'>) {
  if (matches === undefined) return <span class="soft">Give an image, or choose an entry below.</span>;
  if (matches.length === 0) return <span>No entry fits the filter.</span>;
  const count = matches.filter(({ similarity }) => similarity >= threshold).length;
  if (count === 0) return <span class="verdict">Unknown: no entry reaches {threshold.toFixed(3)}.</span>;
  return (
    <span class="verdict match">
      Match: {count} of {matches.length} entries reach {threshold.toFixed(3)}.
    </span>
  );
}

interface CardProps extends Pick<Props, 'identity' | 'threshold' | 'searchLike'> {
  readonly match: Match;
  readonly rank: number;
}

function Card({ match, rank, identity, threshold, searchLike }: CardProps) {
  const isKnown = identity !== '' && match.identity !== undefined;
  const isSame = isKnown && match.identity === identity;
  const kind = !isKnown ? '' : isSame ? 'same' : 'other';
  const isBelow = match.similarity < threshold;
  return (
    <button
      type="button"
      class={`card ${kind} ${isBelow ? 'below' : ''}`}
      title="Search for entries like this one"
      onClick={() => searchLike(match.id)}
    >
      <Picture id={match.id} />
      <div>
        {rank + 1}. distance {match.distance.toFixed(3)}
        {isBelow && ', below the threshold'}
      </div>
      <div>
        {isKnown && (isSame ? '✓ ' : '✗ ')}
        {match.identity ?? 'identity unknown'}
      </div>
      <div class="soft">{match.camera === undefined ? 'no camera' : `camera ${match.camera}`}</div>
      <div class="soft">{match.id}</div>
    </button>
  );
}
