/** What `segment finetune` takes where nothing is told. */
export const DEFAULTS = { epochs: 20, batchSize: 8, lr: 0.005 };
