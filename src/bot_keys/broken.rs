//! A place in a store that should have a session and can't be read.

/// What is listed in `failed-sessions.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file, by its name in the store: `db`, `blobs/123`, `matrix-sdk-crypto.sqlite3`.
    pub file: String,
    /// Where the value begins in it, in bytes; for SQLite the number of the row. Nothing where a whole file is meant.
    pub offset: Option<u64>,
    /// The row's key as far as it could be read.
    pub row_key: Option<Vec<u8>>,
    /// What is wrong, in one clause without anything secret.
    pub error: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            Some(offset) if self.file.ends_with("sqlite3") => {
                write!(to, "row {offset} of {} ({})", self.file, self.error)
            }
            Some(offset) => write!(to, "byte {offset} of {} ({})", self.file, self.error),
            None => write!(to, "{} ({})", self.file, self.error),
        }
    }
}
