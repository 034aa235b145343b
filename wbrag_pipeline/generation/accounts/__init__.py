"""What was answered before and what answers cost: the completion cache, the ledger, prices and budgets."""
