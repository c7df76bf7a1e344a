"""What everything is on: tables, seeding, files, fingerprint, manifests, tracking."""
