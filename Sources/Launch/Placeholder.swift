// This stage is being written.
