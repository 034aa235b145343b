"""What a run will ask of the generator, before it is made: calls, tokens, time and money."""
