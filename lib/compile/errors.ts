/** Why a network could not be compiled; codes never change between releases. */
export type CompileErrorCode =
  /** Modules are in training mode. */
  | 'ERR_COMPILE_TRAINING'
  /** The forward throws on inputs of these shapes; `cause` is what it threw. */
  | 'ERR_COMPILE_FORWARD'
  /** The forward reads values that depend on the input, so it may branch on them. */
  | 'ERR_COMPILE_DATA_DEPENDENT'
  /** The forward does other work, or makes other sizes, for another batch size. */
  | 'ERR_COMPILE_BATCH'
  /** A value is used after its memory was written through another tensor. */
  | 'ERR_COMPILE_ALIAS'
  /** An output, or a tensor that an op takes, was not made by recorded ops. */
  | 'ERR_COMPILE_UNRECORDED'
  /** No kernel does this op, or this form of it. */
  | 'ERR_COMPILE_UNSUPPORTED';

interface CompileErrorOptions extends ErrorOptions {
  code: CompileErrorCode;
  module?: string;
  source?: string;
}

/** A network could not be compiled. `module` is the path of the module at fault, `source` the line in its forward. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly code: CompileErrorCode;
  readonly module: string | undefined;
  readonly source: string | undefined;

  constructor(message: string, options: CompileErrorOptions) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = options.code;
    this.module = options.module;
    this.source = options.source;
  }
}
