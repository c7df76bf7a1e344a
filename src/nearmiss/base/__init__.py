"""The foundation of all other packages: tables, seeding, files, fingerprint, manifests, tracking."""
