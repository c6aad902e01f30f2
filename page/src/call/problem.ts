/** The gateway is not there. */
export const SILENT = 'lineside does not answer. Check that it is running, then press Start call.';

/** What went wrong, in words that tell the caller what to do about it. */
export class Problem extends Error {}

/** lineside wants a key, and the one given (if any) is not among them. */
export class KeyNeeded extends Error {}
