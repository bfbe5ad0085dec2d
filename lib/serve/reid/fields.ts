import type { GalleryFilter } from '../../reid/gallery/index.ts';

const text = { type: 'string', maxLength: 1000 };
const texts = (description: string) => ({ type: 'array', items: text, maxItems: 1000, description });
const time = (description: string) => ({
  type: 'number',
  description: `${description}, milliseconds since 1970`,
});

/** Which entries take part. */
export const FILTER_FIELDS = {
  camera: texts('any of these cameras'),
  notCamera: texts('none of these cameras'),
  identity: texts('any of these identities'),
  tags: texts('all of these tags'),
  from: time('not before'),
  to: time('not after'),
};
export interface FilterFields {
  readonly camera: string[];
  readonly notCamera: string[];
  readonly identity: string[];
  readonly tags: string[];
  readonly from: number;
  readonly to: number;
}

const FEATURE = { type: 'array', items: { type: 'number' }, minItems: 1, maxItems: 65_536 };

/** What is asked about, where it is no image, and how the answer is cut. */
export const SEARCH_FIELDS = {
  ...FILTER_FIELDS,
  feature: { ...FEATURE, description: 'in place of an image' },
  entry: { ...text, description: 'the id of an entry, in place of an image; it is left out of the answer' },
  k: { type: 'integer', minimum: 1, maximum: 1000, description: 'entries at most; default 10' },
  threshold: { type: 'number', minimum: -1, maximum: 1, description: 'the least cosine of a match' },
};
export interface SearchFields extends FilterFields {
  readonly feature: number[];
  readonly entry: string;
  readonly k: number;
  readonly threshold: number;
}

const FACT_FIELDS = {
  identity: { ...text, description: 'who or what it shows' },
  camera: text,
  time: time('when it was taken'),
  tags: texts('words of your own'),
};

/** An entry to enrol. */
export const ENROL_FIELDS = {
  id: { ...text, minLength: 1, description: 'a name of its own; default: one is made' },
  ...FACT_FIELDS,
  feature: { ...FEATURE, description: 'in place of an image' },
};
export interface EnrolFields {
  readonly id: string;
  readonly identity: string;
  readonly camera: string;
  readonly time: number;
  readonly tags: string[];
  readonly feature: number[];
}

const orNull = (schema: object) => ({ anyOf: [{ type: 'null' }, schema] });

/** New facts of an entry; null takes one away. */
export const CHANGE_FIELDS = {
  identity: orNull(text),
  camera: orNull(text),
  time: orNull({ type: 'number' }),
  tags: orNull({ type: 'array', items: text }),
};

/** A part of a list. */
export const LIST_FIELDS = {
  ...FILTER_FIELDS,
  offset: { type: 'integer', minimum: 0, description: 'entries left out at the beginning; default 0' },
  limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'entries at most; default 100' },
};
export interface ListFields extends FilterFields {
  readonly offset: number;
  readonly limit: number;
}

export const CALIBRATE_FIELDS = {
  falseMatchRate: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  confidence: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
};

/** The filter that fields say. */
export function filterFrom({ from, to, ...fields }: Partial<FilterFields>): GalleryFilter {
  const { camera, notCamera, identity, tags } = fields;
  return {
    ...(camera === undefined ? {} : { camera }),
    ...(notCamera === undefined ? {} : { notCamera }),
    ...(identity === undefined ? {} : { identity }),
    ...(tags === undefined ? {} : { tags }),
    ...(from === undefined && to === undefined
      ? {}
      : { time: { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) } }),
  };
}
