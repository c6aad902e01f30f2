"""The engine server: one process that holds the models and answers by HTTP in the field's own conventions."""
