"""Media streams of carriers: a WebSocket on which they send a call's sound, and take ours. One small file for each."""
