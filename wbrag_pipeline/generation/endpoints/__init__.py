"""Servers that speak OpenAI's protocol, as engines: their address, their dialect, requests, replies and failures."""
