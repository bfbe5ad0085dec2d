import { type Device, ops, type Tensor, zeros } from '../../tensor/index.ts';
import { type Call, checkNamed, flag, maybeTensor, optional, real, Signature, whole } from '../arguments.ts';
import {
  canonicalMask,
  checkAttention,
  checkAttentionMask,
  checkPaddingMask,
  mergedMask,
  widened,
} from './attention-masks.ts';

import { probability } from './dropout.ts';

/** Options of `scaledDotProductAttention`. */
export interface ScaledDotProductAttentionOptions {
  /** True where a query may look, or numbers that are added to the scores; broadcast to (N, ..., L, S). */
  attnMask?: Tensor | null;
  /** Default 0. */
  dropoutP?: number;
  /** Queries look back only. Default false. */
  isCausal?: boolean;
  /** Default 1 / sqrt(E). */
  scale?: number | null;
  /** Fewer heads of keys and values than of queries. Default false. */
  enableGqa?: boolean;
}

/**
 * softmax(query key^T scale + mask) value, for (N, ..., L, E), (N, ..., S, E) and (N, ..., S, Ev).
 *
 * @example nn.functional.scaledDotProductAttention(query, key, value, { isCausal: true });
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  ...given: Call<[attnMask?: Tensor | null, dropoutP?: number], ScaledDotProductAttentionOptions>
): Tensor {
  const values = SCALED_ATTENTION.read('scaledDotProductAttention', given);
  const { attnMask, dropoutP, isCausal, scale, enableGqa } = values;
  return ops.aten.scaled_dot_product_attention(query, key, value, attnMask, dropoutP, isCausal, {
    scale,
    enable_gqa: enableGqa,
  });
}

/** What the forward of MultiheadAttention takes beside its inputs. */
export interface AttentionOptions {
  /** Keys to leave out: true, or numbers that are added to the scores; (N, S) or (S). */
  keyPaddingMask?: Tensor | null;
  /** Give the attention's weights; without them it is faster. Default true. */
  needWeights?: boolean;
  /** Pairs to leave out: true, or numbers that are added; (L, S) or (N * heads, L, S). */
  attnMask?: Tensor | null;
  /** Average the weights over the heads. Default true. */
  averageAttnWeights?: boolean;
  /** `attnMask` is causal: lets the mask be left to a faster kernel. Default false. */
  isCausal?: boolean;
}

/** Options of `multiHeadAttentionForward`. */
export interface MultiHeadAttentionOptions extends AttentionOptions {
  /** Apply the dropout. Default true. */
  training?: boolean;
  useSeparateProjWeight?: boolean;
  qProjWeight?: Tensor | null;
  kProjWeight?: Tensor | null;
  vProjWeight?: Tensor | null;
  /** Keys in place of those computed, (N * heads, S, E / heads). */
  staticK?: Tensor | null;
  /** Values in place of those computed. */
  staticV?: Tensor | null;
}

const tensorOrNull = maybeTensor();

export const ATTENTION_OPTIONS = {
  keyPaddingMask: tensorOrNull,
  needWeights: flag(),
  attnMask: tensorOrNull,
  averageAttnWeights: flag(),
  isCausal: flag(),
};
const SCALED = {
  attnMask: tensorOrNull,
  dropoutP: { ...probability, fallback: 0 },
  isCausal: flag(),
  scale: optional(real()),
  enableGqa: flag(),
};

const SCALED_ATTENTION = new Signature<Required<ScaledDotProductAttentionOptions>>(SCALED, [
  'attnMask',
  'dropoutP',
]);
const OPTIONS = {
  ...ATTENTION_OPTIONS,
  training: flag(),
  useSeparateProjWeight: flag(),
  qProjWeight: tensorOrNull,
  kProjWeight: tensorOrNull,
  vProjWeight: tensorOrNull,
  staticK: tensorOrNull,
  staticV: tensorOrNull,
};

/** Query, key and value after their projection, with the masks that go with them. */
interface Projected {
  q: Tensor;
  k: Tensor;
  v: Tensor;
  attnMask: Tensor | null;
  paddingMask: Tensor | null;
}

/**
 * What nn.MultiheadAttention computes, with its weights as arguments; the order of torch. Query (L, N, E), key and value
 * (S, N, E), or without N.
 *
 * @returns The output of the query's shape, and the weights (N, L, S), of each head (N, heads, L, S), or null.
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  embedDimToCheck: number,
  numHeads: number,
  inProjWeight: Tensor | null,
  inProjBias: Tensor | null,
  biasK: Tensor | null,
  biasV: Tensor | null,
  addZeroAttn: boolean,
  dropoutP: number,
  outProjWeight: Tensor,
  outProjBias: Tensor | null,
  options: MultiHeadAttentionOptions = {},
): [Tensor, Tensor | null] {
  checkNamed('multiHeadAttentionForward', options, OPTIONS);
  const owner = 'multiHeadAttentionForward';
  const weights = { inProjWeight, inProjBias, biasK, biasV, outProjWeight, outProjBias };
  for (const [name, weight] of Object.entries(weights)) tensorOrNull.read(owner, name, weight);
  whole(1).read(owner, 'numHeads', numHeads);
  probability.read(owner, 'dropoutP', dropoutP);
  flag().read(owner, 'addZeroAttn', addZeroAttn);
  checkAttention(query, key, value, options.keyPaddingMask ?? null, embedDimToCheck, numHeads);
  const isBatched = query.dim() === 3;
  const lift = (x: Tensor): Tensor => (isBatched ? x : x.unsqueeze(1));
  const lifted = lift(query);
  const inputs: [Tensor, Tensor, Tensor] = [
    lifted,
    key === query ? lifted : lift(key),
    value === query ? lifted : lift(value),
  ];
  const [length, batch] = lifted.shape as [number, number];
  const [q, k, v] = projected(inputs, inProjWeight, inProjBias, options);
  const { useMask, isCausal } = causalHint(options);
  const given = canonicalMask('attnMask', useMask ? (options.attnMask ?? null) : null, query.dtype);
  const padding = canonicalMask('keyPaddingMask', options.keyPaddingMask ?? null, query.dtype);
  const attnMask = checkAttentionMask(given, batch * numHeads, length, inputs[1].shape[0] as number);
  const paddingMask = padding === null || isBatched ? padding : padding.unsqueeze(0);
  const heads = toHeads(
    withBias({ q, k, v, attnMask, paddingMask }, biasK, biasV, batch),
    numHeads,
    addZeroAttn,
    options,
  );
  checkPaddingMask(heads.paddingMask, batch, heads.k.shape[1] as number);
  const mask = mergedMask(heads.attnMask, heads.paddingMask, numHeads);
  const dropout = (options.training ?? true) ? dropoutP : 0;
  const [mixed, scores] =
    (options.needWeights ?? true)
      ? weighted(heads, mask, dropout)
      : [fused(heads, mask, dropout, isCausal && paddingMask === null, numHeads), null];
  // (N * heads, L, E / heads) -> (L, N, E)
  const joined = mixed.transpose(0, 1).reshape([length, batch, embedDimToCheck]);
  const output = ops.aten.linear(joined, outProjWeight, outProjBias);
  const shown = scores === null ? null : shownWeights(scores, numHeads, options.averageAttnWeights ?? true);
  return isBatched ? [output, shown] : [output.squeeze(1), shown?.squeeze(0) ?? null];
}

/** The hint replaces the mask where nothing else needs it. */
function causalHint(options: MultiHeadAttentionOptions): { useMask: boolean; isCausal: boolean } {
  const { isCausal = false, attnMask = null, keyPaddingMask = null, needWeights = true } = options;
  if (isCausal && attnMask === null) {
    throw new RangeError(
      'Expected an attnMask with isCausal for multiHeadAttentionForward; nn.Transformer.generateSquareSubsequentMask makes one',
    );
  }
  const alone = isCausal && keyPaddingMask === null && !needWeights;
  return { useMask: !alone, isCausal: alone };
}

function projected(
  [query, key, value]: [Tensor, Tensor, Tensor],
  weight: Tensor | null,
  bias: Tensor | null,
  options: MultiHeadAttentionOptions,
): [Tensor, Tensor, Tensor] {
  const weights = options.useSeparateProjWeight
    ? [options.qProjWeight, options.kProjWeight, options.vProjWeight]
    : [weight];
  if (weights.some((part) => part == null)) {
    const names = options.useSeparateProjWeight ? 'qProjWeight, kProjWeight and vProjWeight' : 'inProjWeight';
    throw new TypeError(`Expected ${names} for multiHeadAttentionForward, got null`);
  }
  if (weight !== null && !options.useSeparateProjWeight && query === key && key === value) {
    const all = ops.aten.linear(query, weight, bias).unflatten(-1, [3, query.shape[2] as number]);
    const parts = all.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous(); // (3, L, N, E)
    return [parts.select(0, 0), parts.select(0, 1), parts.select(0, 2)];
  }
  const matrices =
    weight !== null && !options.useSeparateProjWeight ? weight.chunk(3) : (weights as Tensor[]);
  const biases = bias === null ? [null, null, null] : bias.chunk(3);
  const apply = (x: Tensor, i: number): Tensor =>
    ops.aten.linear(x, matrices[i] as Tensor, biases[i] ?? null);
  return [apply(query, 0), apply(key, 1), apply(value, 2)];
}

/** One more key and value, learned. */
function withBias(parts: Projected, biasK: Tensor | null, biasV: Tensor | null, batch: number): Projected {
  if ((biasK === null) !== (biasV === null)) {
    throw new TypeError('Expected biasK and biasV for multiHeadAttentionForward, or neither, got one');
  }
  if (biasK === null || biasV === null) return parts;
  const { q, k, v, attnMask, paddingMask } = parts;
  return {
    q,
    k: ops.aten.cat([k, biasK.repeat([1, batch, 1])]),
    v: ops.aten.cat([v, biasV.repeat([1, batch, 1])]),
    attnMask: widened(attnMask),
    paddingMask: widened(paddingMask),
  };
}

/** (S, N, E) -> (N * heads, S, E / heads), and one more key and value of zeros. */
function toHeads(
  { q, k, v, attnMask, paddingMask }: Projected,
  numHeads: number,
  addZeroAttn: boolean,
  { staticK = null, staticV = null }: MultiHeadAttentionOptions,
): Projected {
  const [, batch, width] = q.shape as [number, number, number];
  const [rows, size] = [batch * numHeads, width / numHeads];
  const split = (x: Tensor): Tensor => x.reshape([x.shape[0] as number, rows, size]).transpose(0, 1);
  const parts = { q: split(q), k: staticK ?? split(k), v: staticV ?? split(v) };
  if (!addZeroAttn) return { ...parts, attnMask, paddingMask };
  const zero = zeros([rows, 1, size], { dtype: q.dtype, device: q.device as Device });
  return {
    q: parts.q,
    k: ops.aten.cat([parts.k, zero], 1),
    v: ops.aten.cat([parts.v, zero], 1),
    attnMask: widened(attnMask),
    paddingMask: widened(paddingMask),
  };
}

function weighted({ q, k, v }: Projected, mask: Tensor | null, dropout: number): [Tensor, Tensor] {
  const scaled = q.mul(Math.sqrt(1 / (q.shape[2] as number)));
  const keys = k.transpose(-2, -1);
  const scores = mask === null ? ops.aten.bmm(scaled, keys) : ops.aten.baddbmm(mask, scaled, keys);
  const softmax = scores.softmax(-1);
  const weights = dropout > 0 ? ops.aten.dropout(softmax, dropout, true) : softmax;
  return [ops.aten.bmm(weights, v), weights];
}

function fused(
  { q, k, v }: Projected,
  mask: Tensor | null,
  dropout: number,
  isCausal: boolean,
  numHeads: number,
): Tensor {
  const split = (x: Tensor): Tensor => x.unflatten(0, [-1, numHeads]); // (N, heads, S, E / heads)
  const isShared = mask === null || mask.shape[0] === 1;
  const fitting = mask === null ? null : isShared ? mask.unsqueeze(0) : split(mask);
  const mixed = ops.aten.scaled_dot_product_attention(
    split(q),
    split(k),
    split(v),
    fitting,
    dropout,
    isCausal,
  );
  return mixed.flatten(0, 1);
}

function shownWeights(weights: Tensor, numHeads: number, averaged: boolean): Tensor {
  const perHead = weights.unflatten(0, [-1, numHeads]); // (N, heads, L, S)
  return averaged ? perHead.mean([1]) : perHead;
}
