import { checkPositions } from '../../options.ts';
import { empty, noGrad, type Tensor } from '../../tensor/index.ts';
import { type Call, checkTensor, flag, maybeTensor, Signature, whole } from '../arguments.ts';
import {
  BAG,
  EMBEDDING,
  type EmbeddingBagFunctionOptions,
  type EmbeddingBagMode,
  type EmbeddingFunctionOptions,
  embedding,
  embeddingBag,
  paddingRow,
} from '../functional/embedding.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonFloat } from '../module/repr.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, type PlaceValues, tensorOptions } from './place.ts';

/** Options of Embedding. */
export interface EmbeddingOptions extends EmbeddingFunctionOptions, PlaceOptions {
  /** The table, instead of one that is drawn. */
  _weight?: Tensor | null;
  /** Record no gradients for the table. Default false. */
  _freeze?: boolean;
}

const TABLE = { numEmbeddings: whole(0), embeddingDim: whole(0), ...EMBEDDING };
const GIVEN = { _weight: maybeTensor(), ...PLACE_ARGUMENTS };

interface TableValues extends Required<EmbeddingFunctionOptions>, PlaceValues {
  numEmbeddings: number;
  embeddingDim: number;
  _weight: Tensor | null;
}

/** A table of rows, looked up by their numbers. */
abstract class Table extends Module {
  weight: Parameter;
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  maxNorm: number | null;
  normType: number;
  scaleGradByFreq: boolean;
  sparse: boolean;

  constructor(owner: string, values: TableValues, isFrozen: boolean) {
    super();
    const { numEmbeddings, embeddingDim, _weight } = values;
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingRow(owner, values.paddingIdx, numEmbeddings);
    this.maxNorm = values.maxNorm;
    this.normType = values.normType;
    this.scaleGradByFreq = values.scaleGradByFreq;
    this.sparse = values.sparse;
    const shape = [numEmbeddings, embeddingDim];
    if (_weight !== null && _weight.shape.join() !== shape.join()) {
      throw new RangeError(
        `Expected shape [${shape.join(', ')}] for ${owner} _weight, got [${_weight.shape.join(', ')}]`,
      );
    }
    this.weight = new Parameter(_weight ?? empty(shape, tensorOptions(values)), { requiresGrad: !isFrozen });
    if (_weight === null) this.resetParameters();
  }

  /** Draws the rows anew from N(0, 1); the padding row is zero. */
  resetParameters(): void {
    init.normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null && this.weight.device !== 'meta') {
      noGrad(() => this.weight.select(0, paddingIdx).zero_());
    }
  }

  /** Parts of the text between the parentheses: what is not as usual. */
  protected tableRepr(): string[] {
    const { numEmbeddings, embeddingDim, maxNorm, normType, scaleGradByFreq } = this;
    const parts = [`${numEmbeddings}, ${embeddingDim}`];
    if (maxNorm !== null) parts.push(`max_norm=${pythonFloat(maxNorm)}`);
    if (normType !== 2) parts.push(`norm_type=${pythonFloat(normType)}`);
    if (scaleGradByFreq) parts.push('scale_grad_by_freq=True');
    return parts;
  }
}

/** The shape of a table that is given, for `fromPretrained`. */
function tableShape(owner: string, embeddings: Tensor): [number, number] {
  checkTensor(`${owner}.fromPretrained`, 'embeddings', embeddings);
  const [rows, columns, ...rest] = embeddings.shape;
  if (rows !== undefined && columns !== undefined && rest.length === 0) return [rows, columns];
  throw new RangeError(
    `Expected 2 dimensions for ${owner}.fromPretrained, got [${embeddings.shape.join(', ')}]`,
  );
}

const SIGNATURE = new Signature<TableValues & { _freeze: boolean }>({ ...TABLE, ...GIVEN, _freeze: flag() });

/**
 * Rows of a table at indices: (...) -> (..., embeddingDim). Rows start from N(0, 1).
 *
 * @example
 * new nn.Embedding(10, 3, { paddingIdx: 0 }).forward(tensor([[1, 2], [4, 0]], { dtype: 'int64' })); // (2, 2, 3)
 */
export class Embedding extends Table {
  constructor(...given: Call<[numEmbeddings: number, embeddingDim: number], EmbeddingOptions>) {
    const values = SIGNATURE.read(new.target.name, given);
    super(new.target.name, values, values._freeze);
  }

  /** From a table of rows; `freeze` (default true) keeps them as they are. */
  static fromPretrained(
    embeddings: Tensor,
    options: EmbeddingFunctionOptions & { freeze?: boolean } = {},
  ): Embedding {
    const [rows, columns] = tableShape('Embedding', embeddings);
    const { freeze = true, ...rest } = options;
    return new Embedding(rows, columns, { ...rest, _weight: embeddings, _freeze: freeze });
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return embedding(x, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse });
  }

  override extraRepr(): string {
    const [sizes = '', ...rest] = this.tableRepr();
    const padding = this.paddingIdx === null ? [] : [`padding_idx=${this.paddingIdx}`];
    return [sizes, ...padding, ...rest, ...(this.sparse ? ['sparse=True'] : [])].join(', ');
  }
}

/** Options of EmbeddingBag. */
export interface EmbeddingBagOptions
  extends Omit<EmbeddingBagFunctionOptions, 'perSampleWeights'>,
    PlaceOptions {
  /** The table, instead of one that is drawn. */
  _weight?: Tensor | null;
}

const BAG_SIGNATURE = new Signature<TableValues & { mode: EmbeddingBagMode; includeLastOffset: boolean }>({
  ...TABLE,
  ...BAG,
  ...GIVEN,
});

/**
 * Sums, means or largest values of a table's rows for each bag of indices: (B, N) -> (B, embeddingDim), or (N) with the
 * bags' offsets (B) -> (B, embeddingDim).
 *
 * @example
 * new nn.EmbeddingBag(10, 3, { mode: 'sum' }).forward(indices, offsets);
 */
export class EmbeddingBag extends Table {
  readonly mode: EmbeddingBagMode;
  readonly includeLastOffset: boolean;

  constructor(...given: Call<[numEmbeddings: number, embeddingDim: number], EmbeddingBagOptions>) {
    const values = BAG_SIGNATURE.read(new.target.name, given);
    super(new.target.name, values, false);
    this.mode = values.mode;
    this.includeLastOffset = values.includeLastOffset;
  }

  /** From a table of rows; `freeze` (default true) keeps them as they are. */
  static fromPretrained(
    embeddings: Tensor,
    options: Omit<EmbeddingBagFunctionOptions, 'perSampleWeights'> & { freeze?: boolean } = {},
  ): EmbeddingBag {
    const [rows, columns] = tableShape('EmbeddingBag', embeddings);
    const { freeze = true, ...rest } = options;
    const layer = new EmbeddingBag(rows, columns, { ...rest, _weight: embeddings });
    layer.weight.requiresGrad_(!freeze);
    return layer;
  }

  forward(x: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    checkPositions(this.constructor.name, arguments, 3);
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, mode, includeLastOffset } = this;
    const table = { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse };
    return embeddingBag(x, this.weight, offsets, { ...table, mode, includeLastOffset, perSampleWeights });
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === null ? [] : [`padding_idx=${this.paddingIdx}`];
    return [...this.tableRepr(), `mode='${this.mode}'`, ...padding].join(', ');
  }
}
