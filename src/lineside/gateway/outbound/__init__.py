"""Calls that lineside makes: gates, what is remembered of them, and each call from request to outcome."""
