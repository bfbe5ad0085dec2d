import { type ParsedSchema, type TypeShape, withRecorder } from '../../ops/index.ts';
import { keep, Tensor } from '../../tensor/index.ts';
import type { CompileError } from '../errors.ts';
import { Bindings, type Bound, tensorsIn } from './bindings.ts';
import type { ModuleStack } from './module-stack.ts';
import { errorAt, NETWORK, type Site, siteOf } from './site.ts';
import { standInFor } from './stand-ins.ts';
import type { TraceArg, TraceOp, TraceValue } from './types.ts';

/** Ops that say what a tensor is, not what is in it. */
const METADATA =
  /^aten::_?(sym_)?(size|stride|dim|numel|storage_offset|layout|get_device|is_(contiguous|floating_point|complex|conj|neg|signed|same_size|inference|pinned|leaf|coalesced|non_overlapping_and_dense|strides_like_format)|result_type|can_cast)$/;

/** Turns calls of ops into values that depend on the inputs, and constants. */
export class TraceRecorder {
  readonly ops: TraceOp[] = [];
  readonly values: TraceValue[] = [];
  /** Constants that are no parameters; they outlive the forward that made them. */
  readonly kept: Tensor[] = [];
  readonly #bindings = new Bindings();
  readonly #keys: ReadonlyMap<Tensor, string>;
  readonly #modules: ModuleStack;

  /** @param keys Parameters and buffers by their keys. */
  constructor(keys: ReadonlyMap<Tensor, string>, modules: ModuleStack) {
    this.#keys = keys;
    this.#modules = modules;
  }

  addInput(tensor: Tensor): number {
    const value = this.#addValue(tensor);
    this.#bindings.bindNew(tensor, { kind: 'value', value });
    return value;
  }

  /** The value an output stands for. */
  outputValue(tensor: Tensor, name: string): number {
    const bound = this.#bindings.get(tensor);
    if (bound?.arg.kind === 'value') return this.#current(tensor, bound, NETWORK).value as number;
    const why = bound === undefined ? 'one that no recorded op made' : 'one that depends on no input';
    const message = `Expected a tensor computed from the inputs for output "${name}", got ${why}`;
    throw errorAt(NETWORK, 'ERR_COMPILE_UNRECORDED', message);
  }

  /** As `Recorder`: called after the op ran. */
  readonly record = (schema: ParsedSchema, args: readonly unknown[], result: unknown): void => {
    withRecorder(null, () => this.#record(schema, args, result));
  };

  /** As `StandIn`: spares the ops that cost most where they depend on an input. */
  readonly standIn = (schema: ParsedSchema, args: readonly unknown[]): unknown => {
    const depends = tensorsIn(args).some((tensor) => this.#bindings.get(tensor)?.arg.kind === 'value');
    return depends ? standInFor(schema, args) : undefined;
  };

  #record(schema: ParsedSchema, args: readonly unknown[], result: unknown): void {
    const written = schema.parsed.flatMap(({ alias }, i) => (alias?.endsWith('!') ? tensorsIn(args[i]) : []));
    if (written.length === 0 && METADATA.test(schema.name)) return;
    const site = this.#site();
    const recorded = schema.parsed.map((_, i) => this.#arg(args[i], site));
    const depends = recorded.some(dependsOnInput);
    if (written.length > 0) this.#recordWrite(schema, recorded, written, depends, site);
    else if (depends) this.#recordOp(schema, recorded, args, result, site);
    else for (const tensor of tensorsIn(result)) this.#bindConstant(tensor, args.flatMap(tensorsIn));
  }

  /** Lines of this package are not named, so a network of its own layers alone needs no call stacks. */
  #site(): Site {
    const module = this.#modules.current();
    return this.#modules.hasForeignCode ? siteOf(module) : { module, stack: {} };
  }

  #recordOp(
    schema: ParsedSchema,
    recorded: TraceArg[],
    args: readonly unknown[],
    result: unknown,
    site: Site,
  ): void {
    if (!schema.returnShapes.every(holdsTensors)) throw readsValues(schema.name, site);
    const sources = args.flatMap(tensorsIn);
    const results = (Array.isArray(result) ? result.flat() : [result]).map((item) => {
      if (!(item instanceof Tensor)) return -1;
      const value = this.#addValue(item);
      this.#bindings.bindResult(item, { kind: 'value', value }, sources);
      return value;
    });
    this.ops.push({ name: schema.name, overload: schema.overload, args: recorded, results, site });
  }

  /** An in-place op makes a new value, which the written tensor stands for from now on. */
  #recordWrite(
    schema: ParsedSchema,
    recorded: TraceArg[],
    written: Tensor[],
    depends: boolean,
    site: Site,
  ): void {
    const [target] = written;
    if (target === undefined || written.length > 1) {
      if (!depends) return;
      const message = `Expected ops that write to one tensor, got ${schema.name}`;
      throw errorAt(site, 'ERR_COMPILE_UNSUPPORTED', message);
    }
    const key = this.#keys.get(target);
    if (key !== undefined) {
      const message = `Expected a forward that leaves parameters and buffers alone, got ${schema.name} on "${key}"`;
      throw errorAt(site, 'ERR_COMPILE_ALIAS', message);
    }
    if (!depends) {
      this.#bindings.bindWritten(target, this.#constant(target), schema.name);
      return;
    }
    const value = this.#addValue(target);
    this.#bindings.bindWritten(target, { kind: 'value', value }, schema.name);
    const name = schema.name.replace(/([^_])_$/, '$1');
    this.ops.push({ name, overload: schema.overload, args: recorded, results: [value], site });
  }

  #arg(value: unknown, site: Site): TraceArg {
    if (value instanceof Tensor) return this.#current(value, this.#boundOf(value), site);
    if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => this.#arg(item, site)) };
    return { kind: 'literal', value };
  }

  #boundOf(tensor: Tensor): Bound {
    return this.#bindings.get(tensor) ?? this.#bindings.bindNew(tensor, this.#constant(tensor));
  }

  #current(tensor: Tensor, bound: Bound, site: Site): Bound['arg'] & { value?: number } {
    const writer = this.#bindings.overwrittenBy(tensor);
    if (writer === undefined) return bound.arg;
    throw errorAt(
      site,
      'ERR_COMPILE_ALIAS',
      `Expected tensors whose memory only they write to, got one that ${writer} overwrote through another`,
      'write to a clone() instead',
    );
  }

  #constant(tensor: Tensor): Bound['arg'] {
    const key = this.#keys.get(tensor) ?? null;
    if (key !== null) return { kind: 'constant', tensor, key };
    const own = keep(tensor.clone());
    this.kept.push(own);
    return { kind: 'constant', tensor: own, key };
  }

  #bindConstant(tensor: Tensor, sources: readonly Tensor[]): void {
    this.#bindings.bindResult(tensor, this.#constant(tensor), sources);
  }

  #addValue(tensor: Tensor): number {
    return this.values.push({ shape: tensor.shape, dtype: tensor.dtype, factors: [] }) - 1;
  }
}

/** What a person calls that ends in such an op. */
const SPOKEN: Record<string, string> = { 'aten::_is_zerotensor': 'data()', 'aten::item': 'item()' };

function readsValues(name: string, site: Site): CompileError {
  return errorAt(
    site,
    'ERR_COMPILE_DATA_DEPENDENT',
    `Expected a forward that does not read values computed from the inputs, got ${SPOKEN[name] ?? name}`,
    'what depends on them cannot be part of a plan',
  );
}

function holdsTensors({ kind, element }: TypeShape): boolean {
  return kind === 'Tensor' || (kind === 'list' && element?.kind === 'Tensor');
}

function dependsOnInput(arg: TraceArg): boolean {
  return arg.kind === 'list' ? arg.items.some(dependsOnInput) : arg.kind === 'value';
}
