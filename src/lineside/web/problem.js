/** What went wrong, in words that tell the caller what to do about it. */
export class Problem extends Error {}
