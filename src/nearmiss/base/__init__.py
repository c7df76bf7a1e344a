"""What everything stands on: tables, seeding, files, identity, manifests, tracking."""
