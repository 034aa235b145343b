"""The RAG methods: small policies over the generator's protocol."""
