//! Names that resolve everywhere without touching `/etc/hosts`, and free ports on 127.0.0.1.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use ruma::OwnedServerName;

use super::{LabError, Result};

/// Below Linux's range for outgoing connections (32768 and up), so that none of them takes a port between our look and
/// the server's bind.
const FIRST: u16 = 18_000;
const LAST: u16 = 31_999;

/// The names of one lab: both have a port, so nobody looks for a well-known file or a SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `localhost:<port>`: the source's name and the target's. Neither has to listen there.
    pub server_name: OwnedServerName,
    /// `localhost:<other port>`: the resident's name.
    pub resident: OwnedServerName,
    /// Where the resident has to listen: its name says so.
    pub resident_port: u16,
}

impl Names {
    /// Fresh names with free ports.
    pub fn fresh() -> Result<Self> {
        let resident_port = free_port()?;
        Ok(Self {
            server_name: local_name(free_port()?),
            resident: local_name(resident_port),
            resident_port,
        })
    }
}

/// `localhost:<port>`.
fn local_name(port: u16) -> OwnedServerName {
    // Always valid: the conversion is there because the type has no other way in.
    OwnedServerName::try_from(format!("localhost:{port}")).unwrap_or_else(|_| {
        unreachable!("a host, a colon and a number make a server name");
    })
}

/// A port on 127.0.0.1 that nobody listens on, and that this process won't hand out again soon.
pub fn free_port() -> Result<u16> {
    static STEPS: AtomicU16 = AtomicU16::new(0);
    let range = LAST - FIRST;
    // Processes start at different places, so that two that run at once don't race for the same port.
    let start = u16::try_from(std::process::id().wrapping_mul(61) % u32::from(range)).unwrap_or(0);
    for _ in 0..range {
        let step = STEPS.fetch_add(1, Ordering::Relaxed) % range;
        let port = FIRST + start.wrapping_add(step) % range;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(LabError::NoPort(FIRST, LAST))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_free_and_not_handed_out_twice() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| (FIRST..=LAST).contains(port)));
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap();
        let taken = taken.local_addr().unwrap().port();
        assert!((0..50).all(|_| free_port().unwrap() != taken));
    }

    #[test]
    fn the_resident_shares_the_host_but_not_the_name() {
        let names = Names::fresh().unwrap();
        assert_ne!(names.server_name, names.resident);
        assert_eq!(names.server_name.host(), names.resident.host());
        assert_eq!(names.resident.port(), Some(names.resident_port));
    }
}
