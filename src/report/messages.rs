//! Messages of rooms that are made anew, in a plan and in the end of an import.

use std::{collections::BTreeMap, fmt::Write};

use super::text::{count, escape, number_of};
use crate::migration::outcome::{MessagesSummary, NotSent};

/// How many were sent again.
pub(super) fn sent(number: u64) -> String {
    format!(
        "{} sent again, with the old times",
        count(number, "message was", "messages were")
    )
}

/// How many will be, as lines of a list.
pub(super) fn planned(number: u64, why: &BTreeMap<NotSent, u64>) -> String {
    format!(
        "- {} sent again by those who have said them, as new events with the old times and a mark\n{}",
        count(number, "message is", "messages are"),
        left(why)
    )
}

/// What came of it, as lines of a list.
pub(super) fn summary(summary: &MessagesSummary) -> String {
    let of = if summary.sent < summary.planned {
        format!(" (of {})", number_of(summary.planned))
    } else {
        String::new()
    };
    format!("- {}{of}\n{}", sent(summary.sent), left(&summary.left))
}

fn left(left: &BTreeMap<NotSent, u64>) -> String {
    left.iter().fold(String::new(), |mut text, (why, number)| {
        let _infallible = writeln!(
            text,
            "- {} not sent again: {}",
            count(
                *number,
                "thing that was said is",
                "things that were said are"
            ),
            escape(&why.to_string())
        );
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reasons_are_told() {
        let all = [
            NotSent::Redacted,
            NotSent::Remote,
            NotSent::Closed,
            NotSent::Gone,
            NotSent::Hidden,
            NotSent::Encrypted,
            NotSent::Related,
            NotSent::Other,
            NotSent::Unreadable,
        ];
        let left: BTreeMap<_, _> = all.into_iter().zip(1..).collect();
        insta::assert_snapshot!(planned(1_000, &left), @r"
        - 1,000 messages are sent again by those who have said them, as new events with the old times and a mark
        - 1 thing that was said is not sent again: deleted
        - 2 things that were said are not sent again: said by people of other servers
        - 3 things that were said are not sent again: said by accounts that can't be used any more
        - 4 things that were said are not sent again: said by people who are not in the room any more
        - 5 things that were said are not sent again: not to be read then by all who are in the room now
        - 6 things that were said are not sent again: encrypted for the room's old ID
        - 7 things that were said are not sent again: part of something that is not sent again
        - 8 things that were said are not sent again: a call, a verification, or something else that no client shows
        - 9 things that were said are not sent again: unreadable, or with numbers that no server takes
        ");
        let of = |sent, planned| {
            summary(&MessagesSummary {
                sent,
                planned,
                left: BTreeMap::new(),
            })
        };
        insta::assert_snapshot!([of(1, 1), of(3, 1_000)].concat(), @r"
        - 1 message was sent again, with the old times
        - 3 messages were sent again, with the old times (of 1,000)
        ");
    }
}
