/** What torch.nn.utils has for building modules. */
export { skipInit } from './init/skip-init.ts';
