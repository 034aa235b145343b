"""Engines in this process: Hugging Face transformers and vLLM, down to tokens."""
