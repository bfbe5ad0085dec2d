/** torch.nn.utils: gradients, parameters, sequences. */
export { skipInit } from '../init/skip-init.ts';
export * as rnn from './rnn.ts';
