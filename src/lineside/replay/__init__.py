"""A kept call, held again from its caller's sound: `lineside replay`."""
