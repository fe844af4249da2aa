"""Published trials trained again from their seeds, and compared."""
