//! A row as both engines give it: borrowed columns, read when they are asked for.

use super::postgres::Wire;

/// A row of a query. Columns count from 0.
pub struct Row<'a>(pub(super) Inner<'a>);

pub(super) enum Inner<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::binary_copy::BinaryCopyOutRow),
}

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column<'a> {
    /// NULL, or no such column.
    Null,
    /// Any integer.
    Int(i64),
    /// PostgreSQL's booleans; SQLite has integers in their place.
    Flag(bool),
    /// A text, or JSON, as its bytes.
    Text(&'a [u8]),
    /// `bytea` or a blob.
    Bytes(&'a [u8]),
}

impl<'a> Row<'a> {
    /// What is in a column, as the engine stores it.
    #[must_use]
    pub fn column(&self, index: usize) -> Column<'a> {
        match self.0 {
            Inner::Sqlite(row) => match row.get_ref(index) {
                Ok(rusqlite::types::ValueRef::Integer(number)) => Column::Int(number),
                Ok(rusqlite::types::ValueRef::Text(bytes)) => Column::Text(bytes),
                Ok(rusqlite::types::ValueRef::Blob(bytes)) => Column::Bytes(bytes),
                // None of Synapse's columns is meant to hold a fraction; SQLite would let one in.
                Ok(rusqlite::types::ValueRef::Null | rusqlite::types::ValueRef::Real(_))
                | Err(_) => Column::Null,
            },
            Inner::Postgres(row) => row
                .try_get::<Option<Wire<'a>>>(index)
                .ok()
                .flatten()
                .map_or(Column::Null, |wire| wire.0),
        }
    }

    /// A text, also one that is stored as bytes (Synapse has JSON in both); `None` for NULL and for what is no UTF-8.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(index)?).ok()
    }

    /// The bytes of a text or of a blob.
    #[must_use]
    pub fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        match self.column(index) {
            Column::Text(bytes) | Column::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A number.
    #[must_use]
    pub fn int(&self, index: usize) -> Option<i64> {
        match self.column(index) {
            Column::Int(number) => Some(number),
            Column::Flag(flag) => Some(flag.into()),
            _ => None,
        }
    }

    /// A number that can't be negative, such as a time in milliseconds; `None` if it is.
    #[must_use]
    pub fn count(&self, index: usize) -> Option<u64> {
        self.int(index)?.try_into().ok()
    }

    /// A boolean, whether the column is one (PostgreSQL) or a number (SQLite, and some columns in both).
    #[must_use]
    pub fn flag(&self, index: usize) -> Option<bool> {
        match self.column(index) {
            Column::Flag(flag) => Some(flag),
            Column::Int(number) => Some(number != 0),
            _ => None,
        }
    }
}
