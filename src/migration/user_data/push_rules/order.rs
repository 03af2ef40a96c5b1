//! From the rules that are there to those that are wanted, in the wanted order, with few requests.

use serde_json::Value;

use crate::model::push_rules::meaning::Body;

/// A request about one of a user's own rules, of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change<'a> {
    /// It goes, to come again as the first one: where a rule stands that is written anew differs between servers.
    Delete(&'a str),
    /// It comes before all others.
    Put(&'a Value),
}

/// A rule's ID.
pub(super) fn id(rule: &Value) -> &str {
    rule["rule_id"].as_str().unwrap_or_default()
}

/// Whether it is one of the server's own.
pub(super) fn is_default(rule: &Value) -> bool {
    rule["default"] == true || id(rule).starts_with('.')
}

/// What makes the user's own rules of a kind be those that are wanted, in their order. Others that are there stay behind
/// what is moved.
///
/// A new rule always comes first, so they are made from the last to the first. A place beside another rule is not asked
/// for: Synapse wants its name in ASCII, and Tuwunel 1.4.6 moves a rule towards the end by one too many.
pub(super) fn changes<'a>(wanted: &'a [Value], there: &[Value]) -> Vec<Change<'a>> {
    let wanted: Vec<_> = wanted.iter().filter(|rule| !is_default(rule)).collect();
    let moved = &wanted[..wanted.len() - kept(&wanted, there)];
    let is_there = |rule: &&&Value| there.iter().any(|other| id(other) == id(rule));
    let gone = moved.iter().filter(is_there);
    let gone = gone.map(|rule| Change::Delete(id(rule)));
    gone.chain(moved.iter().rev().map(|rule| Change::Put(rule)))
        .collect()
}

/// How many of the last rules are there as they are wanted, in the wanted order.
fn kept(wanted: &[&Value], there: &[Value]) -> usize {
    let mut before = there.len();
    let mut kept = 0;
    for rule in wanted.iter().rev() {
        let same = |other: &Value| id(other) == id(rule) && Body::of(other) == Body::of(rule);
        match there[..before].iter().position(same) {
            Some(place) => before = place,
            None => break,
        }
        kept += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rule(name: &str, pattern: u8) -> Value {
        json!({ "rule_id": name, "default": false, "enabled": true, "pattern": pattern.to_string(), "actions": [] })
    }

    /// What a server makes of it.
    fn apply(mut there: Vec<Value>, changes: &[Change<'_>]) -> Vec<Value> {
        let place = |there: &[Value], name: &str| there.iter().position(|rule| id(rule) == name);
        for change in changes {
            match change {
                Change::Delete(name) => drop(there.remove(place(&there, name).unwrap())),
                Change::Put(rule) => {
                    assert_eq!(place(&there, id(rule)), None, "no rule is written anew");
                    there.insert(0, (*rule).clone());
                }
            }
        }
        there
    }

    fn rules(names: &[&str]) -> Vec<Value> {
        names.iter().map(|name| rule(name, 0)).collect()
    }

    #[test]
    fn the_last_ones_stay_where_they_are() {
        let (wanted, there) = (rules(&["a", "b", "c", "d"]), rules(&["b", "c", "x", "d"]));
        assert_eq!(changes(&wanted, &there), [Change::Put(&wanted[0])]);
        let there = rules(&["d", "a", "x", "c"]);
        let changes = changes(&wanted, &there);
        let [a, b, c] = [0, 1, 2].map(|index| Change::Put(&wanted[index]));
        let gone = ["a", "c"].map(Change::Delete);
        assert_eq!(changes, [gone[0], gone[1], c, b, a]);
        assert_eq!(apply(there, &changes), rules(&["a", "b", "c", "d", "x"]));
    }

    #[test]
    fn default_rules_are_neither_made_nor_moved() {
        let master =
            json!({ "rule_id": ".m.rule.master", "default": true, "enabled": true, "actions": [] });
        let wanted = [vec![master.clone()], rules(&["a"])].concat();
        let there = vec![master];
        let changes = changes(&wanted, &there);
        assert_eq!(changes, [Change::Put(&wanted[1])]);
    }

    prop_compose! {
        /// Rules of different names, with one of two bodies each, in any order.
        fn any_rules()(names in Just((0..7_u8).collect::<Vec<_>>()).prop_shuffle(),
                       bodies in prop::collection::vec(0..2_u8, 7), number in 0..=7_usize) -> Vec<Value> {
            let named = names.into_iter().zip(bodies).take(number);
            named.map(|(name, body)| rule(&name.to_string(), body)).collect()
        }
    }

    proptest! {
        #[test]
        fn the_end_is_what_was_wanted(wanted in any_rules(), there in any_rules()) {
            let is_wanted = |rule: &Value| wanted.iter().any(|other| id(other) == id(rule));
            let end = apply(there.clone(), &changes(&wanted, &there));
            let (of_wanted, others): (Vec<_>, Vec<_>) = end.iter().cloned().partition(is_wanted);
            prop_assert_eq!(&of_wanted, &wanted);
            let before: Vec<_> = there.into_iter().filter(|rule| !is_wanted(rule)).collect();
            prop_assert_eq!(others, before);
            prop_assert_eq!(changes(&wanted, &end), []);
        }
    }
}
