/** For tests of your own code: how tensors are compared. `import { assertClose } from 'ibn-net/testing'`. */
export { type AssertCloseOptions, assertClose, type Comparable } from './assert-close.ts';
export { equalTensors, tensorEquality } from './equality.ts';
