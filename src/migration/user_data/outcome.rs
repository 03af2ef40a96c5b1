//! Users' own data on the target against the bundle.

use serde::Serialize;

use crate::migration::outcome::Comparison;

/// By kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct UserDataVerification {
    /// Fields of profiles beyond name and picture.
    pub fields: Comparison,
    /// Account data by type, and by room and type; a room's tags are one.
    pub account_data: Comparison,
    /// Users' own push rules, and default rules that they changed.
    pub push_rules: Comparison,
    /// Receipts and fully-read markers, without their times.
    pub receipts: Comparison,
    /// Public receipts among them that have their own time.
    pub receipts_timed: u64,
}

impl UserDataVerification {
    /// All parts with their names.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &Comparison); 4] {
        [
            ("profile fields", &self.fields),
            ("account data", &self.account_data),
            ("push rules", &self.push_rules),
            ("receipts", &self.receipts),
        ]
    }

    /// Nothing differs but for known reasons.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.parts().iter().all(|(_, part)| part.is_good())
    }

    /// Adds another user's.
    pub(super) fn add(&mut self, other: Self) {
        self.receipts_timed += other.receipts_timed;
        for (part, other) in [
            (&mut self.fields, other.fields),
            (&mut self.account_data, other.account_data),
            (&mut self.push_rules, other.push_rules),
            (&mut self.receipts, other.receipts),
        ] {
            part.expected += other.expected;
            part.equal += other.equal;
            part.differences.extend(other.differences);
            part.known.extend(other.known);
        }
    }
}
