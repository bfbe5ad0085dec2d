import { basename } from 'node:path';
import { type Inspection, inspectFile } from '../../checkpoint/inspect.ts';
import { type Recognised, recognise } from '../../models/recognise.ts';
import { type LoadCommands, loadCommands } from '../load-commands.ts';
import { readRecipe, shapesOf } from '../recipe.ts';
import { type Contents, contentsOf, type Node } from './contents.ts';

/** What `inspect` finds out. */
export interface Report {
  readonly path: string;
  readonly name: string;
  readonly format: Inspection['format'];
  /** Of the file. */
  readonly bytes: number;
  readonly contents: Contents;
  readonly state: Inspection['state'];
  readonly network: Recognised | undefined;
  readonly commands: LoadCommands;
  readonly warnings: readonly string[];
  /** Whether only some keys were asked for. */
  readonly isChosen: boolean;
}

export interface InspectOptions {
  /** Only tensors whose key has this in it; `*` stands for anything. */
  keys?: string | undefined;
  stats?: boolean | undefined;
}

/** @throws CheckpointError for what is no readable checkpoint, RangeError where no key fits. */
export function inspectCheckpoint(path: string, { keys, stats = false }: InspectOptions = {}): Report {
  return inspectFile(path, (inspection) => {
    const contents = contentsOf(inspection, matcher(keys), stats);
    if (keys !== undefined && contents.tensors.length === 0)
      throw new RangeError(`Expected a tensor whose key has "${keys}" in it, got none in ${basename(path)}`);
    const { format, size, state, value, warnings } = inspection;
    const network = state && recognise(shapesOf(state.entries), readRecipe(value).options);
    const commands = loadCommands(path, state, network);
    const facts = { path, name: basename(path), format, bytes: size, isChosen: keys !== undefined };
    return { ...facts, contents, state, network, commands, warnings };
  });
}

function matcher(pattern: string | undefined): (key: string) => boolean {
  if (pattern === undefined) return () => true;
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(parts.join('.*'));
  return (key) => expression.test(key);
}

/** The report as JSON. */
export function reportJson({
  path,
  format,
  bytes,
  contents,
  state,
  network,
  commands,
  warnings,
}: Report): object {
  return {
    path,
    format,
    bytes,
    tensors: contents.tensors.map(({ isChosen: _, ...tensor }) => tensor),
    values: Object.fromEntries(valuesOf(contents.root, '')),
    classNames: contents.classNames,
    shared: contents.shared,
    stateDict: state ? { path: state.path, keys: state.entries.size } : null,
    network: network
      ? { ...network, numClasses: network.numClasses ?? null, head: network.head ?? null }
      : null,
    commands: { cli: commands.cli ?? null, typescript: commands.typescript },
    warnings,
  };
}

/** What is no tensor and has nothing below it, by path. */
function valuesOf(node: Node, path: string): [string, string][] {
  const at = path === '' ? node.name : `${path}.${node.name}`;
  if (node.tensor) return [];
  if (node.children.length === 0) return [[at, node.text]];
  return node.children.flatMap((child) => valuesOf(child, at));
}
