"""Movies and other media files from strangers, opened with FFmpeg's libraries and without their powers."""
