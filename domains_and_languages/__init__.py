"""A domain that is not Wikipedia, a language that is not English: data, scripts, and what was measured with them."""
