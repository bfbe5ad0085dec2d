/** Re-identification: networks and checkpoints, data, ranking, galleries. */
export {};
