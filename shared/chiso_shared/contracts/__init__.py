"""What the world sees of chiso: topics, event envelopes, payload models and their JSON. No I/O."""
