"""The encoder of Whisper, which hears speech for E_a: its spectrogram and its network."""
