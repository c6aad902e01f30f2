"""lineside answers phone calls: it hears, thinks, speaks and gives way."""
