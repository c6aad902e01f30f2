"""Processes that lineside starts: started, watched, restarted and ended, in one way for all of them."""
