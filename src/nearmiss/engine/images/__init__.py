"""Decoding and uint8 stores."""
