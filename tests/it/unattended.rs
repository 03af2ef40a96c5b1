//! Ferryman without anybody who looks: lines of JSON, health, metrics, and what it tells systemd.

mod exposition;
mod lines;
mod run;
mod systemd;
