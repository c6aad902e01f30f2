"""Rehearsals: scripted and ruled callers try an agent, and what they brought about is compared with what was meant."""
