"""Jobs and takes: from a request to files on disk."""
