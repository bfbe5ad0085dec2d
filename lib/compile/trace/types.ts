import type { DType, Tensor } from '../../tensor/index.ts';
import type { Site } from './site.ts';

/** An argument of a recorded op. */
export type TraceArg =
  /** A value that depends on the network's inputs. */
  | { kind: 'value'; value: number }
  /** A parameter or buffer, by its key, or another tensor that depends on no input. */
  | { kind: 'constant'; tensor: Tensor; key: string | null }
  /** Numbers, strings, null; undefined for a default that was not given. */
  | { kind: 'literal'; value: unknown }
  | { kind: 'list'; items: TraceArg[] }
  /** A number that grows with the batch: `factor` times its size. */
  | { kind: 'batch'; factor: number };

/** A value that depends on the inputs. Each has one op that makes it. */
export interface TraceValue {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** For each dimension, how many times the batch it is; 0: fixed. Empty before traces of two batch sizes were compared. */
  readonly factors: readonly number[];
}

/** A call of an op, in-place ones as the op that makes a new value. */
export interface TraceOp {
  /** `aten::relu`, without the underscore of in-place ops. */
  readonly name: string;
  readonly overload: string;
  /** In schema order. */
  readonly args: readonly TraceArg[];
  /** Values it makes; -1 for results that are no tensors. */
  readonly results: readonly number[];
  readonly site: Site;
}

/** What a network does for one batch size. */
export interface Trace {
  readonly batch: number;
  /** Value of each input. */
  readonly inputs: readonly number[];
  readonly values: readonly TraceValue[];
  readonly ops: readonly TraceOp[];
  readonly outputs: readonly { name: string; value: number }[];
}
