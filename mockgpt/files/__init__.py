"""What touches the disk: scenario and service files, and local tokenizer ranks."""
