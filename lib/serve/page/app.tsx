import { render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { type Curve, get, type Match, Refused, type Summary, send, setToken } from './api.ts';
import { EnrolPanel, type Facts } from './enrol.tsx';
import { Entries } from './entries.tsx';
import { FilterPanel, filterFields, NO_FILTERS } from './filters.tsx';
import { type Query, QueryPanel } from './query.tsx';
import { Results } from './results.tsx';
import { ThresholdPanel } from './threshold.tsx';

function App() {
  const [summary, setSummary] = useState<Summary>();
  const [curve, setCurve] = useState<Curve>();
  const [query, setQuery] = useState<Query>();
  const [identity, setIdentity] = useState('');
  const [filters, setFilters] = useState(NO_FILTERS);
  const [threshold, setThreshold] = useState(0.5);
  const [matches, setMatches] = useState<readonly Match[]>();
  const [isSearching, setSearching] = useState(false);
  const [message, setMessage] = useState<{ text: string; isProblem: boolean }>();
  const [needsToken, setNeedsToken] = useState(false);
  const [version, setVersion] = useState(0);

  const failed = useCallback((error: unknown) => {
    if (error instanceof Refused && error.status === 401) setNeedsToken(true);
    else setMessage({ text: (error as Error).message, isProblem: true });
  }, []);
  const changed = (text: string) => {
    setMessage({ text, isProblem: false });
    setVersion(version + 1);
  };

  useEffect(() => {
    get<Summary>('gallery').then((found) => {
      setSummary(found);
      if (found.calibration !== null) setThreshold(found.calibration.threshold);
    }, failed);
    get<Curve>('roc').then(setCurve, () => setCurve(undefined));
  }, [version]);

  useEffect(() => {
    if (query === undefined) return;
    let isOld = false;
    setSearching(true);
    search(query, { ...filterFields(filters), k: filters.k })
      .then((found) => {
        if (isOld) return;
        setMatches(found.matches);
        setMessage(undefined);
      })
      .catch((error) => isOld || failed(error))
      .finally(() => isOld || setSearching(false));
    return () => {
      isOld = true;
    };
  }, [query, filters]);

  const choose = (file: File) => {
    if (query?.kind === 'image') URL.revokeObjectURL(query.url);
    setQuery({ kind: 'image', file, url: URL.createObjectURL(file) });
  };
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (file !== undefined) choose(file);
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  });

  const searchLike = (id: string) => {
    setQuery({ kind: 'entry', id });
    get<{ identity?: string }>(`entries/${encodeURIComponent(id)}`).then(
      (entry) => setIdentity(entry.identity ?? ''),
      failed,
    );
    document.getElementById('top')?.scrollIntoView();
  };
  const enrol = async (facts: Facts): Promise<boolean> => {
    if (query?.kind !== 'image') return false;
    try {
      const { id } = await send<{ id: string }>('POST', 'enrol', formOf(query.file, facts));
      changed(`Enrolled ${id}`);
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  };
  const calibrate = (falseMatchRate: number) => {
    send<{ threshold: number }>('POST', 'calibrate', { falseMatchRate }).then((found) => {
      setThreshold(found.threshold);
      setMessage({
        text: `The threshold for a false-match rate of ${falseMatchRate} is ${found.threshold.toFixed(3)}`,
        isProblem: false,
      });
    }, failed);
  };

  return (
    <>
      <header id="top">
        <h1>Gallery</h1>
        {summary !== undefined && (
          <span class="soft">
            {summary.entries.toLocaleString('en')} entries, {summary.identities.toLocaleString('en')}{' '}
            identities, {summary.cameras.length} cameras
          </span>
        )}
      </header>
      {needsToken && (
        <TokenForm
          done={() => {
            setNeedsToken(false);
            setVersion(version + 1);
          }}
        />
      )}
      {message !== undefined && (
        <p
          class={message.isProblem ? 'problem' : 'problem done'}
          role={message.isProblem ? 'alert' : 'status'}
        >
          {message.text}
        </p>
      )}
      <div class="columns">
        <div>
          <QueryPanel {...{ query, identity, choose, setIdentity }} />
          <FilterPanel summary={summary} filters={filters} change={setFilters} />
          <ThresholdPanel {...{ curve, threshold, setThreshold, calibrate }} />
        </div>
        <div>
          <Results {...{ matches, isSearching, identity, threshold, searchLike }} />
          <EnrolPanel file={query?.kind === 'image' ? query.file : undefined} enrol={enrol} />
          <Entries {...{ version, searchLike, changed, failed }} />
        </div>
      </div>
    </>
  );
}

function search(query: Query, fields: Record<string, unknown>): Promise<{ matches: Match[] }> {
  if (query.kind === 'entry') return send('POST', 'search', { entry: query.id, ...fields });
  const form = new FormData();
  form.append('file', query.file);
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  return send('POST', 'search', form);
}

function formOf(file: File, facts: Facts): FormData {
  const form = new FormData();
  form.append('file', file);
  form.append('time', String(Date.now()));
  for (const [name, value] of Object.entries(facts)) if (value.trim() !== '') form.append(name, value.trim());
  return form;
}

function TokenForm({ done }: { done(): void }) {
  const [token, change] = useState('');
  return (
    <form
      class="problem"
      onSubmit={(event) => {
        event.preventDefault();
        setToken(token);
        done();
      }}
    >
      <label>
        The server asks for its token
        <input
          type="password"
          autocomplete="off"
          value={token}
          onInput={(event) => change(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Use it</button>
    </form>
  );
}

const place = document.getElementById('app');
if (place !== null) render(<App />, place);
