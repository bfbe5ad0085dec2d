/** torch.autograd.graph: what the graph keeps for backward. */
export { savedTensorsHooks, saveOnCpu } from './saved-tensors.ts';
