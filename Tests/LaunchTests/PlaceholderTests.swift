// This stage's tests are being written.
