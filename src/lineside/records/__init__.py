"""What is kept of calls: who called, what was said and decided, where the time went, and, with leave, the sound.

`scribe` turns a call's events into entries, `spool` keeps them on the disk until the database (`store`) has them,
`tape` and `reel` keep the sound, and `archive` runs all of it in threads of its own: no call ever waits for it.
"""
