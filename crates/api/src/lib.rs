//! The JSON door: REST and OpenAPI.
