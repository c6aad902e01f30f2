"""Callers that are not people: they call in numbers, speak, listen, and keep score of what a caller hears."""
