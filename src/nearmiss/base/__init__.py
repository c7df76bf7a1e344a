"""What everything stands on: tables, seeding, files, fingerprint, manifests, tracking."""
