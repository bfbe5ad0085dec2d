/** Samplers of batches of P identities with K images each. */
export { BalancedIdentitySampler } from './balanced-identity.ts';
export type { Identity, IdentitySamplerOptions } from './identities.ts';
export { NaiveIdentitySampler } from './naive-identity.ts';
export { RandomIdentitySampler } from './random-identity.ts';
export type { ReplicaOptions } from './replicas.ts';
