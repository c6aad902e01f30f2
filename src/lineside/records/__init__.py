"""What is kept of calls: who called, what was said and decided, where the time went, and, with permission, the sound.

`event_log` turns a call's events into entries, `spool` keeps these on the disk until the `database` has them,
`recorder` and `recording_writer` keep the sound, and `archive` runs all of it in threads of its own: no call waits.
"""
