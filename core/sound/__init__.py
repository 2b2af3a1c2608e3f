"""Speech: reading sound files, log-mel features, the audio encoder, and lips from speech."""
