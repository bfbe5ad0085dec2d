/** Learning-rate schedules, with torch.optim.lr_scheduler's names. */
export { ChainedScheduler, type Combinable, SequentialLR } from './combined.ts';
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from './cosine.ts';
export { CyclicLR, type CyclicLROptions } from './cyclic.ts';
export { LinearLR, type LinearLROptions, PolynomialLR } from './decay.ts';
export { LambdaLR, type LrLambda, MultiplicativeLR } from './lambda.ts';
export { LRScheduler } from './lr-scheduler.ts';
export { OneCycleLR, type OneCycleLROptions } from './one-cycle.ts';
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './plateau.ts';
export { Scheduler, type SchedulerOptions } from './scheduler.ts';
export { ConstantLR, ExponentialLR, MultiStepLR, StepLR } from './stepwise.ts';
