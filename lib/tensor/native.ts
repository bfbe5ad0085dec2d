import { type Binding, loadBinding } from '../binding.ts';

/** The native module; loading it is the first thing that the tensor layer does. */
export const native: Binding = loadBinding().binding;
