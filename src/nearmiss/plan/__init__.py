"""What an experiment costs before it runs: jobs, downloads, disk, memory and hours, from measured rates."""
