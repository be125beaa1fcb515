//! One command from an empty directory to a served certificate.
