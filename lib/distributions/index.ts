/** Probability distributions, with torch.distributions' names: those that training draws from. */
export { Bernoulli } from './bernoulli.ts';
export { Beta } from './beta.ts';
export { Categorical } from './categorical.ts';
export { Dirichlet } from './dirichlet.ts';
export { Distribution, type DistributionOptions } from './distribution.ts';
export { klDivergence } from './kl.ts';
export { Normal } from './normal.ts';
export type { ProbsOrLogits } from './probabilities.ts';
