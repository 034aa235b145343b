"""The commands of ``wbrag``, one file each. Heavy imports stand inside functions: ``--help`` must not pay for them."""
