"""A folder of documents as passages: formats read into blocks, front matter and labels, cutting."""
