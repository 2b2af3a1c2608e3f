"""Speech: reading sound, log-mel features, the audio encoder, and lips from speech."""
