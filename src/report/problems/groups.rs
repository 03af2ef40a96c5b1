//! Problems of one cause together: ten thousand rooms that fail alike are one line.

use crate::job::Problem;

/// Problems of one step and one cause.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// How the cause reads, with `…` for what differs.
    pub(super) cause: String,
    /// The first of them; there is always one.
    pub(super) first: &'a Problem,
    /// How many there are.
    pub(super) count: u64,
}

/// The largest first; those of one size in the order in which they came.
pub(super) fn of(problems: &[Problem]) -> Vec<Group<'_>> {
    let mut places = std::collections::HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for problem in problems {
        let cause = masked(&problem.reason);
        let place = *places
            .entry((&problem.step, cause.clone()))
            .or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.count += 1,
            None => groups.push(Group {
                cause,
                first: problem,
                count: 1,
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// A reason without the IDs in it.
pub(super) fn masked(reason: &str) -> String {
    let words = reason.split(' ').map(|word| {
        let bare = word.trim_start_matches(['`', '(', '"']);
        let is_id = bare.starts_with("mxc://")
            || bare.contains("/_matrix/") && bare.contains('%')
            || bare.starts_with('$') && bare.len() > 1
            || bare.starts_with(['!', '@', '#']) && (bare.contains(':') || bare.len() > 30);
        if is_id { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_make_no_difference() {
        let problem = |step: &str, reason: &str| Problem {
            step: step.to_owned(),
            subject: "x".to_owned(),
            reason: reason.to_owned(),
        };
        let problems = [
            problem("room", "nobody can join"),
            problem(
                "room",
                "the target answered 500 to PUT /_matrix/client/v3/rooms/%21a%3Ax/join: it is full",
            ),
            problem("event", "$abc (m.room.message) is missing"),
            problem(
                "room",
                "the target answered 500 to PUT /_matrix/client/v3/rooms/%21b%3Ax/join: it is full",
            ),
            problem("event", "$def (m.room.message) is missing"),
            problem("event", "$def (m.room.name) is missing"),
            problem("alias", "#a:x is taken by !b:x"),
        ];
        let all = of(&problems);
        let lines: Vec<_> = all
            .iter()
            .map(|group| format!("{} {}: {}", group.count, group.first.step, group.cause))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        2 room: the target answered 500 to PUT … it is full
        2 event: … (m.room.message) is missing
        1 room: nobody can join
        1 event: … (m.room.name) is missing
        1 alias: … is taken by …
        ");
    }
}
