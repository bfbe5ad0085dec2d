import { PyArray, PyBuilt, PyDict, PyObject, PySet, PyTuple, PyUnbuilt } from '../values.ts';

interface Place {
  readonly value: unknown;
  readonly step: string;
  readonly above: Place | undefined;
}

/**
 * Where in a described value a part of it lies, as in `optimizer.state.0`: the first place in the file's order, spelt
 * like the property of what is made of it. Undefined if the part is not in there.
 */
export function pathTo(root: unknown, part: object): string | undefined {
  const seen = new Set<unknown>();
  const waiting: Place[] = [{ value: root, step: '', above: undefined }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (place.value === part) return spelt(place);
    if (typeof place.value !== 'object' || place.value === null || seen.has(place.value)) continue;
    seen.add(place.value);
    const inside = childrenOf(place.value, place);
    for (let at = inside.length - 1; at >= 0; at--) waiting.push(inside[at] as Place);
  }
  return undefined;
}

function spelt(place: Place): string {
  const steps: string[] = [];
  for (let at = place; at.above !== undefined; at = at.above) if (at.step !== '') steps.push(at.step);
  return steps.reverse().join('.');
}

function childrenOf(value: object, above: Place): Place[] {
  if (value instanceof PyDict) return entriesOf(value, above);
  if (value instanceof PyObject) return partsOf(value, above);
  // What becomes one value is one place.
  if (value instanceof PyArray) return [{ value: value.value, step: '', above }];
  if (value instanceof PyUnbuilt) return [{ value: value.tensor, step: '', above }];
  if (value instanceof PyBuilt) return value.recipe.parts.map((item) => ({ value: item, step: '', above }));
  if (value instanceof PySet) return value.items.map((item) => ({ value: item, step: '?', above }));
  const items = Array.isArray(value) ? value : value instanceof PyTuple ? value.items : [];
  return items.map((item, index) => ({ value: item, step: String(index), above }));
}

function entriesOf({ entries, attributes }: PyDict, above: Place): Place[] {
  const places: Place[] = [];
  for (const [key, value] of entries) {
    if (typeof key === 'object' && key !== null) places.push({ value: key, step: '?', above });
    places.push({ value, step: keyText(key), above });
  }
  const metadata = attributes?.entries.get('_metadata');
  if (metadata !== undefined) places.push({ value: metadata, step: '_metadata', above });
  return places;
}

function partsOf({ args, keywords, items, entries, state }: PyObject, above: Place): Place[] {
  const parts = { args: new PyTuple(args), keywords, items, entries, state };
  const present = Object.entries(parts).filter(([, value]) => value !== undefined);
  return present.map(([step, value]) => ({ value, step, above }));
}

/** A key as a step of a path. */
export function keyText(key: unknown): string {
  return typeof key === 'string' || typeof key === 'number' ? String(key) : '?';
}
