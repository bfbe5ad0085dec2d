import type { Handle } from './schema.ts';

/** c10d of libtorch. Promises are settled when other threads have done the work; what is named `...Now` waits. */
export interface DistributedBinding {
  /** Connects; a server that has not come yet is waited for. Times are in milliseconds. */
  tcpStore(
    host: string,
    port: number,
    worldSize: number,
    isServer: boolean,
    timeout: number,
    waitForWorkers: boolean,
  ): Promise<Handle>;
  fileStore(path: string, worldSize: number): Handle;
  hashStore(): Handle;
  prefixStore(prefix: string, store: Handle): Handle;
  /** 0 for a store without one. */
  storePort(store: Handle): number;
  storeSet(store: Handle, key: string, value: Uint8Array): Promise<void>;
  storeGet(store: Handle, key: string): Promise<Uint8Array>;
  storeAdd(store: Handle, key: string, amount: number): Promise<number>;
  storeCompareSet(store: Handle, key: string, expected: Uint8Array, desired: Uint8Array): Promise<Uint8Array>;
  storeCheck(store: Handle, keys: readonly string[]): Promise<boolean>;
  storeDeleteKey(store: Handle, key: string): Promise<boolean>;
  storeNumKeys(store: Handle): Promise<number>;
  storeWait(store: Handle, keys: readonly string[], timeout: number): Promise<void>;
  storeSetTimeout(store: Handle, timeout: number): void;

  /** `ranks` are global ones, by rank of the group. */
  processGroup(
    store: Handle,
    name: string,
    rank: number,
    ranks: readonly number[],
    timeout: number,
  ): Promise<Handle>;
  closeGroup(group: Handle): Promise<void>;
  /** `numbers` are the reduction, the root or peer, and the tag. Gives the rank that a message came from, else nothing. */
  collective(...request: CollectiveRequest): Promise<number | undefined>;
  collectiveNow(...request: CollectiveRequest): void;

  reducer(
    group: Handle,
    parameters: Handle[],
    names: readonly string[],
    sparse: readonly number[],
    bytes: readonly [bucket: number, firstBucket: number],
    flags: readonly number[],
  ): Handle;
  verifyParameters(group: Handle, parameters: Handle[]): void;
  broadcastCoalesced(group: Handle, tensors: Handle[], bufferBytes: number, root: number): void;
  /** Both of these, on a thread of its own. */
  synchronizeAside(group: Handle, parameters: Handle[], states: Handle[], bufferBytes: number): Promise<void>;
  reducerPrepareForForward(reducer: Handle): void;
  /** Whether they were rebuilt now. */
  reducerRebuildBuckets(reducer: Handle): boolean;
  reducerPrepareForBackward(reducer: Handle, outputs: Handle[]): void;
  reducerSink(reducer: Handle, outputs: Handle[], delaysReduction: boolean): Handle[];
  reducerBuckets(reducer: Handle): number[];

  syncBatchNorm(
    group: Handle,
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    runningMean: Handle | null,
    runningVar: Handle | null,
    eps: number,
    momentum: number,
  ): Handle;
}

/** What a collective is asked. */
export type CollectiveRequest = [
  group: Handle,
  name: string,
  outputs: readonly (readonly Handle[])[],
  inputs: readonly (readonly Handle[])[],
  numbers: readonly [op: number, number: number, tag: number],
  outputCounts: readonly number[],
  inputCounts: readonly number[],
  timeout: number,
];
