"""Between distilling and publishing: which units may be searched, and why the others may not."""
