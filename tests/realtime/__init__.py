"""The Realtime API: its rules, and sessions over real sockets."""
