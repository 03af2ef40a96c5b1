//! What happens to every local file: from what the bundle says of it to plain data. No I/O.

use std::collections::BTreeMap;

use ruma::OwnedUserId;
use serde::Serialize;

use crate::bundle::Bundle;
use crate::model::{
    abilities::Abilities,
    media::MediaRef,
    media_wish::{MediaWish, WhichMedia},
    wanted,
};

/// The plan of the media: counts, and those by name of which somebody may want to know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MediaPlan {
    /// What the operator wants.
    pub wish: MediaWish,
    /// Files that are carried over.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many stay behind, by reason.
    pub left: BTreeMap<Why, u64>,
    /// Those of them that are nobody's choice: quarantined, or missing on Synapse's disk.
    pub lost: Vec<NamedMedium>,
    /// Files that are carried over, although they are quarantined on Synapse: the export was asked for them.
    pub quarantined: Vec<NamedMedium>,
    /// The most bytes that somebody can upload to the target, if it says so.
    pub limit: Option<u64>,
    /// Files that are carried over, although they are larger than that.
    pub large: Vec<NamedMedium>,
}

/// One file by its media ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedMedium {
    /// The last part of its `mxc://` URI.
    pub media_id: String,
    /// Who uploaded it.
    pub user_id: Option<OwnedUserId>,
    /// Its length in bytes, as far as it is known.
    pub bytes: Option<u64>,
    /// Why it stays behind, if it does.
    pub why: Option<Why>,
}

/// Why a file stays behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its content is not in the bundle, because the export could not read it.
    Missing,
    /// An admin of Synapse has taken it out of sight.
    Quarantined,
    /// The export was not asked for its content.
    NotExported,
    /// The import is not asked for any.
    NotWanted,
    /// It was uploaded before the time that is asked for.
    Older,
    /// It is larger than what is asked for.
    Larger,
    /// The target fetches no media.
    NoWay,
    /// It was announced, and nothing came.
    NeverUploaded,
}

/// What decides about all files.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// What the operator wants of them.
    pub wish: MediaWish,
    /// What the export was to read.
    pub exported: wanted::Media,
    /// Whether it was to read what is quarantined, too.
    pub quarantined: bool,
    /// Milliseconds since the Unix epoch at which the export was made.
    pub exported_ms: u64,
    /// The most bytes that somebody can upload to the target.
    pub limit: Option<u64>,
    /// Whether the target can be told to fetch a file.
    pub fetches: bool,
}

impl Terms {
    /// Of a bundle and a target.
    #[must_use]
    pub fn of(bundle: &Bundle, target: &Abilities, wish: MediaWish, limit: Option<u64>) -> Self {
        let schema = bundle.schema();
        let wanted = schema.wanted.as_ref();
        Self {
            wish,
            exported: wanted.map_or(wanted::Media::All, |wanted| wanted.media),
            quarantined: wanted.is_some_and(|wanted| wanted.quarantined),
            exported_ms: schema.exported_ts.unwrap_or_default(),
            limit,
            fetches: target.replay,
        }
    }

    /// Why a file stays behind, if it does. `content` is the length of what the bundle has of it.
    #[must_use]
    pub fn left(&self, item: &MediaRef, content: Option<u64>) -> Option<Why> {
        let created = item.created_ts.unwrap_or(u64::MAX);
        if self.wish.which == WhichMedia::None {
            return Some(Why::NotWanted);
        }
        let Some(bytes) = content else {
            // No user of Synapse gets it, so nobody may on the next server, unless the export was asked for it.
            if item.quarantined_by.is_some() && !self.quarantined {
                return Some(Why::Quarantined);
            }
            if item.length.is_none() {
                return Some(Why::NeverUploaded);
            }
            let since = self.exported.contents_since(self.exported_ms);
            return Some(if since.is_some_and(|since| created >= since) {
                Why::Missing
            } else {
                Why::NotExported
            });
        };
        if !self.fetches {
            Some(Why::NoWay)
        } else if created < self.wish.since(self.exported_ms) {
            Some(Why::Older)
        } else if bytes > self.wish.max_bytes() {
            Some(Why::Larger)
        } else {
            None
        }
    }

    /// The plan of files, each with the length of what the bundle has of it.
    pub fn plan(&self, items: impl Iterator<Item = (MediaRef, Option<u64>)>) -> MediaPlan {
        let mut plan = MediaPlan {
            wish: self.wish,
            limit: self.limit,
            ..MediaPlan::default()
        };
        for (item, content) in items {
            let why = self.left(&item, content);
            match why {
                None => {
                    plan.files += 1;
                    plan.bytes += content.unwrap_or_default();
                }
                Some(why) => *plan.left.entry(why).or_default() += 1,
            }
            let is_quarantined = item.quarantined_by.is_some();
            let named = NamedMedium {
                media_id: item.media_id,
                user_id: item.user_id,
                bytes: content.or(item.length),
                why,
            };
            if why.is_none() && is_quarantined {
                plan.quarantined.push(named.clone());
            }
            match why {
                Some(Why::Missing | Why::Quarantined) => plan.lost.push(named),
                None if content > self.limit.or(Some(u64::MAX)) => plan.large.push(named),
                _ => {}
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        wanted::Media::{NewerThan, Refs},
        *,
    };

    const DAY: u64 = 24 * 60 * 60 * 1000;
    const MIB: u64 = 1024 * 1024;

    fn item(id: &str, more: &serde_json::Value) -> MediaRef {
        let mut item = json!({ "media_id": id, "user_id": "@a:ferry.test", "length": 5, "created_ts": 9 * DAY });
        for (name, value) in more.as_object().unwrap() {
            item[name] = value.clone();
        }
        serde_json::from_value(item).unwrap()
    }

    fn terms() -> Terms {
        Terms {
            wish: MediaWish::default(),
            exported: wanted::Media::All,
            quarantined: false,
            exported_ms: 10 * DAY,
            limit: None,
            fetches: true,
        }
    }

    #[test]
    fn everything_that_the_bundle_has_is_carried() {
        let terms = terms();
        let left = |more: serde_json::Value, content| terms.left(&item("a", &more), content);
        assert_eq!(left(json!({}), Some(5)), None);
        assert_eq!(left(json!({ "created_ts": null }), Some(5)), None);
        // An empty file is one, too.
        assert_eq!(left(json!({ "length": 0 }), Some(0)), None);
        assert_eq!(left(json!({}), None), Some(Why::Missing));
        assert_eq!(
            left(json!({ "length": null }), None),
            Some(Why::NeverUploaded)
        );
        let terms = Terms {
            fetches: false,
            ..terms
        };
        assert_eq!(
            terms.left(&item("a", &json!({})), Some(5)),
            Some(Why::NoWay)
        );
    }

    #[test]
    fn what_is_quarantined_comes_where_the_export_was_asked_for_it() {
        let left = |quarantined, content| {
            let terms = Terms {
                quarantined,
                ..terms()
            };
            let item = item("a", &json!({ "quarantined_by": "@admin:ferry.test" }));
            terms.left(&item, content)
        };
        assert_eq!(left(false, None), Some(Why::Quarantined));
        assert_eq!(left(true, None), Some(Why::Missing));
        assert_eq!(left(true, Some(5)), None);
    }

    #[test]
    fn what_the_export_left_out_is_not_called_missing() {
        let left = |exported, created_ts| {
            let terms = Terms {
                exported,
                ..terms()
            };
            terms.left(&item("a", &json!({ "created_ts": created_ts })), None)
        };
        assert_eq!(left(Refs, 9 * DAY), Some(Why::NotExported));
        assert_eq!(
            left(NewerThan { days: 2 }, 8 * DAY - 1),
            Some(Why::NotExported)
        );
        assert_eq!(left(NewerThan { days: 2 }, 8 * DAY), Some(Why::Missing));
    }

    #[test]
    fn age_and_size_are_the_operators_choice() {
        let left = |which, max_mib, created_ts, bytes| {
            let wish = MediaWish { which, max_mib };
            let terms = Terms { wish, ..terms() };
            terms.left(
                &item("a", &json!({ "created_ts": created_ts })),
                Some(bytes),
            )
        };
        let newer = WhichMedia::NewerThan { days: 3 };
        assert_eq!(left(newer, None, 7 * DAY, 5), None);
        assert_eq!(left(newer, None, 7 * DAY - 1, 5), Some(Why::Older));
        let all = WhichMedia::All;
        assert_eq!(left(all, Some(1), 0, MIB), None);
        assert_eq!(left(all, Some(1), 0, MIB + 1), Some(Why::Larger));
        assert_eq!(
            left(WhichMedia::None, None, 9 * DAY, 5),
            Some(Why::NotWanted)
        );
    }

    #[test]
    fn the_plan_counts_and_names() {
        let terms = Terms {
            limit: Some(100),
            wish: MediaWish {
                max_mib: Some(1),
                ..MediaWish::default()
            },
            ..terms()
        };
        let quarantined = json!({ "quarantined_by": "@admin:ferry.test" });
        let plan = terms.plan(
            [
                (item("small", &json!({})), Some(100)),
                (item("large", &json!({})), Some(101)),
                (item("larger", &json!({})), Some(2 * MIB)),
                (item("gone", &json!({})), None),
                (item("evil", &quarantined), None),
                (item("seen", &quarantined), Some(3)),
            ]
            .into_iter(),
        );
        assert_eq!((plan.files, plan.bytes), (3, 204));
        assert_eq!(
            plan.left,
            [(Why::Missing, 1), (Why::Quarantined, 1), (Why::Larger, 1)].into()
        );
        let names = |list: &[NamedMedium]| -> Vec<_> {
            list.iter()
                .map(|it| (it.media_id.clone(), it.bytes))
                .collect()
        };
        assert_eq!(
            names(&plan.lost),
            [("gone".to_owned(), Some(5)), ("evil".to_owned(), Some(5))]
        );
        assert_eq!(names(&plan.large), [("large".to_owned(), Some(101))]);
        assert_eq!(names(&plan.quarantined), [("seen".to_owned(), Some(3))]);
    }
}
