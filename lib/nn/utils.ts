/** What torch.nn.utils has for building modules. */
export { skipInit } from './skip-init.ts';
