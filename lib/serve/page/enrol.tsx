import { useState } from 'preact/hooks';

/** Facts of an entry as a person writes them. */
export interface Facts {
  readonly id: string;
  readonly identity: string;
  readonly camera: string;
  readonly tags: string;
}

const EMPTY: Facts = { id: '', identity: '', camera: '', tags: '' };
const TITLES = {
  id: 'Id (else one is made)',
  identity: 'Identity',
  camera: 'Camera',
  tags: 'Tags, with commas',
};

/** Adds the image of the query to the gallery. */
export function EnrolPanel({
  file,
  enrol,
}: {
  file: File | undefined;
  enrol(facts: Facts): Promise<boolean>;
}) {
  const [facts, setFacts] = useState(EMPTY);
  return (
    <section aria-label="Enrol">
      <h2>Enrol this image</h2>
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          if (await enrol(facts)) setFacts({ ...facts, id: '' });
        }}
      >
        <div class="fields">
          {(Object.keys(TITLES) as (keyof Facts)[]).map((name) => (
            <label key={name}>
              {TITLES[name]}
              <input
                id={`enrol-${name}`}
                type="text"
                value={facts[name]}
                onInput={(event) => setFacts({ ...facts, [name]: event.currentTarget.value })}
              />
            </label>
          ))}
        </div>
        <button class="main" type="submit" disabled={file === undefined}>
          Enrol
        </button>
      </form>
    </section>
  );
}
