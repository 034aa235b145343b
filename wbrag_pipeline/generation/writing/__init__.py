"""What a language model is asked to write, and what is wrong with what it wrote: prompts, units, questions."""
