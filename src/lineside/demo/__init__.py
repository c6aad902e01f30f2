"""The back end of the demonstration agent: orders, visits and addresses of a small company that does not exist."""
