"""Keyword substitution (Rösch et al., ALVR 2024)."""
