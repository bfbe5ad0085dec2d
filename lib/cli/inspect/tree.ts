import { formatBytes } from '../numbers.ts';
import type { Contents, Node, TensorEntry } from './contents.ts';
import type { Report } from './report.ts';

/** The report for people. */
export function formatReport(report: Report): string {
  const { name, format, bytes, contents } = report;
  const tensors = `${count(contents.tensors.length, 'tensor')} of ${formatBytes(total(contents.tensors))}`;
  return [
    `${name}: ${format}, ${formatBytes(bytes)}, ${tensors}`,
    ...treeLines(contents.root, '', report.isChosen),
    '',
    ...sharedLines(contents),
    ...classLines(contents),
    ...report.warnings.map((warning) => `Note: ${warning}`),
    ...networkLines(report),
    ...commandLines(report),
  ].join('\n');
}

const total = (tensors: readonly TensorEntry[]) => tensors.reduce((sum, { bytes }) => sum + bytes, 0);

const count = (number: number, what: string) =>
  `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;

/** Nodes below one another; without those whose key was not asked for. */
function treeLines(node: Node, indent: string, isChosen: boolean): string[] {
  const lines: string[] = [];
  const shown = node.children.filter((child) => !isChosen || hasTensors(child));
  const width = Math.max(0, ...shown.map(({ name, tensor }) => (tensor ? printable(name).length : 0)));
  if (indent === '' && node.children.length === 0) lines.push(`  ${nodeText(node)}`);
  for (const child of shown) {
    lines.push(
      `${indent}  ${printable(child.name).padEnd(child.tensor ? width : 0)}  ${nodeText(child)}`.trimEnd(),
    );
    lines.push(...treeLines(child, `${indent}  `, isChosen));
  }
  return lines;
}

function hasTensors(node: Node): boolean {
  return node.tensor?.isChosen === true || node.children.some(hasTensors);
}

function nodeText({ text, tensor, children }: Node): string {
  if (tensor === undefined) return children.length > 0 && /entr(y|ies)$/.test(text) ? `(${text})` : text;
  const grad = tensor.requiresGrad ? ' requiresGrad' : '';
  const device = tensor.device === 'cpu' ? '' : ` ${tensor.device}`;
  return `${tensor.dtype} [${tensor.shape.join(', ')}] ${formatBytes(tensor.bytes)}${device}${grad}${statsText(tensor)}`;
}

function statsText({ stats }: TensorEntry): string {
  if (stats === undefined) return '';
  const number = (value: number | null) => (value === null ? '-' : Number(value.toPrecision(4)));
  const odd = [
    ...(stats.nan > 0 ? [`, ${stats.nan} NaN`] : []),
    ...(stats.inf > 0 ? [`, ${stats.inf} infinite`] : []),
  ];
  return `  min ${number(stats.min)} max ${number(stats.max)} mean ${number(stats.mean)}${odd.join('')}`;
}

/** A file's text must not move the terminal's cursor. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

const KEYS_SHOWN = 4;

function sharedLines({ shared }: Contents): string[] {
  return shared.map((keys) => {
    const shown = keys.slice(0, KEYS_SHOWN).map(printable).join(', ');
    return `Shared storage: ${shown}${keys.length > KEYS_SHOWN ? `, ... (${keys.length})` : ''}`;
  });
}

function classLines({ classNames }: Contents): string[] {
  return classNames.length === 0
    ? []
    : [`Python classes, described and never run: ${classNames.map(printable).join(', ')}`];
}

function networkLines({ state, network }: Report): string[] {
  if (state === undefined) return ['State dict: none was found'];
  const where = state.path.length === 0 ? 'the file itself' : `under "${state.path.join('.')}"`;
  const lines = [`State dict: ${where}, ${count(state.entries.size, 'key')}`];
  if (network === undefined) return [...lines, 'Network: none that this package has'];
  const { model, layout, fitting, prefix, head, numClasses } = network;
  const fit = fitting === network.total ? `all ${fitting}` : `${fitting} of ${network.total}`;
  lines.push(`Network: ${model} (${fit} tensors fit), keys as in ${layout}`);
  if (prefix !== '') lines.push(`Prefix: ${printable(prefix)}`);
  lines.push(
    head === undefined
      ? 'Classifier: none'
      : `Classifier: ${printable(head)}, ${count(numClasses ?? 0, 'class').replace(/classs$/, 'classes')}`,
  );
  return lines;
}

function commandLines({ commands, network }: Report): string[] {
  const lines = ['', 'To load it:', ...commands.typescript.split('\n').map((line) => `  ${line}`)];
  if (commands.cli !== undefined) lines.push(`  ${commands.cli}`);
  if (network && /fast-reid|reid-strong|torchreid/.test(network.layout)) lines.push(REID);
  return lines;
}

const REID =
  'Re-ID networks mostly have stride 1 in the last stage, which keys do not show: { lastStride: 1 }';
