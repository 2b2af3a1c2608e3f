"""Movies and other media files from strangers, opened with FFmpeg's libraries, which may only read them."""
