//! Contracts of issuers and targets, error classes, configuration schemas.
