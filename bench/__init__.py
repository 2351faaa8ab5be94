"""The contenders side by side: what ``make bench`` measures, and how."""
