"""How many machines so many calls need: figures that were measured, and a model of waiting. Pure."""
