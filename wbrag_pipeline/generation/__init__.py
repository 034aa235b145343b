"""What answers and distils: the embedded reader, and language models over their engines."""
