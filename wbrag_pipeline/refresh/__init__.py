"""When a corpus changes: what that does to the knowledge units that were made from it."""
