/** The exit status of a run that was told to stop and can go on: `EX_TEMPFAIL` of sysexits.h. */
export const STOPPED = 75;
