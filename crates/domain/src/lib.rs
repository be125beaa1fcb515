//! Rules and states, pure: ids, names, entities, transitions, renewal planning, permissions.
