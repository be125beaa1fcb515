//! One module per place where a certificate is installed, on one deploy primitive.
