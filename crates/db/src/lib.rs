//! Connection, dialect, units of work with grouped commits, migrations runner.
