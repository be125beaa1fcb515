//! One module per certificate authority.
