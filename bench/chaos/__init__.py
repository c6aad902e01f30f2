"""Faults for real: gateways, a balancer, PostgreSQL and callers on this machine, and something breaks."""
