"""PNG files: chunks, samples and what stands beside them, in and out."""
