//! `--json`: what a command does, in lines of JSON on standard output. `docs/unattended.md` describes them; a field may
//! come to be, none is taken away.

use std::{collections::BTreeMap, io::Write, path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use ruma::{OwnedRoomId, RoomId};
use serde::Serialize;
use serde_json::Value;

use super::answer;
use crate::{
    clock::{Clock, SystemClock},
    job::{Event, Phase, RoomInHand},
    operation::{Answer, watch::Show},
    report::progress::{Counts, Progress},
};

/// One line, by its field `event`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    /// The first one.
    Begin {
        command: &'a str,
        version: &'static str,
    },
    /// A phase begins.
    Phase { phase: Phase, total: u64 },
    /// How far it is, at most once a second.
    Progress(&'a Counts),
    /// Something could not be done.
    Problem {
        step: &'a str,
        subject: &'a str,
        reason: &'a str,
        reference: String,
    },
    /// How far a room is: at first, at most once a second for each, and before it is left.
    Room {
        room_id: &'a RoomId,
        name: &'a str,
        done: u64,
        total: u64,
    },
    /// A room is in hand no more.
    RoomLeft { room_id: &'a RoomId },
    /// The job waits, or goes on.
    Paused { paused: bool },
    /// The last one.
    Answer {
        good: bool,
        exit: u8,
        markdown: &'a str,
        files: &'a [PathBuf],
        data: Option<&'a Value>,
    },
    /// The last one instead.
    Error { message: &'a str, exit: u8 },
}

impl<'a> Line<'a> {
    fn of(room: &'a RoomInHand) -> Self {
        Self::Room {
            room_id: &room.room_id,
            name: &room.name,
            done: room.done,
            total: room.total,
        }
    }
}

#[derive(Serialize)]
struct Stamped<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    /// Milliseconds since the Unix epoch.
    ts: u64,
}

/// A command's lines.
pub(super) struct Lines<W> {
    out: W,
    clock: Arc<dyn Clock>,
    progress: Progress,
    /// Whether something was counted since the last line of numbers.
    news: bool,
    phase: Option<Phase>,
    paused: bool,
    /// Rooms that went on since they were told.
    rooms: BTreeMap<OwnedRoomId, RoomInHand>,
    /// Rooms that were told and are in hand.
    in_hand: Vec<OwnedRoomId>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W, clock: Arc<dyn Clock>) -> Self {
        Self {
            progress: Progress::new("", clock.now_ms()),
            out,
            clock,
            news: false,
            phase: None,
            paused: false,
            rooms: BTreeMap::new(),
            in_hand: Vec::new(),
        }
    }

    /// The first line.
    pub(super) fn begin(&mut self, command: &str) {
        self.line(Line::Begin {
            command,
            version: env!("CARGO_PKG_VERSION"),
        });
    }

    /// What was counted and is not told yet.
    pub(super) fn rest(&mut self) {
        for room in std::mem::take(&mut self.rooms).values() {
            self.line(Line::of(room));
        }
        if std::mem::take(&mut self.news) {
            let counts = self.progress.counts(self.clock.now_ms());
            self.line(Line::Progress(&counts));
        }
    }

    /// The last line; the number is the process's exit code.
    pub(super) fn answer(&mut self, answer: &Answer) -> u8 {
        let exit = answer::code(answer);
        self.line(Line::Answer {
            good: answer.good,
            exit,
            markdown: &answer.markdown,
            files: &answer.files,
            data: answer.data.as_ref(),
        });
        exit
    }

    fn room(&mut self, room: &RoomInHand) {
        if self.in_hand.contains(&room.room_id) {
            self.rooms.insert(room.room_id.clone(), room.clone());
        } else {
            self.in_hand.push(room.room_id.clone());
            self.line(Line::of(room));
        }
    }

    fn line(&mut self, line: Line<'_>) {
        write(&mut self.out, line, self.clock.now_ms());
    }
}

impl<W: Write + Send> Show for Lines<W> {
    fn show(&mut self, _progress: Progress) -> BoxFuture<'static, ()> {
        self.rest();
        Box::pin(std::future::ready(()))
    }

    fn hear(&mut self, event: &Event) {
        self.progress.apply(event.clone(), self.clock.now_ms());
        match event {
            Event::Phase { phase, total } => {
                if self.phase.replace(*phase) == Some(*phase) {
                    self.news = true;
                } else {
                    self.in_hand.clear();
                    self.rooms.clear();
                    self.line(Line::Phase {
                        phase: *phase,
                        total: *total,
                    });
                }
            }
            Event::Done { .. } | Event::Expected(_) | Event::Events(_) | Event::Bytes { .. } => {
                self.news = true;
            }
            // It is in no line.
            Event::Carried(_) => {}
            Event::Lag(_) => self.news = true,
            Event::Room(room) => self.room(room),
            Event::RoomLeft(room_id) => {
                if let Some(room) = self.rooms.remove(room_id) {
                    self.line(Line::of(&room));
                }
                self.in_hand.retain(|known| known != room_id);
                self.line(Line::RoomLeft { room_id });
            }
            Event::Problem(problem) => {
                self.news = true;
                self.line(Line::Problem {
                    step: &problem.step,
                    subject: &problem.subject,
                    reason: &problem.reason,
                    reference: problem.reference(),
                });
            }
            // Each of several rooms waits and tells so.
            Event::Paused(paused) if *paused == self.paused => {}
            Event::Paused(paused) => {
                self.paused = *paused;
                self.line(Line::Paused { paused: *paused });
            }
        }
    }
}

/// The last line of a command that failed, on standard output.
pub fn error(message: &str, exit: u8) {
    let now = SystemClock.now_ms();
    write(&mut std::io::stdout(), Line::Error { message, exit }, now);
}

fn write(out: &mut impl Write, line: Line<'_>, ts: u64) {
    let mut text = serde_json::to_string(&Stamped { line, ts }).unwrap_or_default();
    text.push('\n');
    // In one piece; a closed pipe is the reader's choice.
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests;
