"""Write-back: scoring, the two gates, distillation and releases."""
