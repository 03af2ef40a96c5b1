//! How often each text came, for texts that somebody else chose.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cut;

/// Different texts that are told apart.
const MOST: usize = 64;

/// Text → how often. What comes after 64 different ones is counted together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Those that are told apart.
    pub each: BTreeMap<String, u64>,
    /// All others.
    pub rest: u64,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, text: &str) {
        let text = cut(text);
        if self.each.len() < MOST || self.each.contains_key(&text) {
            *self.each.entry(text).or_default() += 1;
        } else {
            self.rest += 1;
        }
    }
}
